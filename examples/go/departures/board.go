package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	ponos "github.com/ponos-dev/ponos-go"
)

const (
	frame = 100 * time.Millisecond // how often the board is drawn,
	line  = time.Second            // and printed where it cannot be drawn in place
	shown = 12
)

type counts struct{ flights, late, delay int64 }

// show draws until every flight of the file is counted; an error if the totals are not those of the file.
func (d *departures) show(ctx context.Context, flights []flight) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var now atomic.Value
	now.Store("")
	follow := func(ctx context.Context) error {
		reader, err := d.flights.Reader(ctx, ponos.FromFirst())
		if err != nil {
			return err
		}
		defer reader.Close()
		for event, err := range reader.Events(ctx) {
			if err != nil {
				return err
			}
			if event.Kind == ponos.ItemEvent {
				now.Store(event.Payload.Time)
			}
		}
		return nil
	}
	draw := func(ctx context.Context) error {
		info, err := os.Stdout.Stat()
		terminal := err == nil && info.Mode()&os.ModeCharDevice != 0
		every, drawn := line, time.Time{}
		if terminal {
			every = frame
		}
		for _, err := range d.totals.WatchBatches(ctx, "*", nil) {
			if err != nil {
				return err
			}
			// Each flight is one step, so each is one revision of the map.
			done := d.totals.Revision() >= uint64(len(flights))
			if done || time.Since(drawn) >= every {
				d.draw(now.Load().(string), len(flights), terminal)
				drawn = time.Now()
			}
			if done {
				stop()
				break
			}
		}
		return nil
	}
	if err := together(ctx, draw, follow); err != nil {
		return err
	}
	return verdict(d.counted(), totalsOf(flights))
}

// counted is what the local copy says now, all of one revision.
func (d *departures) counted() map[string]counts {
	counted := map[string]counts{}
	for key, number := range d.totals.All() {
		airport, what, _ := strings.Cut(key, "/")
		of := counted[airport]
		switch what {
		case "flights":
			of.flights = number
		case "late":
			of.late = number
		case "delay":
			of.delay = number
		}
		counted[airport] = of
	}
	return counted
}

// totalsOf are the totals that the board must come to.
func totalsOf(flights []flight) map[string]counts {
	totals := map[string]counts{}
	for _, flight := range flights {
		of := totals[flight.Origin]
		of.flights++
		of.delay += flight.Delay
		if flight.Delay >= late {
			of.late++
		}
		totals[flight.Origin] = of
	}
	return totals
}

func (d *departures) draw(now string, all int, terminal bool) {
	seen, counted := d.totals.Revision(), d.counted()
	airports := slices.SortedFunc(maps.Keys(counted), func(a, b string) int {
		return cmp.Or(cmp.Compare(counted[b].flights, counted[a].flights), cmp.Compare(a, b))
	})
	if !terminal {
		var busiest []string
		for _, airport := range airports[:min(3, len(airports))] {
			busiest = append(busiest, fmt.Sprint(airport, " ", counted[airport].flights))
		}
		fmt.Printf("%-16s  %6d of %d flights, busiest: %s\n", now, seen, all, strings.Join(busiest, ", "))
		return
	}
	fmt.Printf("\x1b[H\x1b[2JDEPARTURES  %s   %d of %d flights\n\nairport  flights   late  mean delay\n", now, seen, all)
	for _, airport := range airports[:min(shown, len(airports))] {
		of := counted[airport]
		part, mean := 100*float64(of.late)/float64(of.flights), float64(of.delay)/float64(of.flights)
		fmt.Printf("%-7s %8d %5.1f%% %7.1f min\n", airport, of.flights, part, mean)
	}
}

func verdict(counted, expected map[string]counts) error {
	if maps.Equal(counted, expected) {
		flights := int64(0)
		for _, of := range expected {
			flights += of.flights
		}
		fmt.Printf("\nExact: %d flights, each counted once; the totals of all %d airports are those of the file.\n",
			flights, len(expected))
		return nil
	}
	fmt.Println("\nNot exact: the totals are not those of the file.")
	both := maps.Clone(expected)
	maps.Copy(both, counted)
	for _, airport := range slices.Sorted(maps.Keys(both)) {
		if counted[airport] != expected[airport] {
			fmt.Printf("  %s: expected %+v, got %+v\n", airport, expected[airport], counted[airport])
		}
	}
	return errors.New("the totals are not exact")
}
