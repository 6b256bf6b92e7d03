package main

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"goa.design/pulse/streaming"
	"goa.design/pulse/streaming/options"
	"ponos-bench/measure"
)

const groupName = "g"

// benchConsume measures the consuming of a backlog with an ack of each event: by one consumer whose acks wait for
// each other and by one with many on their way, and by four.
func benchConsume(s *session) error {
	for _, point := range []struct{ consumers, acking int }{{1, 1}, {1, 16}, {4, 16}} {
		if err := consumePoint(s, point.consumers, point.acking); err != nil {
			return fmt.Errorf("%d consumers: %w", point.consumers, err)
		}
	}
	return nil
}

func consumePoint(s *session, consumers, acking int) error {
	admin, rdb, err := s.stream(fmt.Sprintf("%sconsume-%d-%d", mapPrefix, consumers, acking), 0)
	if err != nil {
		return err
	}
	defer rdb.Close()
	defer admin.Destroy(s.ctx)
	// All but one: the last one wakes the consumers.
	if err := fillStream(s, rdb, admin.Name, 0, measure.Backlog-1); err != nil {
		return err
	}
	tally := measure.NewTally()
	var ended sync.WaitGroup
	var finishes []func()
	// A sink that is closed closes its channel, which ends who reads that.
	defer func() {
		for _, finish := range finishes {
			finish()
		}
		ended.Wait()
	}()
	errs := make([]error, consumers*acking)
	for number := range consumers {
		sink, finish, err := openSink(s, admin.Name)
		if err != nil {
			return err
		}
		finishes = append(finishes, finish)
		events := sink.Subscribe()
		for turn := range acking {
			ended.Go(func() { errs[number*acking+turn] = ackAll(s, sink, events, tally) })
		}
	}
	start := time.Now()
	if err := release(s, rdb, admin.Name); err != nil {
		return err
	}
	if err := tally.Wait(consumeLimit); err != nil {
		return errors.Join(append(errs, err)...)
	}
	elapsed := time.Since(start)
	pending, err := rdb.XPending(s.ctx, streamKey(admin.Name), groupName).Result()
	if err != nil {
		return err
	}
	if pending.Count != 0 {
		return fmt.Errorf("%d events without an ack", pending.Count)
	}
	return s.Report(measure.Sample{
		Bench:  "consume",
		Params: map[string]any{"consumers": consumers, "acking": acking},
		Ops:    measure.Backlog / elapsed.Seconds(),
	})
}

// openSink opens a consumer with a client of its own. It has nothing to read yet: a sink reads as soon as it is
// there, and what comes before somebody subscribed is lost for as long as acks may take.
func openSink(s *session, name string) (*streaming.Sink, func(), error) {
	stream, rdb, err := s.stream(name, 0)
	if err != nil {
		return nil, nil, err
	}
	sink, err := stream.NewSink(s.ctx, groupName, options.WithSinkStartAtNewest(), options.WithSinkBlockDuration(streamBlock))
	if err != nil {
		_ = rdb.Close()
		return nil, nil, err
	}
	return sink, func() {
		sink.Close(s.ctx)
		_ = rdb.Close()
	}, nil
}

// release sets the group to the beginning of the backlog and adds the last event, which wakes who waits.
func release(s *session, rdb *redis.Client, name string) error {
	if err := rdb.XGroupSetID(s.ctx, streamKey(name), groupName, "0").Err(); err != nil {
		return err
	}
	return fillStream(s, rdb, name, measure.Backlog-1, measure.Backlog)
}

func ackAll(s *session, sink *streaming.Sink, events <-chan *streaming.Event, tally *measure.Tally) error {
	for event := range events {
		if err := sink.Ack(s.ctx, event); err != nil {
			return err
		}
		tally.Add(event.Payload)
	}
	return nil
}
