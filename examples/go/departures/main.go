// Departures is a live departures board, as in the other languages: nodes count real flights per airport in one
// replicated map, a board watches the map, draws a table, and at the end checks its totals against the file.
//
//	departures [--url URL] [--role node|board|all] [--part i/n] [--data DIR] [--pace FLIGHTS_A_SECOND]
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"sync"

	ponos "github.com/ponos-dev/ponos-go"
)

var (
	url  = flag.String("url", "memory://", "the engine")
	role = flag.String("role", "all", "node, board or all")
	part = flag.String("part", "1/1", "which part of the flights, of how many")
	data = flag.String("data", "examples/data", "where the flights are")
	pace = flag.Float64("pace", 4000, "flights a second, over all nodes")
)

func main() {
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	agrees, err := run(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "departures:", err)
		os.Exit(1)
	}
	if !agrees {
		os.Exit(1)
	}
}

func join(ctx context.Context) (*ponos.Client, *ponos.Map, error) {
	client, err := ponos.Open(ctx, *url)
	if err != nil {
		return nil, nil, err
	}
	// Counters are JSON numbers, so that every language reads them with its codec.
	board, err := client.Map(ctx, "departures", &ponos.MapOptions{Codec: "json"})
	return client, board, err
}

func run(ctx context.Context) (bool, error) {
	flights, err := readFlights(*data)
	if err != nil {
		return false, err
	}
	var number, of int
	if _, err := fmt.Sscanf(*part, "%d/%d", &number, &of); err != nil || number < 1 || number > of {
		return false, fmt.Errorf("-part cannot be %q", *part)
	}
	first, last, parts := number, number, of
	if *role == "all" && of == 1 {
		first, last, parts = 1, 4, 4
	}
	var nodes sync.WaitGroup
	failures := make(chan error, parts)
	for number := first; number <= last && *role != "board"; number++ {
		// Each node is a client of its own, as it would be in a process of its own.
		client, board, err := join(ctx)
		if err != nil {
			return false, err
		}
		defer client.Close()
		nodes.Go(func() {
			if err := replay(ctx, board, flights, number, parts, *pace/float64(parts)); err != nil {
				failures <- err
			}
		})
	}
	agrees := true
	if *role != "node" {
		client, board, err := join(ctx)
		if err != nil {
			return false, err
		}
		defer client.Close()
		if agrees, err = show(ctx, board, flights); err != nil {
			return false, err
		}
	}
	nodes.Wait()
	close(failures)
	return agrees, <-failures
}
