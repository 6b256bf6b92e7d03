// Ponos-bench-nats measures NATS JetStream, so that the figures of the streams of Ponos can be put beside those of a
// peer measured on the same machine in the same sitting.
//
// It prints one JSON object a measurement to stdout; everything else goes to stderr. See ../README.md.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"ponos-bench/measure"
)

const (
	subject = "bench.event"
	// streamLength and streamBytes are what a stream of Ponos keeps unless told otherwise.
	streamLength = 1_000_000
	streamBytes  = 256 << 20
	// asyncPending is how many events may be on their way when nobody waits for each: the client's own default.
	asyncPending = 4_000
	// stallLimit is how long publishing may wait for one of these to come back.
	stallLimit = 10 * time.Second
	// consumeLimit bounds the reading of a backlog.
	consumeLimit = 5 * time.Minute
)

// session is what a bench needs: the server, the time for each point, and where results go.
type session struct {
	ctx      context.Context
	addr     string
	duration time.Duration
	*measure.Reporter
}

func main() {
	addr := flag.String("nats", "127.0.0.1:4222", "`host:port` of the server, which has JetStream")
	seconds := flag.Float64("seconds", 2, "how long to measure each point")
	flag.Parse()
	s := &session{
		ctx:      context.Background(),
		addr:     *addr,
		duration: time.Duration(*seconds * float64(time.Second)),
		Reporter: measure.NewReporter(os.Stdout),
	}
	if err := run(s); err != nil {
		fmt.Fprintln(os.Stderr, "ponos-bench-nats:", err)
		os.Exit(1)
	}
}

func run(s *session) error {
	for _, callers := range []int{1, 64, 256} {
		if err := publish(s, callers); err != nil {
			return fmt.Errorf("publish by %d: %w", callers, err)
		}
	}
	if err := publishAsync(s); err != nil {
		return fmt.Errorf("publish async: %w", err)
	}
	if err := read(s); err != nil {
		return fmt.Errorf("read: %w", err)
	}
	for _, consumers := range []int{1, 4} {
		if err := consume(s, consumers); err != nil {
			return fmt.Errorf("consume by %d: %w", consumers, err)
		}
	}
	for _, to := range []string{"reader", "sink"} {
		if err := deliver(s, to); err != nil {
			return fmt.Errorf("deliver to a %s: %w", to, err)
		}
	}
	return nil
}

// client opens a connection of its own.
func (s *session) client() (jetstream.JetStream, func(), error) {
	conn, err := nats.Connect("nats://" + s.addr)
	if err != nil {
		return nil, nil, err
	}
	js, err := jetstream.New(conn, jetstream.WithPublishAsyncMaxPending(asyncPending))
	if err != nil {
		conn.Close()
		return nil, nil, err
	}
	return js, conn.Close, nil
}

// stream opens a client and makes a new stream in memory; finish deletes it.
func (s *session) stream(name string) (js jetstream.JetStream, finish func(), err error) {
	js, end, err := s.client()
	if err != nil {
		return nil, nil, err
	}
	_, err = js.CreateStream(s.ctx, jetstream.StreamConfig{
		Name:     name,
		Subjects: []string{subject},
		Storage:  jetstream.MemoryStorage,
		MaxMsgs:  streamLength,
		MaxBytes: streamBytes,
	})
	if err != nil {
		end()
		return nil, nil, err
	}
	return js, func() {
		// A stream that stays is in the way of the next one, which then says so.
		_ = js.DeleteStream(s.ctx, name)
		end()
	}, nil
}

// checkPublished wants every publish to have made one event.
func checkPublished(s *session, js jetstream.JetStream, name string, published int) error {
	stream, err := js.Stream(s.ctx, name)
	if err != nil {
		return err
	}
	if last := stream.CachedInfo().State.LastSeq; last != uint64(published) {
		return fmt.Errorf("%d publishes made %d events", published, last)
	}
	return nil
}
