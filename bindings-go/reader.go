//go:build cgo

package ponos

import (
	"context"
	"iter"
	"time"
)

// Reader reads a stream: every event from its begin on, in order, each once.
//
// It may be used from any number of goroutines; those that range at the same time share its items. What is never closed
// is freed with the garbage.
type Reader[T any] struct {
	*handle
	codec coder[T]
}

// ReaderOption says how to read: a [Choice], or [Replay].
type ReaderOption interface {
	MergeOption
	read() (place int, value any)
}

// Choice is where a reader or a new group begins ([FromFirst], [FromEnd], [FromBehind], [FromTime], [FromLast]), or which
// [Topics] it gets.
type Choice optional

func (c Choice) read() (int, any)  { return c.place, c.value }
func (c Choice) merge() (int, any) { return c.place, c.value }
func (c Choice) sink() (int, any)  { return c.place, c.value }

func from(place ...any) Choice { return Choice{0, place} }

// FromFirst begins with the first event that is still there.
func FromFirst() Choice { return Choice{0, "first"} }

// FromEnd begins with what is published from now on. It is the default.
func FromEnd() Choice { return Choice{0, "end"} }

// FromBehind begins behind this event, or behind a [Reader.Position]: what has gone since then is told as a gap.
func FromBehind(id EventID) Choice { return from("behind", string(id)) }

// FromTime begins with the first event of this moment or later, by the engine's clock.
func FromTime(at time.Time) Choice { return from("time", at.UnixMilli()) }

// FromLast begins with the last so many events.
func FromLast(events int) Choice { return from("last", events) }

// Topics are patterns: those events come whose topic matches one of them. In a pattern, * is one level and > the rest.
// Default: all events.
func Topics(patterns ...string) Choice { return Choice{1, listed(patterns)} }

type readerOption optional

func (o readerOption) read() (int, any)  { return o.place, o.value }
func (o readerOption) merge() (int, any) { return o.place, o.value }

// Replay gives the events of the past as far apart as they were published, so many times as fast.
func Replay(speed float64) ReaderOption { return readerOption{2, speed} }

// Reader opens a reader: when this returns, it will give all that is published from now on, or from the place it is told.
//
// Errors: [ErrInvalid] for a bad filter, begin or speed; [ErrNotFound] if it is to begin behind an event of a life of the
// stream that has ended. Cost: one round trip; then one for each 500 events of the past, and none for new ones.
func (s *Stream[T]) Reader(ctx context.Context, options ...ReaderOption) (*Reader[T], error) {
	read := func(a *answer) *Reader[T] { return &Reader[T]{newHandle(a.handle(), s.Name()), s.codec} }
	return do(ctx, s.to, "stream.reader", read, placed(options, ReaderOption.read))
}

// Events yields what comes next, as it comes: events, and gaps and deletions as news. It waits while there is nothing, or
// while the engine is out of reach. It ends when the reader or the stream is closed; or, with an error that [errors.Is]
// the context's, when ctx is done.
//
// An item is taken when the loop gets it, not before. So whoever leaves the loop, by break, by a panic or because ctx is
// done, has lost nothing: the next loop goes on behind the last item that was yielded, and so does another reader, with
// [FromBehind] and [Reader.Position].
//
// Errors: [ErrInvalid] with an event whose payload the codec cannot read: the loop goes on if it is not left;
// [ErrInternal], [ErrInvalid] without an event if the engine holds what is no stream of ours: the loop ends. Cost: no
// round trip for new events; one for each 500 of the past.
func (r *Reader[T]) Events(ctx context.Context) iter.Seq2[Item[T], error] {
	return each(r.Batches(ctx, 1))
}

// Batches is as [Reader.Events], and yields all that is at hand at once, at most max: the fast way for many. A batch is
// never empty, and the caller's: Position is behind all of it. What the codec says is in the items' Err.
//
// Errors: also [ErrInvalid] if max is below 1.
func (r *Reader[T]) Batches(ctx context.Context, max int) iter.Seq2[[]Item[T], error] {
	read := func(a *answer) Item[T] { return readDelivery(a, r.codec).Item }
	return feed(ctx, r.handle, "reader.next", max, read)
}

// Position is where the program is: a reader [FromBehind] it goes on after the last item that this one has yielded. It
// may be asked at any time, also after Close. Cost: no round trip.
func (r *Reader[T]) Position() EventID {
	return local(r.handle, "reader.position", func(a *answer) EventID { return EventID(a.text()) })
}

// Close ends it: loops that wait end. A second call does nothing. The error is always nil.
func (r *Reader[T]) Close() error { return tell(context.Background(), r.handle, "reader.close") }
