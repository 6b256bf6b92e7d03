package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"ponos-bench/measure"
)

const (
	groupName = "g"
	// prefetch and maxInFlight are those of the consumers of Ponos that are measured.
	prefetch    = 2_000
	maxInFlight = 10_000
)

// read measures an ordered consumer, which acks nothing, from the beginning of a backlog to its end.
func read(s *session) error {
	js, finish, err := s.stream("read")
	if err != nil {
		return err
	}
	defer finish()
	if err := fill(s, js, "read"); err != nil {
		return err
	}
	start := time.Now()
	messages, end, err := s.receive("read", "reader")
	if err != nil {
		return err
	}
	defer end()
	tally, failed := measure.NewTally(), make(chan error, 1)
	go drain(messages, false, tally, failed)
	if err := tally.Wait(consumeLimit); err != nil {
		return errors.Join(err, ending(failed))
	}
	return s.Report(measure.Sample{Bench: "read", Ops: measure.Backlog / time.Since(start).Seconds()})
}

// consume measures the consuming of a backlog with an ack of each event by so many consumers. They do not wait for
// their acks; the time ends when the server has all of them.
func consume(s *session, consumers int) error {
	js, finish, err := s.stream("consume")
	if err != nil {
		return err
	}
	defer finish()
	if err := fill(s, js, "consume"); err != nil {
		return err
	}
	tally, failed := measure.NewTally(), make(chan error, consumers)
	start := time.Now()
	for range consumers {
		messages, end, err := s.receive("consume", "sink")
		if err != nil {
			return err
		}
		defer end()
		go drain(messages, true, tally, failed)
	}
	if err := tally.Wait(consumeLimit); err != nil {
		return errors.Join(err, ending(failed))
	}
	if err := acked(s, js); err != nil {
		return err
	}
	return s.Report(measure.Sample{
		Bench:  "consume",
		Params: map[string]any{"consumers": consumers},
		Ops:    measure.Backlog / time.Since(start).Seconds(),
	})
}

// drain takes events until the iterator is stopped. More acks than events are no harm: the tally finds out.
func drain(messages jetstream.MessagesContext, ack bool, tally *measure.Tally, failed chan<- error) {
	for {
		message, err := messages.Next()
		if err == nil && ack {
			err = message.Ack()
		}
		if err != nil {
			failed <- err
			return
		}
		tally.Add(message.Data())
	}
}

// ending is what ended a receiver, if something did.
func ending(failed <-chan error) error {
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

// acked waits until the server has every ack.
func acked(s *session, js jetstream.JetStream) error {
	consumer, err := js.Consumer(s.ctx, "consume", groupName)
	if err != nil {
		return err
	}
	for end := time.Now().Add(stallLimit); time.Now().Before(end); time.Sleep(time.Millisecond) {
		info, err := consumer.Info(s.ctx)
		if err != nil {
			return err
		}
		if info.NumAckPending == 0 && info.NumPending == 0 {
			return nil
		}
	}
	return fmt.Errorf("the server misses acks after %v", stallLimit)
}

// receive begins to read a stream from its beginning with a client of its own: as a reader, who sees all events and
// acks none, or as a sink, which shares them with the others of its group.
func (s *session) receive(name, as string) (jetstream.MessagesContext, func(), error) {
	js, end, err := s.client()
	if err != nil {
		return nil, nil, err
	}
	messages, err := s.messages(js, name, as)
	if err != nil {
		end()
		return nil, nil, err
	}
	return messages, func() {
		messages.Stop()
		end()
	}, nil
}

func (s *session) messages(js jetstream.JetStream, name, as string) (jetstream.MessagesContext, error) {
	var consumer jetstream.Consumer
	var err error
	if as == "reader" {
		consumer, err = js.OrderedConsumer(s.ctx, name, jetstream.OrderedConsumerConfig{
			DeliverPolicy: jetstream.DeliverAllPolicy,
		})
	} else {
		consumer, err = js.CreateOrUpdateConsumer(s.ctx, name, jetstream.ConsumerConfig{
			Durable:       groupName,
			AckPolicy:     jetstream.AckExplicitPolicy,
			DeliverPolicy: jetstream.DeliverAllPolicy,
			MaxAckPending: maxInFlight,
			MemoryStorage: true,
		})
	}
	if err != nil {
		return nil, err
	}
	return consumer.Messages(jetstream.PullMaxMessages(prefetch))
}

// deliver measures the time from a publish by one client until another has the event.
func deliver(s *session, to string) error {
	name := "deliver-" + to
	js, finish, err := s.stream(name)
	if err != nil {
		return err
	}
	defer finish()
	messages, end, err := s.receive(name, to)
	if err != nil {
		return err
	}
	defer end()
	delivery, failed := measure.NewDelivery(), make(chan error, 1)
	go func() { failed <- watch(messages, to == "sink", delivery) }()
	sample, err := delivery.Run(func(payload []byte) error {
		_, err := js.Publish(s.ctx, subject, payload)
		return err
	}, failed)
	if err != nil {
		return err
	}
	sample.Bench, sample.Params = "deliver", map[string]any{"to": to}
	return s.Report(sample)
}

func watch(messages jetstream.MessagesContext, ack bool, delivery *measure.Delivery) error {
	for {
		message, err := messages.Next()
		if err != nil {
			return err
		}
		more, err := delivery.Seen(message.Data())
		if err == nil && ack {
			err = message.Ack()
		}
		if err != nil || !more {
			return err
		}
	}
}
