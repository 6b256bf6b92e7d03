package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"ponos-bench/measure"
)

// publish measures callers of one client who each wait until the server has stored theirs.
func publish(s *session, callers int) error {
	js, finish, err := s.stream("publish")
	if err != nil {
		return err
	}
	defer finish()
	payload := measure.Payload(0)
	measured, err := measure.Run(callers, s.duration, func(int) func() error {
		return func() error {
			_, err := js.Publish(s.ctx, subject, payload)
			return err
		}
	})
	if err != nil {
		return err
	}
	if err := checkPublished(s, js, "publish", measured.Ops); err != nil {
		return err
	}
	return s.Report(measure.Sample{
		Bench:  "publish",
		Params: map[string]any{"callers": callers},
		Ops:    measured.PerSecond(),
		P50:    measure.Percentile(measured.Latencies, 0.50),
		P99:    measure.Percentile(measured.Latencies, 0.99),
	})
}

// publishAsync measures one caller who waits for nothing but room; the time ends when all are stored.
func publishAsync(s *session) error {
	js, finish, err := s.stream("async")
	if err != nil {
		return err
	}
	defer finish()
	payload, published, start := measure.Payload(0), 0, time.Now()
	for time.Since(start) < s.duration {
		if err := send(js, payload); err != nil {
			return err
		}
		published++
	}
	if err := settle(js); err != nil {
		return err
	}
	elapsed := time.Since(start)
	if err := checkPublished(s, js, "async", published); err != nil {
		return err
	}
	return s.Report(measure.Sample{Bench: "publish_async", Ops: float64(published) / elapsed.Seconds()})
}

func send(js jetstream.JetStream, payload []byte) error {
	_, err := js.PublishAsync(subject, payload, jetstream.WithStallWait(stallLimit))
	return err
}

func settle(js jetstream.JetStream) error {
	select {
	case <-js.PublishAsyncComplete():
		return nil
	case <-time.After(stallLimit):
		return errors.New("not every event was stored")
	}
}

// fill publishes a backlog.
func fill(s *session, js jetstream.JetStream, name string) error {
	for number := range measure.Backlog {
		if err := send(js, measure.Payload(number)); err != nil {
			return fmt.Errorf("event %d: %w", number, err)
		}
	}
	if err := settle(js); err != nil {
		return err
	}
	return checkPublished(s, js, name, measure.Backlog)
}
