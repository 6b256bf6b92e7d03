// What the Go module costs, as JSON lines: local reads and writes at 64 in flight, on memory and on a server.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	ponos "github.com/ponos-dev/ponos-go"
)

const measured = 2 * time.Second

var value = bytes.Repeat([]byte("v"), 100)

func say(bench, figure string, number float64, params map[string]any) {
	line, err := json.Marshal(map[string]any{"bench": bench, "params": params, figure: number})
	must(err)
	fmt.Println(string(line))
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func open(url string) (*ponos.Client, *ponos.Map) {
	client, err := ponos.Open(context.Background(), url)
	must(err)
	board, err := client.Map(context.Background(), "bench-go", nil)
	must(err)
	return client, board
}

func sets(url string) float64 {
	client, board := open(url)
	defer client.Close()
	var done atomic.Int64
	var callers sync.WaitGroup
	end := time.Now().Add(measured)
	for caller := range 64 {
		callers.Go(func() {
			for count := caller * 31; time.Now().Before(end); count++ {
				_, err := board.Set(context.Background(), fmt.Sprintf("key-%d", count%1000), value)
				must(err)
				done.Add(1)
			}
		})
	}
	callers.Wait()
	if board.Revision() != uint64(done.Load()) {
		must(fmt.Errorf("%d sets made %d revisions", done.Load(), board.Revision()))
	}
	return float64(done.Load()) / measured.Seconds()
}

func gets(read func(board *ponos.Map) bool) float64 {
	client, board := open("memory://bench-get")
	defer client.Close()
	_, err := board.Set(context.Background(), "key", value)
	must(err)
	const times = 2_000_000
	start := time.Now()
	for range times {
		if !read(board) {
			must(fmt.Errorf("a read found nothing"))
		}
	}
	return float64(time.Since(start).Nanoseconds()) / times
}

func events() float64 {
	const count = 200_000
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	client, err := ponos.Open(ctx, "memory://bench-events")
	must(err)
	defer client.Close()
	board, err := client.Map(ctx, "events", &ponos.MapOptions{WatchQueue: count + 1})
	must(err)
	changes := board.WatchBatches(ctx, "", nil)
	for number := range count {
		_, err := board.Set(ctx, fmt.Sprintf("key-%d", number%1000), value)
		must(err)
	}
	seen, read, start := 0, 0, time.Now()
	for batch, err := range changes {
		must(err)
		seen += len(batch)
		for _, event := range batch {
			read += len(event.Value)
		}
		if seen >= count {
			break
		}
	}
	if read != count*len(value) {
		must(fmt.Errorf("%d bytes in %d events", read, seen))
	}
	return float64(seen) / time.Since(start).Seconds()
}

func main() {
	say("get", "ns_per_op", gets(func(board *ponos.Map) bool {
		_, found := board.Get("key")
		return found
	}), map[string]any{"into": "new"})
	buffer := make([]byte, 0, 256)
	say("get", "ns_per_op", gets(func(board *ponos.Map) bool {
		_, found := board.AppendGet(buffer, "key")
		return found
	}), map[string]any{"into": "buffer"})
	say("events", "ops_per_s", events(), map[string]any{})
	say("set_memory", "ops_per_s", sets("memory://bench-set"), map[string]any{"callers": 64})
	say("set", "ops_per_s", sets(os.Args[1]), map[string]any{"callers": 64})
}
