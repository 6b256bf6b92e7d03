package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	ponos "github.com/ponos-dev/ponos-go"
)

const (
	late    = 15 // minutes from which a flight counts as late
	batch   = 20 // flights published in one step
	workers = 16 // flights that a consumer counts at once
)

// flight is published as JSON, which every language reads with its codec.
type flight struct {
	Time   string `json:"time"`
	Delay  int64  `json:"delay"`
	Origin string `json:"origin"`
}

// departures is what every part of the program opens: the flights and their totals, in one scope.
type departures struct {
	client  *ponos.Client
	flights *ponos.Stream[flight]
	totals  *ponos.TypedMap[int64]
}

// join opens a client of its own, as in a process of its own.
func join(ctx context.Context) (*departures, error) {
	client, err := ponos.Open(ctx, *url)
	if err != nil {
		return nil, err
	}
	scope := client.Scope("departures")
	flights, err := ponos.StreamOf(ctx, scope, "flights", ponos.JSON[flight]())
	if err != nil {
		return nil, err
	}
	totals, err := ponos.MapOf(ctx, scope, "totals", ponos.JSON[int64](), nil)
	return &departures{client, flights, totals}, err
}

// end deletes all, of which those who still count are told.
func (d *departures) end(ctx context.Context) error {
	_, failed := d.flights.Destroy(ctx)
	_, failure := d.totals.Destroy(ctx)
	return errors.Join(failed, failure, d.client.Close())
}

func feed(ctx context.Context, flights []flight) error {
	d, err := join(ctx)
	if err != nil {
		return err
	}
	defer d.client.Close()
	due := time.Now()
	for some := range slices.Chunk(flights, batch) {
		time.Sleep(time.Until(due))
		due = due.Add(time.Duration(batch / *pace * float64(time.Second)))
		messages := make([]ponos.Message[flight], len(some))
		for i, each := range some {
			messages[i] = ponos.Message[flight]{Topic: "departed." + each.Origin, Payload: each}
		}
		if _, err := d.flights.PublishBatch(ctx, messages); err != nil {
			return err
		}
	}
	return nil
}

// count counts until the stream is deleted. All consumers are of one group, and share the flights.
func count(ctx context.Context) error {
	d, err := join(ctx)
	if err != nil {
		return err
	}
	defer d.client.Close()
	sink, err := d.flights.Sink(ctx, "counters", ponos.FromFirst())
	if err != nil {
		return err
	}
	fmt.Println("a consumer joins")
	var counted atomic.Int64
	work := func(ctx context.Context) error {
		for event, err := range sink.Events(ctx) {
			switch {
			case err != nil:
				return err
			case event.Kind == ponos.ItemGap:
				return fmt.Errorf("%d flights are missing", event.Missing)
			case event.Kind == ponos.ItemDeleted:
				return sink.Close() // the other workers are at the end with it
			}
			err := d.count(ctx, event)
			if errors.Is(err, ponos.ErrFenced) {
				continue // we were silent for too long, and another consumer has it
			}
			if err != nil {
				return err
			}
			counted.Add(1)
		}
		return nil
	}
	if err := together(ctx, slices.Repeat([]func(context.Context) error{work}, workers)...); err != nil {
		return err
	}
	if ctx.Err() == nil {
		fmt.Printf("a consumer ends: it has counted %d flights\n", counted.Load())
	}
	return ctx.Err()
}

// count adds a flight to the totals in one step with its acknowledgement, so that it is counted once, whatever happens to
// the consumer.
func (d *departures) count(ctx context.Context, event ponos.Delivery[flight]) error {
	flight := event.Payload
	txn := d.totals.Txn().Incr(flight.Origin+"/flights", 1).Incr(flight.Origin+"/delay", flight.Delay)
	if flight.Delay >= late {
		txn.Incr(flight.Origin+"/late", 1)
	}
	return event.AckWith(ctx, ponos.NewStep(txn))
}

func readFlights(folder string) ([]flight, error) {
	file, err := os.Open(filepath.Join(folder, "flights-2001q1.csv"))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		return nil, err
	}
	flights := make([]flight, 0, len(rows))
	for _, row := range rows[1:] {
		delay, err := strconv.ParseInt(row[1], 10, 64)
		if err != nil {
			return nil, err
		}
		flights = append(flights, flight{Time: row[0], Delay: delay, Origin: row[3]})
	}
	return flights, nil
}
