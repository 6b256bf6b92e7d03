//go:build cgo

package ponos

import (
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
func (e Entry) Items() [][]byte { return split(e.Value, e.Shape) }

// split gives the items of a value that is a list or set; nil of another.
func split(value []byte, shape Shape) [][]byte {
	if value == nil || shape == ShapePlain || shape == "" {
		return nil
	}
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
	length := r.peek(key, false, small[:])
	if length < 0 {
		return nil, false
	}
	if length <= len(small) {
		return clone(small[:length]), true
	}
	return r.get(make([]byte, 0, length), key, false)
}

// AppendGet appends the value of key to dst, and says whether it is there. As [Map.Get], without an allocation if dst
// has room.
func (r reads) AppendGet(dst []byte, key string) ([]byte, bool) { return r.get(dst, key, false) }

// Entry gives the value of key with its revision, shape and deadline, and whether it is there. As [Map.Get].
func (r reads) Entry(key string) (entry Entry, ok bool) {
	packed, ok := r.get(make([]byte, 0, 192), key, true)
	if ok {
		_, entry = readEntry(&answer{packed})
	}
	return entry, ok
}

// ItemsOf gives the items of a list or set, in order, and whether key is one. Cost: O(items).
func (r reads) ItemsOf(key string) ([][]byte, bool) {
	entry, _ := r.Entry(key)
	items := entry.Items()
	return items, items != nil
}

// Contains says whether key is there.
func (r reads) Contains(key string) bool { return r.peek(key, false, nil) >= 0 }

// Len is how many keys there are. Cost: O(1); a key that has expired in the last moments may still count.
func (r reads) Len() int { return int(local(r.handle, "map.len", (*answer).u64)) }

// Revision is the last change that is shown; 0 for a map that nobody has written yet.
func (r reads) Revision() uint64 { return r.position().Revision }

// Generation is the life of the map that Revision belongs to; 0 for a map that nobody has written yet.
func (r reads) Generation() uint64 { return r.position().Generation }

func (r reads) position() Position {
	return local(r.handle, "map.position", func(a *answer) Position { a.list(); return Position{a.u64(), a.u64()} })
}

// Keys are all keys, in no order. Consistency: those of one revision. Cost: O(keys).
func (r reads) Keys() []string { return local(r.handle, "map.keys", (*answer).texts) }

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
func (r reads) Entries() iter.Seq2[string, Entry] { return r.entries("map.entries") }

// Prefix yields the entries whose keys begin with prefix, by key. Consistency: those of one revision, that of the loop's
// begin. Cost: O(keys), or O(log keys + results) for a map opened with Ordered.
func (r reads) Prefix(prefix string) iter.Seq2[string, Entry] { return r.entries("map.prefix", prefix) }

// Range yields the entries with from <= key < to in the order of their UTF-8 bytes, by key; an empty to is the end. As
// [Map.Prefix].
func (r reads) Range(from, to string) iter.Seq2[string, Entry] {
	return r.entries("map.range", from, unless(to, ""))
}

func (r reads) entries(op string, args ...any) iter.Seq2[string, Entry] {
	return func(yield func(string, Entry) bool) {
		found := local(r.handle, op, func(a *answer) []byte { return keep(a.borrowed()) }, args...)
		for a := (answer{found}); len(a.rest) > 0; {
			if key, entry := readEntry(&a); !yield(key, entry) {
				return
			}
		}
	}
}
