//go:build cgo

package ponos

import (
	"cmp"
	"context"
	"time"
)

// Published is what became of an event that was published.
type Published struct {
	// ID is the event's; empty if it is delayed and has none yet.
	ID EventID
	// Duplicate is whether the stream had it already, by its [DedupID]: nothing was appended then.
	Duplicate bool
}

func readPublished(a *answer) Published { a.list(); return Published{EventID(a.text()), a.flag()} }

func readAllPublished(a *answer) []Published { return readList(a, readPublished) }

// Message is an event of a batch or of a step.
type Message[T any] struct {
	Topic   string
	Payload T
	// Key, Headers, DedupID and Delay are as the options of [Stream.Publish] have them; zero for none.
	Key     string
	Headers []HeaderField
	DedupID string
	Delay   time.Duration
}

// PublishOption says how to publish an event: [Key], [Header], [DedupID], [Delay], or a [PublishCondition].
type PublishOption interface{ publish() (place int, value any) }

type publishOption optional

func (o publishOption) publish() (int, any) { return o.place, o.value }

// Key is the event's key: events of one key can be had one after the other, see [OrderKey].
func Key(key string) PublishOption { return publishOption{1, key} }

// Header adds a header, which goes along with the payload.
func Header[V string | []byte](name string, value V) PublishOption {
	return publishOption{0, HeaderField{name, []byte(value)}}
}

// DedupID is an id by which the stream recognises, for at least two minutes, that it has the event already.
func DedupID(id string) PublishOption { return publishOption{2, id} }

// Delay appends the event after this time, of 365 days at most.
func Delay(d time.Duration) PublishOption { return publishOption{3, d} }

// PublishCondition is what must hold of the stream for a publish to go ahead: [ExpectLast], [IfExists].
type PublishCondition optional

func (c PublishCondition) publish() (int, any) { return c.place, c.value }

// ExpectLast holds if the last event has this number; 0: if there is none.
func ExpectLast(seq uint64) PublishCondition { return PublishCondition{4, seq} }

// IfExists holds if the stream exists.
func IfExists() PublishCondition { return PublishCondition{5, true} }

// Publish publishes an event: once, even if the answer is lost. topic has levels with dots between them.
//
// Errors: [ErrInvalid] for a bad topic (1 to 255 bytes, no white space or wildcards), a payload over max_value, headers
// over 16 KiB, a key or id over 1 KiB, or if the codec cannot write the payload; [ErrConflict] if [ExpectLast] does not
// hold; [ErrNotFound] if [IfExists] does not; [ErrLimited] if the stream is full of events that a group has not settled
// (see [WhenBehind]). If ctx ends the call it is open whether the event is published, as [Error].MaybeApplied says.
// Consistency: when this returns, the event has its number and every reader and sink will get it. Cost: one round trip;
// on Redis, calls that meet share it.
func (s *Stream[T]) Publish(ctx context.Context, topic string, payload T, options ...PublishOption) (Published, error) {
	encoded, err := s.codec.Encode(payload)
	if err != nil {
		return Published{}, err
	}
	return do(ctx, s.to, "stream.publish", readPublished, topic, encoded, placed(options, PublishOption.publish))
}

// PublishBatch publishes 1 to 1,000 events in one step, one after the other: all of them or none.
//
// Errors, consistency and cost as [Stream.Publish]; what is wrong with one event is wrong with the batch.
func (s *Stream[T]) PublishBatch(ctx context.Context, messages []Message[T], when ...PublishCondition) ([]Published, error) {
	batch, err := s.pack(messages)
	if err != nil {
		return nil, err
	}
	conditions := placed(when, PublishCondition.publish)
	return do(ctx, s.to, "stream.publish_batch", readAllPublished, batch, conditions[min(4, len(conditions)):])
}

// pack packs messages, and gives the first error of the codec.
func (s *Stream[T]) pack(messages []Message[T]) (batch list, fault error) {
	for _, m := range messages {
		payload, err := s.codec.Encode(m.Payload)
		fault = cmp.Or(fault, err)
		batch.add([]any{m.Topic, payload, []any{listed(m.Headers), m.Key, m.DedupID, m.Delay}})
	}
	return batch, fault
}
