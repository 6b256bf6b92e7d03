//go:build cgo

package ponos

import (
	"context"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"
	"unsafe"
)

// EventID names an event of a stream: the life of the stream that it belongs to, a hyphen, and its number in that life,
// from 1 on. It is the same text in every language; empty, it names none.
type EventID string

// Seq is the number; 0 of an id that names none.
func (id EventID) Seq() uint64 {
	_, text, _ := strings.Cut(string(id), "-")
	seq, _ := strconv.ParseUint(text, 10, 64)
	return seq
}

// rawID is an id as two numbers; empty for none.
func (a *answer) rawID() EventID {
	generation, seq := a.rawU64(), a.rawU64()
	if seq == 0 {
		return ""
	}
	text := strconv.AppendUint(make([]byte, 0, 40), generation, 10)
	return EventID(strconv.AppendUint(append(text, '-'), seq, 10))
}

// ItemKind is what comes next in a stream.
type ItemKind string

const (
	// ItemEvent: an event.
	ItemEvent ItemKind = "event"
	// ItemGap: events that were to come were trimmed before they could be read. ID, Next and Missing say which.
	ItemGap ItemKind = "gap"
	// ItemDeleted: the stream was deleted; what comes next belongs to its next life.
	ItemDeleted ItemKind = "deleted"
)

var itemKinds = [...]ItemKind{ItemEvent, ItemGap, ItemDeleted}

// Item is what comes next in a stream: an event, or news of the stream. It is the caller's.
type Item[T any] struct {
	Kind ItemKind
	// ID is that of the event; of a gap, that of the first event that is missing.
	ID EventID
	// Topic is where the event was published.
	Topic string
	// Key is the one that the event was published with; empty for none.
	Key string
	// Payload is the event's content.
	Payload T
	// Err is why the codec cannot read the payload, of kind ErrInvalid.
	Err error
	// Headers are what was published along with the payload, in that order.
	Headers []HeaderField
	// At is when the event was appended, by the engine's clock.
	At time.Time
	// Next is the first event behind a gap, Missing how many are in it.
	Next    EventID
	Missing uint64
}

// HeaderField is a header of an event.
type HeaderField struct {
	Name  string
	Value []byte
}

// Header is the first header of this name, and whether there is one.
func (i Item[T]) Header(name string) ([]byte, bool) {
	at := slices.IndexFunc(i.Headers, func(header HeaderField) bool { return header.Name == name })
	if at < 0 {
		return nil, false
	}
	return i.Headers[at].Value, true
}

func (i Item[T]) fault() error { return i.Err }

// ticketSize is the size of a ticket, which means something to the core alone.
const ticketSize = 32

// readDelivery reads one item as items.rs of bindings-core packs it: as a sink gives it, with its ticket if it is an event,
// or as a reader does; of several streams, with the number of its stream for a count.
func readDelivery[T any](a *answer, codecs ...coder[T]) (d Delivery[T]) {
	kind, flags, headers, count := a.byte(), a.byte(), int(a.rawU16()), a.rawU32()
	d.Kind, d.Count, d.ID, d.At = itemKinds[kind], int(count), a.rawID(), moment(a.rawU64())
	topic, key, fields, payload := int(a.rawU32()), int(a.rawU32()), int(a.rawU32()), int(a.rawU32())
	// One allocation for all: nothing that the caller may change reaches what is text.
	own := answer{clone(a.take(ticketSize + topic + key + fields + payload))}
	ticket := own.take(ticketSize)
	codec := codecs[0]
	if flags == 1 {
		d.ticket = ticket
	} else {
		codec = codecs[count]
	}
	if d.Kind == ItemGap {
		d.Next, d.Missing = own.rawID(), own.rawU64()
	}
	if d.Kind == ItemEvent {
		d.Topic, d.Key = own.string(topic), own.string(key)
		for range headers {
			name, value := int(own.rawU32()), int(own.rawU32())
			d.Headers = append(d.Headers, HeaderField{own.string(name), own.take(value)})
		}
		d.Payload, d.Err = codec.Decode(own.take(payload))
	}
	return d
}

// string is so many bytes of memory that never changes.
func (a *answer) string(n int) string { return unsafe.String(unsafe.SliceData(a.take(n)), n) }

// leastItem is how many bytes an item has at least, or an event of a map with a few bytes of its own.
const leastItem = 64

// feed yields what a reader, a sink or a watcher has for op, at most max items at once, until there is no more.
func feed[I any](ctx context.Context, from *handle, op string, max int, read func(*answer) I) iter.Seq2[[]I, error] {
	all := func(a *answer) []I {
		packed := answer{a.borrowed()}
		items := make([]I, 0, min(max, len(packed.rest)/leastItem+1))
		for len(packed.rest) > 0 {
			items = append(items, read(&packed))
		}
		return items
	}
	return func(yield func([]I, error) bool) {
		for {
			items, err := do(ctx, from, op, all, max)
			if err != nil || len(items) == 0 {
				_ = err != nil && yield(nil, err)
				return
			}
			if !yield(items, nil) {
				return
			}
		}
	}
}

// each yields the items of batches one by one, each with its fault.
func each[I interface{ fault() error }](batches iter.Seq2[[]I, error]) iter.Seq2[I, error] {
	return func(yield func(I, error) bool) {
		for items, err := range batches {
			for _, item := range items {
				if !yield(item, item.fault()) {
					return
				}
			}
			if err != nil {
				yield(*new(I), err)
			}
		}
	}
}
