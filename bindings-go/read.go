package ponos

// #include "ponos.h"
import "C"

import (
	"context"
	"encoding/binary"
	"iter"
	"time"
)

// Shape is how the bytes of a value are to be read.
type Shape string

const (
	// ShapePlain: as they were written; counters are decimal text.
	ShapePlain Shape = "plain"
	// ShapeList: items in order, possibly repeated.
	ShapeList Shape = "list"
	// ShapeSet: items in order of their first addition, each once.
	ShapeSet Shape = "set"
)

var shapes = [...]Shape{ShapePlain, ShapeList, ShapeSet}

// Entry is one key's value, with the revision that last changed it.
type Entry struct {
	// Value is the bytes: of a list or set, each item behind its length as 32 bits, little-endian.
	Value []byte
	// Revision is that of the last change to this entry.
	Revision uint64
	// Expires is when the entry stops to exist, on the engine's clock; zero for never.
	Expires time.Time
	// Shape says how to read Value.
	Shape Shape
}

// Items are those of a list or set, in order; nil for a plain value.
func (e Entry) Items() [][]byte {
	if e.Shape == ShapePlain {
		return nil
	}
	return split(e.Value)
}

func split(value []byte) [][]byte {
	items := [][]byte{}
	for len(value) >= 4 {
		end := 4 + int(binary.LittleEndian.Uint32(value))
		items = append(items, value[4:end:end])
		value = value[end:]
	}
	return items
}

// reads are the local reads, which maps and snapshots share.
type reads struct{ *handle }

// Get gives the value of key and whether it is there; of a list or set, the framed items (see [Entry]).
//
// Consistency: never a value past its deadline, by the engine's clock as known here. Cost: no round trip, no lock; the
// bytes are copied and the caller's.
func (r reads) Get(key string) ([]byte, bool) {
	var small [128]byte
	length := r.peek(key, small[:], nil)
	if length < 0 {
		return nil, false
	}
	if length <= len(small) {
		return clone(small[:length]), true
	}
	return r.get(make([]byte, 0, length), key, nil)
}

// AppendGet appends the value of key to dst, and says whether it is there. As [Map.Get], without an allocation if dst
// has room.
func (r reads) AppendGet(dst []byte, key string) ([]byte, bool) { return r.get(dst, key, nil) }

// Entry gives the value of key with its revision, shape and deadline, and whether it is there. As [Map.Get].
func (r reads) Entry(key string) (Entry, bool) {
	var e C.PonosEntry
	value, ok := r.get(make([]byte, 0, 64), key, &e)
	if !ok {
		return Entry{}, false
	}
	return Entry{value, uint64(e.revision), moment(uint64(e.deadline)), shapes[e.shape]}, true
}

// ItemsOf gives the items of a list or set, in order, and whether key is one. Cost: O(items).
func (r reads) ItemsOf(key string) ([][]byte, bool) {
	entry, ok := r.Entry(key)
	if !ok || entry.Shape == ShapePlain {
		return nil, false
	}
	return entry.Items(), true
}

// Contains says whether key is there.
func (r reads) Contains(key string) bool { return r.peek(key, nil, nil) >= 0 }

// Len is how many keys there are. Cost: O(1); a key that has expired in the last moments may still count.
func (r reads) Len() int { return int(r.state().len) }

// Revision is the last change that is shown; 0 for a map that nobody has written yet.
func (r reads) Revision() uint64 { return uint64(r.state().revision) }

// Generation is the life of the map that Revision belongs to; 0 for a map that nobody has written yet.
func (r reads) Generation() uint64 { return uint64(r.state().generation) }

// Keys are all keys, in no order. Consistency: those of one revision. Cost: O(keys).
func (r reads) Keys() []string {
	keys := make([]string, 0, r.Len())
	for a := r.list(C.PONOS_OP_KEYS, "", ""); len(a.rest) > 0; {
		keys = append(keys, a.text())
	}
	return keys
}

// All yields every key and value, in no order. Consistency: those of one revision, that of the loop's begin. Cost: O(keys).
func (r reads) All() iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for key, entry := range r.Entries() {
			if !yield(key, entry.Value) {
				return
			}
		}
	}
}

// Entries yields every key and entry, in no order. As [Map.All].
func (r reads) Entries() iter.Seq2[string, Entry] { return r.entries(C.PONOS_OP_ENTRIES, "", "") }

// Prefix yields the entries whose keys begin with prefix, by key. Consistency: those of one revision, that of the loop's
// begin. Cost: O(keys), or O(log keys + results) for a map opened with Ordered.
func (r reads) Prefix(prefix string) iter.Seq2[string, Entry] {
	return r.entries(C.PONOS_OP_PREFIX, prefix, "")
}

// Range yields the entries with from <= key < to in the order of their UTF-8 bytes, by key; an empty to is the end. As
// [Map.Prefix].
func (r reads) Range(from, to string) iter.Seq2[string, Entry] {
	return r.entries(C.PONOS_OP_RANGE, from, to)
}

func (r reads) entries(op uint32, from, to string) iter.Seq2[string, Entry] {
	return func(yield func(string, Entry) bool) {
		for a := r.list(op, from, to); len(a.rest) > 0; {
			if key := a.text(); !yield(key, a.entry()) {
				return
			}
		}
	}
}

// list is a packed list; empty if a bound is no UTF-8, as no key is then in it.
func (r reads) list(op uint32, from, to string) answer {
	rest, _ := do(context.Background(), request{op, r.handle, from, []byte(to), nil}, readRest)
	return answer{rest, true}
}
