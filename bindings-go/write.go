//go:build cgo

package ponos

import (
	"context"
	"time"
)

// Written is what a write did.
type Written struct {
	// Revision is the one that the map has with this write; if nothing changed, the one the copy showed.
	Revision uint64
	// Changed is whether anything changed.
	Changed bool
	// Previous is the value before; nil if there was none. Unknown (nil) in one rare case: the copy was loaded anew,
	// which watchers are told, while the write was under way.
	Previous []byte
	// PreviousShape says how to read Previous.
	PreviousShape Shape
}

// PreviousItems are those of the list or set that was there before, in order; nil otherwise.
func (w Written) PreviousItems() [][]byte { return split(w.Previous, w.PreviousShape) }

// Counted is what a counter shows now.
type Counted[N int64 | float64] struct {
	// Revision is that of the write.
	Revision uint64
	// Value is the sum.
	Value N
}

// Edited is what an edit of a list or set did.
type Edited struct {
	// Revision is the one that the map has with this write; if nothing changed, the one the copy showed.
	Revision uint64
	// Changed is whether anything changed.
	Changed bool
	// Len is how many items the list or set has now.
	Len int
}

func readWritten(a *answer) Written {
	a.list()
	written := Written{Revision: a.u64(), Changed: a.flag()}
	written.Previous, written.PreviousShape = a.value()
	return written
}

func readCounted(a *answer) Counted[int64] { a.list(); return Counted[int64]{a.u64(), int64(a.u64())} }

func readCountedFloat(a *answer) Counted[float64] {
	a.list()
	return Counted[float64]{a.u64(), a.float()}
}

func readEdited(a *answer) Edited { a.list(); return Edited{a.u64(), a.flag(), int(a.u64())} }

// writes are the writes of values, which maps of bytes ([]byte for T) and typed maps share.
type writes[T any] struct {
	to     *handle
	encode func(T) ([]byte, error) // nil for bytes
}

func (w writes[T]) encoded(value T) ([]byte, error) {
	if w.encode != nil {
		return w.encode(value)
	}
	raw, _ := any(value).([]byte)
	return raw, nil
}

// Set sets key, and drops its time to live; under a [Condition], with a [TTL], or both. [Map] has the errors and the cost
// of all writes.
//
// Errors: [ErrConflict] if the condition does not hold: nothing has changed then; [ErrInvalid] also if the codec of a typed
// map cannot write the value.
func (w writes[T]) Set(ctx context.Context, key string, value T, options ...SetOption) (Written, error) {
	encoded, err := w.encoded(value)
	if err != nil {
		return Written{}, err
	}
	return do(ctx, w.to, "map.set", readWritten, key, encoded, placed(options, SetOption.option))
}

// ListAppend appends items to a list, an absent key being an empty one, without sending the rest of it.
//
// Errors: [ErrInvalid] if the value is no list, or would outgrow max_value.
func (w writes[T]) ListAppend(ctx context.Context, key string, items ...T) (Edited, error) {
	return w.edit(ctx, "map.list_append", key, items)
}

// ListAppendUnique is as [Map.ListAppend], for those items that the list does not hold yet.
func (w writes[T]) ListAppendUnique(ctx context.Context, key string, items ...T) (Edited, error) {
	return w.edit(ctx, "map.list_append_unique", key, items)
}

// ListRemove removes every occurrence of the items from a list; a list that becomes empty is deleted.
//
// Errors: [ErrInvalid] if the value is no list.
func (w writes[T]) ListRemove(ctx context.Context, key string, items ...T) (Edited, error) {
	return w.edit(ctx, "map.list_remove", key, items)
}

// SetAdd adds members to a set, an absent key being an empty one.
//
// Errors: [ErrInvalid] if the value is no set, or would outgrow max_value.
func (w writes[T]) SetAdd(ctx context.Context, key string, members ...T) (Edited, error) {
	return w.edit(ctx, "map.set_add", key, members)
}

// SetRemove removes members from a set; a set that becomes empty is deleted.
//
// Errors: [ErrInvalid] if the value is no set.
func (w writes[T]) SetRemove(ctx context.Context, key string, members ...T) (Edited, error) {
	return w.edit(ctx, "map.set_remove", key, members)
}

func (w writes[T]) edit(ctx context.Context, op, key string, items []T) (Edited, error) {
	encoded, err := convert(items, w.encoded)
	if err != nil {
		return Edited{}, err
	}
	return do(ctx, w.to, op, readEdited, key, encoded)
}

