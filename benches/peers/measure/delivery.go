package measure

import (
	"fmt"
	"time"
)

// Events go 500 a second: far from the limit, so that none waits behind another.
const (
	deliveries   = 1_000
	deliveryPace = 2 * time.Millisecond
)

// waitLimit bounds the wait for the last event: when it passes, one was lost.
const waitLimit = 10 * time.Second

// Delivery times the way of events from one client to another.
type Delivery struct {
	start      time.Time
	sent, seen []time.Duration
	left       int
	done       chan struct{}
}

// NewDelivery is for one run.
func NewDelivery() *Delivery {
	return &Delivery{
		start: time.Now(),
		sent:  make([]time.Duration, deliveries),
		seen:  make([]time.Duration, deliveries),
		left:  deliveries,
		done:  make(chan struct{}),
	}
}

// Seen notes that an event is there. One goroutine calls it, and ends its work when more says false.
func (d *Delivery) Seen(payload []byte) (more bool, err error) {
	now := time.Since(d.start)
	number, err := Number(payload)
	if err != nil {
		return false, err
	}
	if number >= deliveries || d.seen[number] != 0 {
		return false, fmt.Errorf("event %d came twice, or was never sent", number)
	}
	d.seen[number] = now
	if d.left--; d.left == 0 {
		close(d.done)
	}
	return d.left > 0, nil
}

// Run publishes the events and gives the time that each took. From failed comes what ended the receiver.
func (d *Delivery) Run(publish func(payload []byte) error, failed <-chan error) (Sample, error) {
	begin := time.Now()
	for number := range deliveries {
		time.Sleep(time.Until(begin.Add(deliveryPace * time.Duration(number))))
		payload := Payload(number)
		d.sent[number] = time.Since(d.start)
		if err := publish(payload); err != nil {
			return Sample{}, err
		}
	}
	select {
	case <-d.done:
	case err := <-failed: // none: the receiver has all and is done
		if err != nil {
			return Sample{}, fmt.Errorf("the receiver ended: %w", err)
		}
	case <-time.After(waitLimit):
		return Sample{}, fmt.Errorf("not every event was seen within %v", waitLimit)
	}
	latencies := make([]time.Duration, deliveries)
	for number := range latencies {
		latencies[number] = d.seen[number] - d.sent[number]
	}
	return Sample{P50: Percentile(latencies, 0.50), P99: Percentile(latencies, 0.99)}, nil
}
