package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	ponos "github.com/ponos-dev/ponos-go"
)

const (
	frame = 100 * time.Millisecond
	line  = time.Second
	shown = 12
)

type counts struct{ flights, late, delay int64 }

func totalsOf(flights []flight) map[string]counts {
	totals := map[string]counts{}
	for _, flight := range flights {
		of := totals[flight.origin]
		of.flights++
		of.delay += flight.delay
		if flight.delay >= late {
			of.late++
		}
		totals[flight.origin] = of
	}
	return totals
}

// countedIn is what the local copy says now, all of one revision.
func countedIn(board *ponos.Map) (map[string]counts, int64) {
	counted, seen := map[string]counts{}, int64(0)
	for key, value := range board.All() {
		airport, what, found := strings.Cut(key, "/")
		number, err := strconv.ParseInt(string(value), 10, 64)
		if !found || err != nil {
			continue
		}
		of := counted[airport]
		switch what {
		case "flights":
			of.flights, seen = number, seen+number
		case "late":
			of.late = number
		case "delay":
			of.delay = number
		}
		counted[airport] = of
	}
	return counted, seen
}

// show draws until every flight is counted, and says whether the totals are those of the file.
func show(ctx context.Context, board *ponos.Map, flights []flight) (bool, error) {
	expected, start := totalsOf(flights), time.Now()
	info, err := os.Stdout.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0
	every := line
	if terminal {
		every = frame
	}
	listening, stop := context.WithCancel(ctx)
	defer stop()
	var changes atomic.Int64
	go func() {
		for batch, err := range board.WatchBatches(listening, "*", nil) {
			if err != nil {
				return
			}
			for _, event := range batch {
				changes.Add(int64(event.Coalesced))
			}
		}
	}()
	var drawn time.Time
	for {
		counted, seen := countedIn(board)
		done := seen >= int64(len(flights))
		if done || time.Since(drawn) >= every {
			draw(board, counted, seen, len(flights), changes.Load(), terminal)
			drawn = time.Now()
		}
		if done {
			return verdict(expected, counted, changes.Load(), time.Since(start)), nil
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-time.After(frame):
		}
	}
}

func draw(board *ponos.Map, counted map[string]counts, seen int64, total int, changes int64, terminal bool) {
	airports := slices.SortedFunc(maps.Keys(counted), func(a, b string) int {
		return cmp.Or(cmp.Compare(counted[b].flights, counted[a].flights), cmp.Compare(a, b))
	})
	value, _ := board.Get("clock")
	clock := strings.Trim(string(value), `"`)
	if !terminal {
		busiest := make([]string, 0, 3)
		for _, airport := range airports[:min(3, len(airports))] {
			busiest = append(busiest, fmt.Sprintf("%s %d", airport, counted[airport].flights))
		}
		fmt.Printf("%-16s  %6d of %d flights, %d changes, busiest: %s\n", clock, seen, total, changes,
			strings.Join(busiest, ", "))
		return
	}
	fmt.Printf("\x1b[H\x1b[2JDEPARTURES  %s   %d of %d flights   %d changes\n\n", clock, seen, total, changes)
	fmt.Println("airport  flights   late  mean delay")
	for _, airport := range airports[:min(shown, len(airports))] {
		of := counted[airport]
		flights := float64(max(of.flights, 1))
		fmt.Printf("%-7s %8d %5.1f%% %7.1f min\n", airport, of.flights, 100*float64(of.late)/flights,
			float64(of.delay)/flights)
	}
}

func verdict(expected, counted map[string]counts, changes int64, took time.Duration) bool {
	if maps.Equal(expected, counted) {
		fmt.Printf("\nThe totals of all %d airports are those of the file (%d changes in %.1f s).\n", len(expected),
			changes, took.Seconds())
		return true
	}
	fmt.Println("\nThe totals differ from the file:")
	for airport, of := range expected {
		if counted[airport] != of {
			fmt.Printf("  %s: expected %v, got %v\n", airport, of, counted[airport])
		}
	}
	return false
}
