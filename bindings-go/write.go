package ponos

// #include "ponos.h"
import "C"

import (
	"cmp"
	"context"
	"math"
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
}

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
	written := Written{Revision: a.u64(), Changed: a.flag()}
	if a.flag() {
		written.Previous = a.keep()
	}
	return written
}

func readCounted(a *answer) Counted[int64] { return Counted[int64]{a.u64(), int64(a.u64())} }

func readCountedFloat(a *answer) Counted[float64] {
	return Counted[float64]{a.u64(), math.Float64frombits(a.u64())}
}

func readEdited(a *answer) Edited { return Edited{a.u64(), a.flag(), int(a.u64())} }

// Set sets key, and drops its time to live. [Map] has the errors and the cost of all writes.
func (m *Map) Set(ctx context.Context, key string, value []byte) (Written, error) {
	return do(ctx, m.set(key, value), readWritten)
}

// SetWith is as [Map.Set], under a condition or with a time to live.
//
// Errors: [ErrConflict] if the condition does not hold: nothing has changed then.
func (m *Map) SetWith(ctx context.Context, key string, value []byte, options SetOptions) (Written, error) {
	return do(ctx, m.setWith(key, value, options), readWritten)
}

// Delete removes key; if it is absent nothing changes.
func (m *Map) Delete(ctx context.Context, key string) (Written, error) {
	return do(ctx, m.delete(key, DeleteOptions{}), readWritten)
}

// DeleteWith is as [Map.Delete], under a condition.
//
// Errors: [ErrConflict] if the condition does not hold: nothing has changed then.
func (m *Map) DeleteWith(ctx context.Context, key string, options DeleteOptions) (Written, error) {
	return do(ctx, m.delete(key, options), readWritten)
}

// Incr adds to an integer counter (decimal text); an absent key counts as 0. It keeps the time to live.
//
// Errors: [ErrConflict] if the sum would leave the range of int64; [ErrInvalid] if the value is no integer.
func (m *Map) Incr(ctx context.Context, key string, by int64) (Counted[int64], error) {
	return do(ctx, m.incr(key, by, IncrOptions{}), readCounted)
}

// IncrWith is as [Map.Incr], within bounds.
//
// Errors: [ErrConflict] if the sum would leave them: nothing has changed then.
func (m *Map) IncrWith(ctx context.Context, key string, by int64, options IncrOptions) (Counted[int64], error) {
	return do(ctx, m.incr(key, by, options), readCounted)
}

// IncrFloat adds to a floating-point counter (decimal text); an absent key counts as 0. It keeps the time to live.
//
// Errors: [ErrConflict] if the sum would not be finite; [ErrInvalid] if by is not finite or the value is no number.
func (m *Map) IncrFloat(ctx context.Context, key string, by float64) (Counted[float64], error) {
	return do(ctx, m.incrFloat(key, by, IncrFloatOptions{}), readCountedFloat)
}

// IncrFloatWith is as [Map.IncrFloat], within bounds.
//
// Errors: [ErrConflict] if the sum would leave them: nothing has changed then.
func (m *Map) IncrFloatWith(ctx context.Context, key string, by float64, options IncrFloatOptions) (Counted[float64], error) {
	return do(ctx, m.incrFloat(key, by, options), readCountedFloat)
}

// ListAppend appends items to a list, an absent key being an empty one, without sending the rest of it.
//
// Errors: [ErrInvalid] if the value is no list, or would outgrow max_value.
func (m *Map) ListAppend(ctx context.Context, key string, items ...[]byte) (Edited, error) {
	return do(ctx, m.edit(C.PONOS_OP_LIST_APPEND, key, items), readEdited)
}

// ListAppendUnique is as [Map.ListAppend], for those items that the list does not hold yet.
func (m *Map) ListAppendUnique(ctx context.Context, key string, items ...[]byte) (Edited, error) {
	return do(ctx, m.edit(C.PONOS_OP_LIST_APPEND_UNIQUE, key, items), readEdited)
}

// ListRemove removes every occurrence of the items from a list; a list that becomes empty is deleted.
//
// Errors: [ErrInvalid] if the value is no list.
func (m *Map) ListRemove(ctx context.Context, key string, items ...[]byte) (Edited, error) {
	return do(ctx, m.edit(C.PONOS_OP_LIST_REMOVE, key, items), readEdited)
}

// SetAdd adds members to a set, an absent key being an empty one.
//
// Errors: [ErrInvalid] if the value is no set, or would outgrow max_value.
func (m *Map) SetAdd(ctx context.Context, key string, members ...[]byte) (Edited, error) {
	return do(ctx, m.edit(C.PONOS_OP_SET_ADD, key, members), readEdited)
}

// SetRemove removes members from a set; a set that becomes empty is deleted.
//
// Errors: [ErrInvalid] if the value is no set.
func (m *Map) SetRemove(ctx context.Context, key string, members ...[]byte) (Edited, error) {
	return do(ctx, m.edit(C.PONOS_OP_SET_REMOVE, key, members), readEdited)
}

// Touch gives an entry a new time to live from now on, or [Forever]; if the key is absent nothing changes.
// Watchers get no event: the value is the same.
func (m *Map) Touch(ctx context.Context, key string, ttl time.Duration) (Written, error) {
	return do(ctx, m.touch(key, ttl), readWritten)
}

// Clear removes every key in one revision.
func (m *Map) Clear(ctx context.Context) (Written, error) {
	return do(ctx, request{op: C.PONOS_OP_CLEAR, on: m.handle}, readWritten)
}

// Destroy removes the map with its history and codec; the next write starts a new generation. Handles stay usable.
func (m *Map) Destroy(ctx context.Context) (Written, error) {
	return do(ctx, request{op: C.PONOS_OP_DESTROY, on: m.handle}, readWritten)
}

// What follows encodes each operation, for a call of its own and for a part of a transaction.

func (h *handle) set(key string, value []byte) request {
	return request{C.PONOS_OP_SET, h, key, value, nil}
}

func (h *handle) setWith(key string, value []byte, o SetOptions) request {
	return request{C.PONOS_OP_SET, h, key, value, packed(nil).condition(o.When).i64(int64(cmp.Or(o.TTL, Forever)))}
}

func (h *handle) delete(key string, o DeleteOptions) request {
	return request{C.PONOS_OP_DELETE, h, key, nil, packed(nil).condition(o.When)}
}

func (h *handle) incr(key string, by int64, o IncrOptions) request {
	args := packed(nil).i64(by).i64(bound(o.Min, math.MinInt64)).i64(bound(o.Max, math.MaxInt64))
	return request{C.PONOS_OP_INCR, h, key, nil, args}
}

func (h *handle) incrFloat(key string, by float64, o IncrFloatOptions) request {
	args := packed(nil).f64(by).f64(bound(o.Min, math.Inf(-1))).f64(bound(o.Max, math.Inf(1)))
	return request{C.PONOS_OP_INCR_FLOAT, h, key, nil, args}
}

func (h *handle) edit(op uint32, key string, items [][]byte) request {
	return request{op, h, key, nil, packed(nil).items(items)}
}

func (h *handle) touch(key string, ttl time.Duration) request {
	return request{C.PONOS_OP_TOUCH, h, key, nil, packed(nil).i64(int64(ttl))}
}
