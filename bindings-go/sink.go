//go:build cgo

package ponos

import (
	"context"
	"iter"
	"time"
)

// Sink is a consumer of a group, whose consumers share the events of a stream; each event is answered for.
//
// It may be used from any number of goroutines: each event goes to one loop. What is never closed leaves its group when
// it is garbage, which may be late: so close it. Out of reach of the engine for over five seconds it hands out nothing:
// others have what it holds by then.
type Sink[T any] struct {
	*handle
	codec coder[T]
}

// SinkOption says how a sink works: a [Choice], [InOrder], [Partitions], [AckWait], [Backoff], [MaxDeliver],
// [DeadLetter], [MaxInFlight], [Prefetch]. All but where it begins, MaxInFlight and Prefetch are the group's: the first
// sink sets them, and others must agree.
type SinkOption interface{ sink() (place int, value any) }

type sinkOption optional

func (o sinkOption) sink() (int, any) { return o.place, o.value }

// Order is the order in which a group works.
type Order string

const (
	// OrderNone: whoever is free takes the next event.
	OrderNone Order = "none"
	// OrderKey: of the events with one key, the next comes only once the one before it is settled.
	OrderKey Order = "key"
	// OrderTotal: of all events, the next comes only once the one before it is settled.
	OrderTotal Order = "total"
)

// InOrder is the order in which the group works. Default [OrderNone].
func InOrder(order Order) SinkOption { return sinkOption{2, string(order)} }

// Partitions is over how many partitions, each worked on by one consumer, the keys are spread; for [OrderKey]. Default 64,
// at most 1,024.
func Partitions(count int) SinkOption { return sinkOption{3, count} }

// AckWait is how long an event may stay unanswered before it is delivered again. Default 30 s.
func AckWait(d time.Duration) SinkOption { return sinkOption{4, d} }

// Backoff are the pauses before the second, third … delivery; the last one is for all that follow. Default: none.
func Backoff(pauses ...time.Duration) SinkOption { return sinkOption{5, listed(pauses)} }

// MaxDeliver is how often an event is delivered at most. Default 0: any number of times.
func MaxDeliver(times int) SinkOption { return sinkOption{6, times} }

// DeadLetter is the stream of the same scope that gets the events that are given up. Default: they are dropped.
func DeadLetter(stream string) SinkOption { return sinkOption{7, stream} }

// MaxInFlight is how many events may be handed out and unanswered at once. Default 1,000.
func MaxInFlight(events int) SinkOption { return sinkOption{8, events} }

// Prefetch is how many events are taken ahead. Default 256.
func Prefetch(events int) SinkOption { return sinkOption{9, events} }

// Sink becomes a consumer of the group of this name, which gets what is published from now on if it is new.
//
// Errors: [ErrInvalid] for a bad name (as [Client.Stream] has it) or option, or if the group is set to something else;
// [ErrNotFound] as [Stream.Reader]. Consistency: when this returns, a new group gets all that is published. Cost: two
// round trips.
func (s *Stream[T]) Sink(ctx context.Context, group string, options ...SinkOption) (*Sink[T], error) {
	read := func(a *answer) *Sink[T] { return &Sink[T]{newHandle(a.handle(), group), s.codec} }
	return do(ctx, s.to, "stream.sink", read, group, placed(options, SinkOption.sink))
}

// Group is the name of the group.
func (s *Sink[T]) Group() string { return s.named }

// Events yields what comes next: events, which are to be answered, and gaps and deletions as news, which need no answer.
// It waits while there is nothing, or while the engine is out of reach. It ends when the sink or the stream is closed; or,
// with an error that [errors.Is] the context's, when ctx is done.
//
// An event is handed out when the loop gets it, not before: then its [AckWait] begins. So leaving the loop, by break,
// panic or because ctx is done, loses nothing: the event in hand can still be answered, and the next one comes in the
// next loop; Close gives all that is not acknowledged to other consumers at once.
//
// Errors: [ErrInvalid] with an event whose payload the codec cannot read: it is to be answered all the same, and the loop
// goes on if it is not left; [ErrInternal], [ErrInvalid] without an event if the engine holds what is no group of ours:
// then the sink is at its end. Cost: no round trip for an event that lies ready.
func (s *Sink[T]) Events(ctx context.Context) iter.Seq2[Delivery[T], error] {
	return each(s.Batches(ctx, 1))
}