// convert encodes or decodes each item.
func convert[A, B any](items []A, one func(A) (B, error)) (converted []B, err error) {
	converted = make([]B, len(items))
	for i := 0; i < len(items) && err == nil; i++ {
		converted[i], err = one(items[i])
	}
	return converted, err
}

// Delete removes key, under a [Condition] or without; if it is absent nothing changes.
//
// Errors: [ErrConflict] if the condition does not hold: nothing has changed then.
func (m *Map) Delete(ctx context.Context, key string, when ...Condition) (Written, error) {
	return do(ctx, m.handle, "map.delete", readWritten, key, placed(when, Condition.option))
}

// Incr adds to an integer counter (decimal text), within bounds; an absent key counts as 0. It keeps the time to live.
//
// Errors: [ErrConflict] if the sum would leave the bounds or the range of int64: nothing has changed then; [ErrInvalid] if
// the value or a bound is no integer.
func (m *Map) Incr(ctx context.Context, key string, by int64, bounds ...Bound) (Counted[int64], error) {
	return do(ctx, m.handle, "map.incr", readCounted, key, by, placed(bounds, Bound.option))
}

// IncrFloat adds to a floating-point counter (decimal text), within bounds; an absent key counts as 0. It keeps the time
// to live.
//
// Errors: [ErrConflict] if the sum would leave the bounds or not be finite: nothing has changed then; [ErrInvalid] if by is
// not finite or the value is no number.
func (m *Map) IncrFloat(ctx context.Context, key string, by float64, bounds ...Bound) (Counted[float64], error) {
	return do(ctx, m.handle, "map.incr_float", readCountedFloat, key, by, placed(bounds, Bound.option))
}

// Touch gives an entry a new time to live from now on, or [Forever]; if the key is absent nothing changes.
// Watchers get no event: the value is the same.
func (m *Map) Touch(ctx context.Context, key string, d time.Duration) (Written, error) {
	return do(ctx, m.handle, "map.touch", readWritten, key, ttl(d))
}

// Clear removes every key in one revision.
func (m *Map) Clear(ctx context.Context) (Written, error) {
	return do(ctx, m.handle, "map.clear", readWritten)
}

// Destroy removes the map with its history and codec; the next write starts a new generation. Handles stay usable.
func (m *Map) Destroy(ctx context.Context) (Written, error) {
	return do(ctx, m.handle, "map.destroy", readWritten)
}

// SetOption says how to set a key: a [Condition] or a [TTL].
type SetOption interface{ option() (place int, value any) }

// optional is what may be given to a write: its place behind what has to be given, and nil or its value.
type optional struct {
	place int
	value any
}

func (o optional) option() (int, any) { return o.place, o.value }

// Condition is what must hold of an entry for a write to go ahead; a write has one at most. The zero value always holds.
type Condition struct{ optional }

// IfAbsent holds if the key is absent.
func IfAbsent() Condition { return Condition{optional{0, true}} }

// IfPresent holds if the key is present.
func IfPresent() Condition { return Condition{optional{1, true}} }

// IfRevision holds if this revision was the last to change the key.
func IfRevision(revision uint64) Condition { return Condition{optional{2, revision}} }

// IfValue holds if the key has exactly this value.
func IfValue(value []byte) Condition { return Condition{optional{3, value}} }

// TTL is how long the entry lives, from the engine's clock at the write; from 1 ms to 100 years, or [Forever].
func TTL(d time.Duration) SetOption { return optional{4, ttl(d)} }

// Forever is the time to live of an entry that does not expire.
const Forever time.Duration = 1<<63 - 1

// Bound is one that a counter must not leave; at first it has those of its type.
type Bound struct{ optional }

// AtLeast is the smallest sum that is accepted.
func AtLeast[N int | int64 | float64](sum N) Bound { return Bound{optional{0, sum}} }

// AtMost is the largest sum that is accepted.
func AtMost[N int | int64 | float64](sum N) Bound { return Bound{optional{1, sum}} }

// placed puts options at their places; headers come one behind the other at theirs.
func placed[O any](options []O, one func(O) (int, any)) (places []any) {
	for _, given := range options {
		place, value := one(given)
		if value == nil {
			continue
		}
		for place >= len(places) {
			places = append(places, nil)
		}
		if header, is := value.(HeaderField); is {
			headers, _ := places[place].(list)
			headers.add(header)
			value = headers
		}
		places[place] = value
	}
	return places
}
