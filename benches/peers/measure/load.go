package measure

import (
	"errors"
	"slices"
	"sync"
	"time"
)

// Load is what a number of callers did together.
type Load struct {
	Ops       int
	Elapsed   time.Duration
	Latencies []time.Duration
}

// PerSecond is how many operations were done in a second.
func (l *Load) PerSecond() float64 { return float64(l.Ops) / l.Elapsed.Seconds() }

// Run has each caller repeat its own operation for the duration, and times each operation.
func Run(callers int, duration time.Duration, newOp func(caller int) func() error) (*Load, error) {
	parts := make([][]time.Duration, callers)
	errs := make([]error, callers)
	ops := make([]func() error, callers)
	for caller := range ops {
		ops[caller] = newOp(caller)
	}
	var all sync.WaitGroup
	start := time.Now()
	for caller, op := range ops {
		all.Go(func() { parts[caller], errs[caller] = repeat(start.Add(duration), op) })
	}
	all.Wait()
	result := &Load{Elapsed: time.Since(start), Latencies: slices.Concat(parts...)}
	result.Ops = len(result.Latencies)
	return result, errors.Join(errs...)
}

func repeat(end time.Time, op func() error) ([]time.Duration, error) {
	latencies := make([]time.Duration, 0, 1024)
	for before := time.Now(); before.Before(end); {
		if err := op(); err != nil {
			return latencies, err
		}
		after := time.Now()
		latencies = append(latencies, after.Sub(before))
		before = after
	}
	return latencies, nil
}

// Percentile gives the latency, in microseconds, that this fraction of the operations did not exceed.
func Percentile(latencies []time.Duration, fraction float64) float64 {
	if len(latencies) == 0 {
		return 0
	}
	slices.Sort(latencies)
	rank := min(int(fraction*float64(len(latencies))), len(latencies)-1)
	return float64(latencies[rank]) / float64(time.Microsecond)
}
