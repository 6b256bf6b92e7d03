package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"goa.design/pulse/rmap"
	"ponos-bench/measure"
)

// getBatch is how many Gets go between two looks at the clock, which costs about as much as a Get.
const getBatch = 1024

// benchGet measures local reads of a small map, which fits the caches, and of a large one, which does not.
func benchGet(s *session) error {
	for _, keys := range []int{fewKeys, manyKeys} {
		if err := getPoints(s, keys); err != nil {
			return err
		}
	}
	return nil
}

func getPoints(s *session, keys int) error {
	name := mapPrefix + "get"
	admin := s.client(0)
	defer admin.Close()
	defer admin.Del(s.ctx, hashKey(name))
	if err := fill(s.ctx, admin, name, keys); err != nil {
		return err
	}
	n, err := s.join(name, 0)
	if err != nil {
		return err
	}
	defer n.close()
	if err := checkFilled(n.m, keys); err != nil {
		return err
	}
	order := keyNames(rand.Perm(keys))
	for _, goroutines := range []int{1, 2} {
		ops, elapsed, err := getTogether(n.m, order, goroutines, s.duration)
		if err != nil {
			return err
		}
		err = s.Report(measure.Sample{
			Bench:  "get",
			Params: map[string]any{"keys": keys, "goroutines": goroutines, "order": "random"},
			Ops:    float64(ops) / elapsed.Seconds(),
			NsOp:   float64(elapsed.Nanoseconds()) / float64(ops),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// getTogether counts the Gets of all goroutines and the time they took together.
func getTogether(m *rmap.Map, keys []string, goroutines int, d time.Duration) (int, time.Duration, error) {
	counts := make([]int, goroutines)
	errs := make([]error, goroutines)
	var all sync.WaitGroup
	start := time.Now()
	for g := range goroutines {
		all.Go(func() { counts[g], errs[g] = getAlone(m, keys, g*len(keys)/goroutines, start.Add(d)) })
	}
	all.Wait()
	elapsed := time.Since(start)
	total := 0
	for _, count := range counts {
		total += count
	}
	return total, elapsed, errors.Join(errs...)
}

func getAlone(m *rmap.Map, keys []string, next int, end time.Time) (int, error) {
	count, bytes := 0, 0
	for time.Now().Before(end) {
		for range getBatch {
			value, _ := m.Get(keys[next])
			bytes += len(value)
			if next++; next == len(keys) {
				next = 0
			}
		}
		count += getBatch
	}
	if bytes != count*valueBytes {
		return count, fmt.Errorf("%d Gets gave %d bytes, not %d", count, bytes, count*valueBytes)
	}
	return count, nil
}
