//go:build cgo

package ponos

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Stream is a handle to an ordered log of events with topics. A [Reader] sees each event, sinks of one group share them.
//
// What it promises: an event is delivered to a group at least once, until it is acknowledged, given up, or was delivered
// as often as the group wants; a reader gets each event once and in order; what was trimmed before it could be read is
// told as a gap, a deletion of the stream as that; a publish whose answer was lost is looked for before it is sent
// again. The stream exists from the first publish or sink on.
//
// Errors of all methods: [ErrClosed], [ErrTimeout], [ErrUnavailable], or that of the context; of those that write,
// [Error].MaybeApplied says whether it may have happened all the same.
//
// T is what a codec makes of the payloads: [StreamOf] opens a stream with one, [Client.Stream] one of bytes.
type Stream[T any] struct {
	to    *handle
	codec coder[T]
}

// StreamOption says how to open a stream: [CodecNamed], [MaxLen], [MaxBytes], [MaxAge], [WhenBehind].
type StreamOption optional

func (o StreamOption) open() (int, any) { return o.place, o.value }

// CodecNamed is the name of the codec of the payloads, kept with the stream: a client that opens it with another gets
// [ErrInvalid]. Default "bytes". [StreamOf] opens a stream with a codec that encodes and decodes.
func CodecNamed(name string) StreamOption { return StreamOption{5, name} }

// MaxLen is how many events are kept when this client publishes. Default 1,000,000.
func MaxLen(events int) StreamOption { return StreamOption{0, events} }

// MaxBytes is how many bytes of events are kept when this client publishes. Default 256 MiB.
func MaxBytes(bytes int) StreamOption { return StreamOption{1, bytes} }

// MaxAge is for how long events are kept: what is older goes with the next publish. Default: for any time.
func MaxAge(age time.Duration) StreamOption { return StreamOption{2, age} }

// WhenBehind is what becomes of events that are too many and that a group has not settled. Default [BehindKeep].
func WhenBehind(what Behind) StreamOption { return StreamOption{3, string(what)} }

// Behind is what becomes of events that are too many and that a group has not settled.
type Behind string

const (
	// BehindKeep: they are kept for the group.
	BehindKeep Behind = "keep"
	// BehindSkip: they go, and the group is told of a gap.
	BehindSkip Behind = "skip"
	// BehindReject: they are kept, and a publish gets ErrLimited.
	BehindReject Behind = "reject"
)

// Stream opens a stream; that creates nothing at the engine. Opened twice by one client, a name gives the same stream.
//
// Errors: [ErrInvalid] for a bad name (empty, over 200 bytes, with control characters or braces), another codec than the
// stream has, or other options than the open handle's; [ErrClosed], [ErrTimeout], [ErrUnavailable]. Cost: one round
// trip or two.
func (c *Client) Stream(ctx context.Context, name string, options ...StreamOption) (*Stream[[]byte], error) {
	return c.openStream(ctx, nil, name, options)
}

// StreamOf opens a stream with a codec, as [Client.Stream], in a client or a scope; the codec's name is the stream's.
func StreamOf[T any](ctx context.Context, in Opener, name string, codec Codec[T], options ...StreamOption) (*Stream[T], error) {
	s, err := in.Stream(ctx, name, append(slices.Clone(options), CodecNamed(codec.Name()))...)
	if err != nil {
		return nil, err
	}
	return streamOf(s.to, codec), nil
}

func (c *Client) openStream(ctx context.Context, scope any, name string, options []StreamOption) (*Stream[[]byte], error) {
	places := placed(append([]StreamOption{CodecNamed("bytes")}, options...), StreamOption.open)
	codec := bytesCodec(fmt.Sprint(places[5]))
	places[4] = scope
	read := func(a *answer) *Stream[[]byte] { return streamOf(newHandle(a.handle(), name), codec) }
	return do(ctx, c.handle, "client.stream", read, name, string(codec), places[:5])
}

func streamOf[T any](to *handle, codec Codec[T]) *Stream[T] {
	return &Stream[T]{to, coder[T]{codec, to.named, "reader.next", "stream.publish"}}
}

// String tells the stream's name and codec.
func (s *Stream[T]) String() string { return fmt.Sprintf("ponos.Stream(%q, %s)", s.Name(), s.Codec()) }

// Name is the stream's name.
func (s *Stream[T]) Name() string { return s.to.named }

