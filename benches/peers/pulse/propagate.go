package main

import (
	"errors"
	"fmt"
	"time"

	"goa.design/pulse/rmap"
	"ponos-bench/measure"
)

const propagateRate = 500 // per second: far from the limit, so that no update waits behind another

// expectation is the write that the watching node waits for.
type expectation struct {
	key, value string
	start      time.Time
}

// benchPropagate measures the time from a Set on one node until another, woken by the event, has read it.
func benchPropagate(s *session) error {
	name := mapPrefix + "propagate"
	admin := s.client(0)
	defer admin.Close()
	defer admin.Del(s.ctx, hashKey(name))
	if err := fill(s.ctx, admin, name, fewKeys); err != nil {
		return err
	}
	writer, err := s.join(name, 0)
	if err != nil {
		return err
	}
	defer writer.close()
	reader, err := s.join(name, 0)
	if err != nil {
		return err
	}
	defer reader.close()

	latencies, err := propagate(s, writer, reader)
	if err != nil {
		return err
	}
	return s.Report(measure.Sample{
		Bench:  "propagate",
		Params: map[string]any{"rate": propagateRate, "keys": fewKeys, "samples": len(latencies)},
		P50:    measure.Percentile(latencies, 0.50),
		P99:    measure.Percentile(latencies, 0.99),
	})
}

func propagate(s *session, writer, reader *node) ([]time.Duration, error) {
	expected := make(chan expectation, 1)
	seen := make(chan time.Duration, 1)
	events := reader.m.Subscribe()
	go watch(reader.m, events, expected, seen)
	defer close(expected)

	pace := time.NewTicker(time.Second / propagateRate)
	defer pace.Stop()
	var latencies []time.Duration
	for end := time.Now().Add(s.duration); time.Now().Before(end); {
		<-pace.C
		number := len(latencies)
		next := expectation{keyName(number % fewKeys), valueOf(manyKeys + number), time.Now()}
		expected <- next
		if _, err := writer.m.Set(s.ctx, next.key, next.value); err != nil {
			return nil, err
		}
		select {
		case latency, ok := <-seen:
			if !ok {
				return nil, errors.New("the events ended")
			}
			latencies = append(latencies, latency)
		case <-time.After(waitLimit):
			return nil, fmt.Errorf("%s was not seen within %v", next.key, waitLimit)
		}
	}
	return latencies, nil
}

// watch answers each expectation with the time that passed until an event came and the value was there.
func watch(m *rmap.Map, events <-chan rmap.EventKind, wanted <-chan expectation, seen chan<- time.Duration) {
	defer close(seen)
	for range events {
		next, ok := <-wanted
		if !ok {
			return
		}
		for value, _ := m.Get(next.key); value != next.value; value, _ = m.Get(next.key) {
			if _, ok := <-events; !ok {
				return
			}
		}
		seen <- time.Since(next.start)
	}
}
