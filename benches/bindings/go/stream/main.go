// What streams cost from the Go module, as JSON lines: publishing with 64 goroutines and in batches, reading what is there,
// consuming with acknowledgements in batches; on memory and on a server.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"os"
	"sync"
	"sync/atomic"
	"time"

	ponos "github.com/ponos-dev/ponos-go"
)

const (
	measured = 2 * time.Second
	backlog  = 200_000
	batch    = 500
)

var (
	ctx     = context.Background()
	payload = bytes.Repeat([]byte("e"), 100)
)

type stream = ponos.Stream[[]byte]

func say(bench string, perSecond float64, params map[string]any) {
	line, err := json.Marshal(map[string]any{"bench": bench, "params": params, "ops_per_s": perSecond})
	must(err)
	fmt.Println(string(line))
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// on gives measure a stream of its own, and destroys it.
func on(url, name string, measure func(s *stream) float64) float64 {
	client, err := ponos.Open(ctx, url)
	must(err)
	defer client.Close()
	s, err := client.Stream(ctx, "bench-go-"+name)
	must(err)
	figure := measure(s)
	_, err = s.Destroy(ctx)
	must(err)
	return figure
}

func publish(s *stream) float64 {
	var done atomic.Uint64
	var callers sync.WaitGroup
	start := time.Now()
	for range 64 {
		callers.Go(func() {
			for time.Since(start) < measured {
				_, err := s.Publish(ctx, "bench", payload)
				must(err)
				done.Add(1)
			}
		})
	}
	callers.Wait()
	figure := float64(done.Load()) / time.Since(start).Seconds()
	info, err := s.Info(ctx)
	must(err)
	if info.Last.Seq() != done.Load() {
		must(fmt.Errorf("%d events published, and the last is %s", done.Load(), info.Last))
	}
	return figure
}

var messages = func() (messages []ponos.Message[[]byte]) {
	for range batch {
		messages = append(messages, ponos.Message[[]byte]{Topic: "bench", Payload: payload})
	}
	return messages
}()

func publishBatches(s *stream) float64 {
	start, done := time.Now(), 0
	for time.Since(start) < measured {
		_, err := s.PublishBatch(ctx, messages)
		must(err)
		done += batch
	}
	return float64(done) / time.Since(start).Seconds()
}

func fill(s *stream) {
	for range backlog / batch {
		_, err := s.PublishBatch(ctx, messages)
		must(err)
	}
}

// drain goes through what is there, in batches; look answers them and tells how many bytes their payloads have.
func drain[I any](batches iter.Seq2[[]I, error], look func([]I) int) float64 {
	start, seen, read := time.Now(), 0, 0
	for items, err := range batches {
		must(err)
		read += look(items)
		if seen += len(items); seen >= backlog {
			break
		}
	}
	figure := float64(seen) / time.Since(start).Seconds()
	if seen != backlog || read != backlog*len(payload) {
		must(fmt.Errorf("%d events of %d bytes", seen, read))
	}
	return figure
}

func read(s *stream) float64 {
	fill(s)
	reader, err := s.Reader(ctx, ponos.FromFirst())
	must(err)
	return drain(reader.Batches(ctx, batch), func(items []ponos.Item[[]byte]) (bytes int) {
		for _, item := range items {
			bytes += len(item.Payload)
		}
		return bytes
	})
}

func consume(s *stream) float64 {
	fill(s)
	sink, err := s.Sink(ctx, "g", ponos.FromFirst(), ponos.Prefetch(2_000), ponos.MaxInFlight(10_000))
	must(err)
	return drain(sink.Batches(ctx, batch), func(events []ponos.Delivery[[]byte]) (bytes int) {
		for _, event := range events {
			bytes += len(event.Payload)
		}
		must(sink.Ack(ctx, events...))
		return bytes
	})
}

func main() {
	const memory = "memory://bench-stream"
	callers, consumers := map[string]any{"callers": 64}, map[string]any{"consumers": 1}
	say("publish_memory", on(memory, "publish", publish), callers)
	say("read_memory", on(memory, "read", read), map[string]any{})
	say("consume_memory", on(memory, "consume", consume), consumers)
	server := os.Args[1]
	say("publish", on(server, "publish", publish), callers)
	say("publish_batch", on(server, "batches", publishBatches), map[string]any{"events": batch})
	say("read", on(server, "read", read), map[string]any{})
	say("consume", on(server, "consume", consume), consumers)
}