// Codec is the name of the stream's codec.
func (s *Stream[T]) Codec() string { return s.codec.codec.Name() }

// Request publishes an event and waits for a reply to it, at most for timeout.
//
// Errors: as [Stream.Publish]; [ErrInvalid] for a timeout below 1 ms or over 100 years, or if the codec cannot read the
// reply; [ErrTimeout] if no reply came in time, [ErrClosed] if the stream was closed meanwhile, or that of the context:
// whether somebody works on it is open then. Cost: two round trips and the replier's time.
func (s *Stream[T]) Request(ctx context.Context, topic string, payload T, timeout time.Duration) (reply T, _ error) {
	codec := s.codec.of("stream.request")
	encoded, err := codec.Encode(payload)
	if err != nil {
		return reply, err
	}
	read := func(a *answer) []byte { reply, _ := a.value(); return reply }
	packed, err := do(ctx, s.to, "stream.request", read, topic, encoded, []any{timeout})
	if err != nil {
		return reply, err
	}
	return codec.Decode(packed)
}

// Reply replies to an event that was published by [Stream.Request], and tells whether the asker was there to hear it: on
// Redis its client, even if the request has timed out, in memory whoever waits.
//
// Errors: [ErrInvalid] if the event is no request, for a payload over max_value, or if the codec cannot write it. Cost: one
// round trip.
func (s *Stream[T]) Reply(ctx context.Context, event Item[T], payload T) (bool, error) {
	encoded, err := s.codec.of("stream.reply").Encode(payload)
	if err != nil {
		return false, err
	}
	return do(ctx, s.to, "stream.reply", (*answer).flag, listed(event.Headers), encoded)
}

// StreamInfo is how a stream is.
type StreamInfo struct {
	// Len is how many events it holds, Bytes how many bytes they take.
	Len, Bytes uint64
	// First is the first event that it holds, Last the last one that was published; empty for none.
	First, Last EventID
	// Groups are its groups, by name.
	Groups []GroupInfo
}

// GroupInfo is how a group is.
type GroupInfo struct {
	Name string
	// Lag is how many events it has not looked at yet, Pending how many it has taken and not settled.
	Lag, Pending uint64
	// OldestPending is for how long the one has been held that has been held for longest; 0 if none is held.
	OldestPending time.Duration
	// Consumers is how many it has.
	Consumers int
}

// Info tells how the stream and its groups are; nil if it does not exist.
//
// Consistency: as the engine has it, each group for itself. Cost: two round trips.
func (s *Stream[T]) Info(ctx context.Context) (*StreamInfo, error) {
	return do(ctx, s.to, "stream.info", readInfo)
}

func readInfo(a *answer) *StreamInfo {
	if a.list() < 0 {
		return nil
	}
	return &StreamInfo{a.u64(), a.u64(), EventID(a.text()), EventID(a.text()), readList(a, readGroup)}
}

func readGroup(a *answer) GroupInfo {
	a.list()
	return GroupInfo{a.text(), a.u64(), a.u64(), time.Duration(a.u64()) * time.Millisecond, int(a.u64())}
}

// Remove takes an event out for all who have not read it, and tells whether it was there. Its number stays taken, and its
// memory is freed when it would have been trimmed. Cost: one round trip.
func (s *Stream[T]) Remove(ctx context.Context, id EventID) (bool, error) {
	return do(ctx, s.to, "stream.remove", (*answer).flag, string(id))
}

// Destroy deletes the stream with its events and its groups, and tells whether there was one. Readers and sinks are told,
// and go on in its next life, which begins with the next publish or sink. Cost: one round trip.
func (s *Stream[T]) Destroy(ctx context.Context) (bool, error) {
	return do(ctx, s.to, "stream.destroy", (*answer).flag)
}

// Disband deletes a group with what it has not settled, and tells whether there was one. Its sinks found it anew at the
// first event if they are not closed before. Cost: one round trip.
func (s *Stream[T]) Disband(ctx context.Context, group string) (bool, error) {
	return do(ctx, s.to, "stream.disband", (*answer).flag, group)
}

// Close closes the stream in this client: readers are at their end, sinks leave their groups. It closes every handle to
// this stream in this client; a second call does nothing. The error is always nil.
func (s *Stream[T]) Close() error { return tell(context.Background(), s.to, "stream.close") }
