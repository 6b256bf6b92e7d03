package main

import (
	"fmt"
	"runtime"
	"slices"
	"time"

	"ponos-bench/measure"
)

const joinRuns = 3

// benchJoin measures how long a new process waits for a large map: from no connection to all keys there.
func benchJoin(s *session) error {
	name := mapPrefix + "join"
	admin := s.client(0)
	defer admin.Close()
	defer admin.Del(s.ctx, hashKey(name))
	if err := fill(s.ctx, admin, name, manyKeys); err != nil {
		return err
	}
	times := make([]time.Duration, joinRuns)
	for i := range times {
		var err error
		if times[i], err = joinOnce(s, name); err != nil {
			return err
		}
	}
	slices.Sort(times)
	return s.Report(measure.Sample{
		Bench:  "join",
		Params: map[string]any{"keys": manyKeys, "runs": joinRuns},
		Ms:     float64(times[joinRuns/2].Microseconds()) / 1000,
	})
}

func joinOnce(s *session, name string) (time.Duration, error) {
	runtime.GC() // what the run before left behind is not this one's cost
	start := time.Now()
	n, err := s.join(name, 0)
	if err != nil {
		return 0, err
	}
	defer n.close()
	if got := n.m.Len(); got != manyKeys {
		return 0, fmt.Errorf("joined with %d keys, not %d", got, manyKeys)
	}
	elapsed := time.Since(start)
	return elapsed, checkFilled(n.m, manyKeys)
}
