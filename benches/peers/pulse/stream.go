package main

import (
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
	"goa.design/pulse/streaming"
	"goa.design/pulse/streaming/options"
	"ponos-bench/measure"
)

const (
	eventName = "bench"
	// streamLength is more than is ever there, and what a stream of Ponos keeps unless told otherwise.
	streamLength = 1_000_000
	// streamChunk is how many events of a backlog are added in one round trip.
	streamChunk = 1_000
	// streamBlock is how long an idle poll waits. Closing waits as long, so it is shorter than the default; while
	// events come nothing waits for it.
	streamBlock = 200 * time.Millisecond
	// consumeLimit bounds the consuming of a backlog: one goroutine that waits for each of its acks takes long.
	consumeLimit = 5 * time.Minute
)

func streamKey(name string) string { return "pulse:stream:" + name }

// stream opens a stream through a client of its own, and is closed by closing that.
func (s *session) stream(name string, poolSize int) (*streaming.Stream, *redis.Client, error) {
	rdb := s.client(poolSize)
	stream, err := streaming.NewStream(name, rdb, options.WithStreamMaxLen(streamLength))
	return stream, rdb, err
}

// fillStream adds events from one number up to another as Pulse lays them out, many a round trip, because Adds
// would take long.
func fillStream(s *session, rdb *redis.Client, name string, from, to int) error {
	for from < to {
		pipe := rdb.Pipeline()
		for end := min(from+streamChunk, to); from < end; from++ {
			pipe.XAdd(s.ctx, &redis.XAddArgs{
				Stream: streamKey(name),
				Values: []any{"n", eventName, "p", measure.Payload(from)},
			})
		}
		if _, err := pipe.Exec(s.ctx); err != nil {
			return err
		}
	}
	return nil
}

// benchPublish measures Adds by callers who wait for each of theirs, with the default pool and with one that has
// a connection for each.
func benchPublish(s *session) error {
	for _, point := range []struct{ callers, pool int }{
		{1, 0}, {64, 0}, {256, 0}, {64, bigPool}, {256, bigPool},
	} {
		if err := publishPoint(s, point.callers, point.pool); err != nil {
			return fmt.Errorf("%d callers: %w", point.callers, err)
		}
	}
	return nil
}

func publishPoint(s *session, callers, pool int) error {
	stream, rdb, err := s.stream(mapPrefix+"publish", pool)
	if err != nil {
		return err
	}
	defer rdb.Close()
	defer stream.Destroy(s.ctx)
	payload := measure.Payload(0)
	measured, err := measure.Run(callers, s.duration, func(int) func() error {
		return func() error {
			_, err := stream.Add(s.ctx, eventName, payload)
			return err
		}
	})
	if err != nil {
		return err
	}
	info, err := rdb.XInfoStream(s.ctx, streamKey(stream.Name)).Result()
	if err != nil {
		return err
	}
	if info.EntriesAdded != int64(measured.Ops) {
		return fmt.Errorf("%d Adds made %d events", measured.Ops, info.EntriesAdded)
	}
	return s.Report(measure.Sample{
		Bench:  "publish",
		Params: map[string]any{"callers": callers, "pool": rdb.Options().PoolSize},
		Ops:    measured.PerSecond(),
		P50:    measure.Percentile(measured.Latencies, 0.50),
		P99:    measure.Percentile(measured.Latencies, 0.99),
	})
}

// benchRead measures a reader from the beginning of a backlog to its end.
func benchRead(s *session) error {
	stream, rdb, err := s.stream(mapPrefix+"read", 0)
	if err != nil {
		return err
	}
	defer rdb.Close()
	defer stream.Destroy(s.ctx)
	if err := fillStream(s, rdb, stream.Name, 0, measure.Backlog); err != nil {
		return err
	}
	reader, err := stream.NewReader(s.ctx, options.WithReaderStartAtOldest(), options.WithReaderBlockDuration(streamBlock))
	if err != nil {
		return err
	}
	defer reader.Close()
	tally := measure.NewTally()
	start := time.Now()
	events := reader.Subscribe()
	go func() {
		for event := range events {
			if !tally.Add(event.Payload) {
				return
			}
		}
	}()
	if err := tally.Wait(consumeLimit); err != nil {
		return err
	}
	return s.Report(measure.Sample{Bench: "read", Ops: measure.Backlog / time.Since(start).Seconds()})
}

// benchDeliver measures the time from an Add by one client until another has the event, by a reader and by a sink.
func benchDeliver(s *session) error {
	for _, to := range []string{"reader", "sink"} {
		if err := deliverTo(s, to); err != nil {
			return fmt.Errorf("to a %s: %w", to, err)
		}
	}
	return nil
}

func deliverTo(s *session, to string) error {
	writing, one, err := s.stream(mapPrefix+"deliver-"+to, 0)
	if err != nil {
		return err
	}
	defer one.Close()
	defer writing.Destroy(s.ctx)
	reading, two, err := s.stream(writing.Name, 0)
	if err != nil {
		return err
	}
	defer two.Close()
	events, ack, finish, err := receive(s, reading, to)
	if err != nil {
		return err
	}
	defer finish()

	delivery, failed := measure.NewDelivery(), make(chan error, 1)
	go func() {
		for event := range events {
			more, err := delivery.Seen(event.Payload)
			go ack(event)
			if err != nil {
				failed <- err
			}
			if !more {
				return
			}
		}
	}()
	sample, err := delivery.Run(func(payload []byte) error {
		_, err := writing.Add(s.ctx, eventName, payload)
		return err
	}, failed)
	if err != nil {
		return err
	}
	sample.Bench, sample.Params = "deliver", map[string]any{"to": to}
	return s.Report(sample)
}

// receive begins to read an empty stream from its beginning, so that no event is before the first poll.
func receive(s *session, stream *streaming.Stream, to string) (<-chan *streaming.Event, func(*streaming.Event), func(), error) {
	if to == "reader" {
		reader, err := stream.NewReader(s.ctx, options.WithReaderStartAtOldest(), options.WithReaderBlockDuration(streamBlock))
		if err != nil {
			return nil, nil, nil, err
		}
		return reader.Subscribe(), func(*streaming.Event) {}, reader.Close, nil
	}
	sink, err := stream.NewSink(s.ctx, groupName, options.WithSinkStartAtOldest(), options.WithSinkBlockDuration(streamBlock))
	if err != nil {
		return nil, nil, nil, err
	}
	ack := func(event *streaming.Event) { _ = sink.Ack(s.ctx, event) }
	return sink.Subscribe(), ack, func() { sink.Close(s.ctx) }, nil
}
