//go:build cgo

package ponos

import (
	"context"
	"iter"
	"runtime"
	"time"
)

// MergedReader reads several streams as one: their events by time, then by the number of the stream; within one stream
// always in order, and news of a stream where they belong.
//
// It may be used from any number of goroutines; those that range at the same time share its items. What is never closed
// is freed with the garbage.
type MergedReader[T any] struct {
	*handle
	codecs []coder[T]
}

// Merged is what comes next of several streams.
type Merged[T any] struct {
	Item[T]
	// Stream is the number of its stream, in the order in which they were given.
	Stream int
	// Late is whether an event that comes after it in the order was given before it: it came too late to wait for.
	Late bool
}

// MergeOption says how to merge: a [ReaderOption], for each of the streams, or [MaxWait].
type MergeOption interface{ merge() (place int, value any) }

type mergeOption optional

func (o mergeOption) merge() (int, any) { return o.place, o.value }

// MaxWait is how long an event waits for those of other streams. Default 50 ms.
func MaxWait(d time.Duration) MergeOption { return mergeOption{3, d} }

// Merge reads several streams as one. They may be of several clients, and each has a codec of its own.
//
// An event waits until all other streams have shown a later one, at most for [MaxWait]; what comes after that and belongs
// before is given at once, and is late.
//
// Errors: [ErrInvalid] for no streams or a bad wait; else as [Stream.Reader]. Consistency: an order by the engine's clock;
// of several engines, by the clock of each. Cost: a round trip for each stream, then as a reader of each; up to 10,000
// events that wait.
func Merge[T any](ctx context.Context, streams []*Stream[T], options ...MergeOption) (*MergedReader[T], error) {
	var on list
	var codecs []coder[T]
	for _, stream := range streams {
		on.add(stream.to)
		codecs = append(codecs, stream.codec)
	}
	defer runtime.KeepAlive(streams) // the core knows them by number only
	read := func(a *answer) *MergedReader[T] { return &MergedReader[T]{newHandle(a.handle(), ""), codecs} }
	return do(ctx, &nothing, "stream.merge", read, on, placed(options, MergeOption.merge))
}

// Events yields what comes next, as [Reader.Events] does: whoever leaves the loop, by break, by a panic or because ctx is
// done, has lost nothing, and the next loop goes on behind the last item that was yielded. It ends when the reader or all
// streams are closed; or, with an error that [errors.Is] the context's, when ctx is done.
//
// Errors and cost as [Reader.Events].
func (r *MergedReader[T]) Events(ctx context.Context) iter.Seq2[Merged[T], error] {
	return each(r.Batches(ctx, 1))
}

// Batches is as [MergedReader.Events], and yields all that is at hand at once, at most max: the fast way for many. A batch
// is never empty, and the caller's. What the codec says is in the items' Err.
//
// Errors: also [ErrInvalid] if max is below 1.
func (r *MergedReader[T]) Batches(ctx context.Context, max int) iter.Seq2[[]Merged[T], error] {
	read := func(a *answer) Merged[T] {
		late := a.rest[1] == 6
		of := readDelivery(a, r.codecs...)
		return Merged[T]{of.Item, of.Count, late}
	}
	return feed(ctx, r.handle, "merged.next", max, read)
}

// Close ends it: loops that wait end. The streams stay open. A second call does nothing. The error is always nil.
func (r *MergedReader[T]) Close() error { return tell(context.Background(), r.handle, "merged.close") }
