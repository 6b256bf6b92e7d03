package measure

import (
	"fmt"
	"sync/atomic"
	"time"
)

// Backlog is how many events are there to be read and consumed.
const Backlog = 400_000

// Tally checks that each event of a backlog came once, by any of the consumers.
type Tally struct {
	count, sum, strange atomic.Int64
	done                chan struct{}
}

// NewTally counts from none.
func NewTally() *Tally { return &Tally{done: make(chan struct{})} }

// Add counts one event, and says whether there are more to come.
func (t *Tally) Add(payload []byte) (more bool) {
	number, err := Number(payload)
	if err != nil {
		t.strange.Add(1)
	}
	t.sum.Add(int64(number))
	count := t.count.Add(1)
	if count == Backlog {
		close(t.done)
	}
	return count < Backlog
}

// Wait ends when all have come.
func (t *Tally) Wait(limit time.Duration) error {
	select {
	case <-t.done:
	case <-time.After(limit):
	}
	count, sum := t.count.Load(), t.sum.Load()
	if count != Backlog || sum != Backlog*(Backlog-1)/2 || t.strange.Load() > 0 {
		return fmt.Errorf("%d events of %d came in %v, or not each once", count, Backlog, limit)
	}
	return nil
}
