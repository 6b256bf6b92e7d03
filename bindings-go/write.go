//go:build cgo

package ponos

import (
	"cmp"
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

// Set sets key, and drops its time to live. [Map] has the errors and the cost of all writes.
func (m *Map) Set(ctx context.Context, key string, value []byte) (Written, error) {
	return do(ctx, m.handle, "map.set", readWritten, key, value)
}

// SetWith is as [Map.Set], under a condition or with a time to live.
//
// Errors: [ErrConflict] if the condition does not hold: nothing has changed then.
func (m *Map) SetWith(ctx context.Context, key string, value []byte, options SetOptions) (Written, error) {
	c := options.When
	return do(ctx, m.handle, "map.set", readWritten,
		key, value, c.absent, c.present, c.revision, c.value, ttl(cmp.Or(options.TTL, Forever)))
}

// Delete removes key; if it is absent nothing changes.
func (m *Map) Delete(ctx context.Context, key string) (Written, error) {
	return do(ctx, m.handle, "map.delete", readWritten, key)
}

// DeleteWith is as [Map.Delete], under a condition.
//
// Errors: [ErrConflict] if the condition does not hold: nothing has changed then.
func (m *Map) DeleteWith(ctx context.Context, key string, options DeleteOptions) (Written, error) {
	c := options.When
	return do(ctx, m.handle, "map.delete", readWritten, key, c.absent, c.present, c.revision, c.value)
}

// Incr adds to an integer counter (decimal text); an absent key counts as 0. It keeps the time to live.
//
// Errors: [ErrConflict] if the sum would leave the range of int64; [ErrInvalid] if the value is no integer.
func (m *Map) Incr(ctx context.Context, key string, by int64) (Counted[int64], error) {
	return do(ctx, m.handle, "map.incr", readCounted, key, by)
}

// IncrWith is as [Map.Incr], within bounds.
//
// Errors: [ErrConflict] if the sum would leave them: nothing has changed then.
func (m *Map) IncrWith(ctx context.Context, key string, by int64, options IncrOptions) (Counted[int64], error) {
	return do(ctx, m.handle, "map.incr", readCounted, key, by, given(options.Min), given(options.Max))
}

// IncrFloat adds to a floating-point counter (decimal text); an absent key counts as 0. It keeps the time to live.
//
// Errors: [ErrConflict] if the sum would not be finite; [ErrInvalid] if by is not finite or the value is no number.
func (m *Map) IncrFloat(ctx context.Context, key string, by float64) (Counted[float64], error) {
	return do(ctx, m.handle, "map.incr_float", readCountedFloat, key, by)
}

// IncrFloatWith is as [Map.IncrFloat], within bounds.
//
// Errors: [ErrConflict] if the sum would leave them: nothing has changed then.
func (m *Map) IncrFloatWith(ctx context.Context, key string, by float64, options IncrFloatOptions) (Counted[float64], error) {
	return do(ctx, m.handle, "map.incr_float", readCountedFloat, key, by, given(options.Min), given(options.Max))
}

// ListAppend appends items to a list, an absent key being an empty one, without sending the rest of it.
//
// Errors: [ErrInvalid] if the value is no list, or would outgrow max_value.
func (m *Map) ListAppend(ctx context.Context, key string, items ...[]byte) (Edited, error) {
	return do(ctx, m.handle, "map.list_append", readEdited, key, items)
}

// ListAppendUnique is as [Map.ListAppend], for those items that the list does not hold yet.
func (m *Map) ListAppendUnique(ctx context.Context, key string, items ...[]byte) (Edited, error) {
	return do(ctx, m.handle, "map.list_append_unique", readEdited, key, items)
}

// ListRemove removes every occurrence of the items from a list; a list that becomes empty is deleted.
//
// Errors: [ErrInvalid] if the value is no list.
func (m *Map) ListRemove(ctx context.Context, key string, items ...[]byte) (Edited, error) {
	return do(ctx, m.handle, "map.list_remove", readEdited, key, items)
}

// SetAdd adds members to a set, an absent key being an empty one.
//
// Errors: [ErrInvalid] if the value is no set, or would outgrow max_value.
func (m *Map) SetAdd(ctx context.Context, key string, members ...[]byte) (Edited, error) {
	return do(ctx, m.handle, "map.set_add", readEdited, key, members)
}

// SetRemove removes members from a set; a set that becomes empty is deleted.
//
// Errors: [ErrInvalid] if the value is no set.
func (m *Map) SetRemove(ctx context.Context, key string, members ...[]byte) (Edited, error) {
	return do(ctx, m.handle, "map.set_remove", readEdited, key, members)
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