// Batches is as [Sink.Events], and yields all that lies ready at once, at most max: with [Sink.Ack] the fast way for many.
// A batch is never empty, and the caller's: all of it is handed out. What the codec says is in the events' Err.
//
// Errors: also [ErrInvalid] if max is below 1.
func (s *Sink[T]) Batches(ctx context.Context, max int) iter.Seq2[[]Delivery[T], error] {
	read := func(a *answer) Delivery[T] {
		delivery := readDelivery(a, s.codec)
		delivery.from = s.handle
		return delivery
	}
	return feed(ctx, s.handle, "sink.next", max, read)
}

// Ack acknowledges several events of this sink: when it returns, none of them is delivered again. News among them need no
// answer and are passed over.
//
// Errors: the first of those that [Delivery.Ack] would give; the other events are acknowledged all the same. Cost: one
// round trip for all.
func (s *Sink[T]) Ack(ctx context.Context, events ...Delivery[T]) error {
	tickets := make([]byte, 0, ticketSize*len(events))
	for _, event := range events {
		tickets = append(tickets, event.ticket...)
	}
	return tell(ctx, s.handle, "sink.ack", tickets)
}

// Close leaves the group: what is not acknowledged goes to other consumers at once, and what was not handed out is not
// counted as delivered. Answers that were given before are sent first. Loops that wait end. A second call does nothing.
//
// Errors: [ErrTimeout], [ErrUnavailable] if the engine does not hear of it; then others get the events once this consumer
// is taken for dead.
func (s *Sink[T]) Close() error { return tell(context.Background(), s.handle, "sink.close") }

// Delivery is what a sink gave: an event to be answered, or news, which need no answer; to acknowledge them does nothing.
// Left unanswered, an event is delivered again when its [AckWait] is over.
//
// Errors of all answers: [ErrFenced] if it is not this consumer's any more: it was answered before, or was not in time;
// [ErrConflict] if it is being answered elsewhere; [ErrInvalid] from all but Ack if it is no event; [ErrClosed], [ErrTimeout],
// [ErrUnavailable], or that of the context: it may be answered all the same then, as [Error].MaybeApplied says.
type Delivery[T any] struct {
	Item[T]
	// Count is how often the event has been delivered, this time included.
	Count int

	from   *handle
	ticket []byte // nil for what needs no answer
}

// Ack says that the event is dealt with: when this returns, it is not delivered again. Cost: a round trip, which all
// answers that meet share.
func (d Delivery[T]) Ack(ctx context.Context) error { return tell(ctx, d.from, "sink.ack", d.ticket) }

// Nack says that the event could not be dealt with: it is delivered again after the group's next pause. Cost as [Delivery.Ack].
func (d Delivery[T]) Nack(ctx context.Context) error { return tell(ctx, d.from, "sink.nack", d.ticket) }

// NackAfter is as [Delivery.Nack], after a time of its own.
func (d Delivery[T]) NackAfter(ctx context.Context, pause time.Duration) error {
	return tell(ctx, d.from, "sink.nack", d.ticket, pause)
}

// Term says that the event can never be dealt with: it goes to the dead letter now, with the reason in its headers. Cost
// as [Delivery.Ack].
func (d Delivery[T]) Term(ctx context.Context, reason string) error {
	return tell(ctx, d.from, "sink.term", d.ticket, reason)
}

// Progress says that the event is being worked on: its [AckWait] begins anew. Cost: no round trip.
func (d Delivery[T]) Progress() error {
	return tell(context.Background(), d.from, "sink.progress", d.ticket)
}

// AckWith acknowledges the event and does what the step says: both happen, or neither.
//
// Errors: also [ErrConflict] if a condition of the step does not hold: the event is then as it was, and may be answered
// otherwise; [ErrInvalid] if the step leaves the scope of the event's stream, or a part of it is bad; [ErrLimited] as
// [Stream.Publish]. Consistency: when it returns, its maps show it here. Cost: one round trip.
func (d Delivery[T]) AckWith(ctx context.Context, step *Step) error {
	return step.tell(ctx, d.from, "sink.ack_with", d.ticket)
}
