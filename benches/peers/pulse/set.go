package main

import (
	"fmt"
	"math/rand/v2"
	"time"

	"ponos-bench/measure"
)

// bigPool has a connection for every caller, so that none waits for one.
const bigPool = 300

// benchSet measures writes by callers who wait for each of theirs, with the pool a user gets who sets nothing
// and with one that is large enough.
func benchSet(s *session) error {
	for _, point := range []struct{ callers, pool int }{
		{1, 0}, {64, 0}, {256, 0}, {64, bigPool}, {256, bigPool},
	} {
		if err := setPoint(s, point.callers, point.pool); err != nil {
			return fmt.Errorf("%d callers: %w", point.callers, err)
		}
	}
	return nil
}

func setPoint(s *session, callers, pool int) error {
	name := mapPrefix + "set"
	admin := s.client(0)
	defer admin.Close()
	defer admin.Del(s.ctx, hashKey(name))
	if err := fill(s.ctx, admin, name, fewKeys); err != nil {
		return err
	}
	n, err := s.join(name, pool)
	if err != nil {
		return err
	}
	defer n.close()

	warm, err := measure.Run(callers, s.duration/10, setter(s, n))
	if err != nil {
		return err
	}
	measured, err := measure.Run(callers, s.duration, setter(s, n))
	if err != nil {
		return err
	}
	if err := checkSets(s, n, name, warm.Ops+measured.Ops); err != nil {
		return err
	}
	return s.Report(measure.Sample{
		Bench:  "set",
		Params: map[string]any{"callers": callers, "pool": n.rdb.Options().PoolSize, "keys": fewKeys},
		Ops:    measured.PerSecond(),
		P50:    measure.Percentile(measured.Latencies, 0.50),
		P99:    measure.Percentile(measured.Latencies, 0.99),
	})
}

// setter gives each caller its own random keys and values that differ from write to write.
func setter(s *session, n *node) func(caller int) func() error {
	keys := make([]string, fewKeys)
	for i := range keys {
		keys[i] = keyName(i)
	}
	return func(caller int) func() error {
		random := rand.New(rand.NewPCG(uint64(caller), uint64(time.Now().UnixNano())))
		return func() error {
			previous, err := n.m.Set(s.ctx, keys[random.IntN(fewKeys)], valueOf(random.Int()))
			if err == nil && len(previous) != valueBytes {
				return fmt.Errorf("the previous value was %q", previous)
			}
			return err
		}
	}
}

// checkSets wants every Set to have counted as one revision, and the replica to have seen them all.
func checkSets(s *session, n *node, name string, sets int) error {
	revision, err := n.rdb.HGet(s.ctx, hashKey(name), revField).Int()
	if err != nil {
		return err
	}
	if revision != fewKeys+sets {
		return fmt.Errorf("%d Sets, but the revision went from %d to %d", sets, fewKeys, revision)
	}
	if err := settle(s.ctx, n.m); err != nil {
		return err
	}
	return checkReplica(s.ctx, n, name)
}
