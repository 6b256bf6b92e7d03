package ponos

// #include "ponos.h"
import "C"

import (
	"context"
	"time"
)

// Txn is a transaction being put together; nothing happens before [Txn.Commit].
//
// If all conditions hold, the operations before [Txn.Otherwise] are done, else those after it. Each sees what those
// before it have done. One that is refused (a bound, a wrong type) refuses the whole.
type Txn struct {
	on        *handle
	when      parts
	branches  [2]parts
	otherwise int
}

type parts struct {
	count  int
	packed packed
}

// TxnDone says which branch of a transaction was taken.
type TxnDone struct {
	// Revision is the one of all that was done; if nothing changed, the one the copy showed.
	Revision uint64
	// Matched is whether all conditions held, so that the first branch was done.
	Matched bool
	// Changed is whether anything changed.
	Changed bool
}

// Txn begins a transaction: conditions, and what to do if they hold or not, in one revision.
func (m *Map) Txn() *Txn { return &Txn{on: m.handle} }

// When adds a condition.
func (t *Txn) When(key string, condition Condition) *Txn {
	t.when.count++
	t.when.packed = t.when.packed.text(key).condition(condition)
	return t
}

// Otherwise says that from here on, operations are for the case that a condition does not hold.
func (t *Txn) Otherwise() *Txn {
	t.otherwise = 1
	return t
}

// Set sets a key, as [Map.Set].
func (t *Txn) Set(key string, value []byte) *Txn { return t.add(t.on.set(key, value)) }

// SetWith sets a key, as [Map.SetWith].
func (t *Txn) SetWith(key string, value []byte, options SetOptions) *Txn {
	return t.add(t.on.setWith(key, value, options))
}

// Delete deletes a key, as [Map.Delete].
func (t *Txn) Delete(key string) *Txn { return t.add(t.on.delete(key, DeleteOptions{})) }

// DeleteWith deletes a key, as [Map.DeleteWith].
func (t *Txn) DeleteWith(key string, options DeleteOptions) *Txn {
	return t.add(t.on.delete(key, options))
}

// Incr adds to an integer counter, as [Map.Incr].
func (t *Txn) Incr(key string, by int64) *Txn { return t.add(t.on.incr(key, by, IncrOptions{})) }

// IncrWith adds to an integer counter within bounds, as [Map.IncrWith].
func (t *Txn) IncrWith(key string, by int64, options IncrOptions) *Txn {
	return t.add(t.on.incr(key, by, options))
}

// IncrFloat adds to a floating-point counter, as [Map.IncrFloat].
func (t *Txn) IncrFloat(key string, by float64) *Txn {
	return t.add(t.on.incrFloat(key, by, IncrFloatOptions{}))
}

// IncrFloatWith adds to a floating-point counter within bounds, as [Map.IncrFloatWith].
func (t *Txn) IncrFloatWith(key string, by float64, options IncrFloatOptions) *Txn {
	return t.add(t.on.incrFloat(key, by, options))
}

// ListAppend appends items to a list, as [Map.ListAppend].
func (t *Txn) ListAppend(key string, items ...[]byte) *Txn {
	return t.add(t.on.edit(C.PONOS_OP_LIST_APPEND, key, items))
}

// ListAppendUnique appends items that the list does not hold yet, as [Map.ListAppendUnique].
func (t *Txn) ListAppendUnique(key string, items ...[]byte) *Txn {
	return t.add(t.on.edit(C.PONOS_OP_LIST_APPEND_UNIQUE, key, items))
}

// ListRemove removes items from a list, as [Map.ListRemove].
func (t *Txn) ListRemove(key string, items ...[]byte) *Txn {
	return t.add(t.on.edit(C.PONOS_OP_LIST_REMOVE, key, items))
}

// SetAdd adds members to a set, as [Map.SetAdd].
func (t *Txn) SetAdd(key string, members ...[]byte) *Txn {
	return t.add(t.on.edit(C.PONOS_OP_SET_ADD, key, members))
}

// SetRemove removes members from a set, as [Map.SetRemove].
func (t *Txn) SetRemove(key string, members ...[]byte) *Txn {
	return t.add(t.on.edit(C.PONOS_OP_SET_REMOVE, key, members))
}

// Touch gives an entry a new time to live, as [Map.Touch].
func (t *Txn) Touch(key string, ttl time.Duration) *Txn { return t.add(t.on.touch(key, ttl)) }

// Commit does it.
//
// Errors: [ErrInvalid] if it is empty, has over 1,000 parts, or a part is bad; [ErrConflict] or [ErrInvalid] if an
// operation is refused: nothing has changed then. Consistency: all of it has one revision, and no reader sees half of
// it. Cost: one round trip.
func (t *Txn) Commit(ctx context.Context) (TxnDone, error) {
	var args packed
	for _, p := range []parts{t.when, t.branches[0], t.branches[1]} {
		args = append(args.many(p.count), p.packed...)
	}
	return do(ctx, request{op: C.PONOS_OP_TXN, on: t.on, args: args}, func(a *answer) TxnDone {
		return TxnDone{a.u64(), a.flag(), a.flag()}
	})
}

func (t *Txn) add(r request) *Txn {
	branch := &t.branches[t.otherwise]
	branch.count++
	branch.packed = branch.packed.u32(r.op).text(r.key).bytes(r.value).bytes(r.args)
	return t
}
