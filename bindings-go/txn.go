//go:build cgo

package ponos

import (
	"context"
	"time"
)

// Txn is a transaction being put together; nothing happens before [Txn.Commit].
//
// If all conditions hold, the operations before [Txn.Otherwise] are done, else those after it. Each sees what those
// before it have done. One that is refused (a bound, a wrong type) refuses the whole.
type Txn struct {
	on     *handle
	parts  [3]list // conditions, and the operations of the two branches
	branch int
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
func (m *Map) Txn() *Txn { return &Txn{on: m.handle, branch: 1} }

// When adds a condition.
func (t *Txn) When(key string, c Condition) *Txn {
	t.parts[0].add([]any{key, placed([]Condition{c}, Condition.option)})
	return t
}

// Otherwise says that from here on, operations are for the case that a condition does not hold.
func (t *Txn) Otherwise() *Txn {
	t.branch = 2
	return t
}

// Set sets a key, as [Map.Set].
func (t *Txn) Set(key string, value []byte, options ...SetOption) *Txn {
	return t.add("set", key, value, placed(options, SetOption.option))
}

// Delete deletes a key, as [Map.Delete].
func (t *Txn) Delete(key string, when ...Condition) *Txn {
	return t.add("delete", key, placed(when, Condition.option))
}

// Incr adds to an integer counter, as [Map.Incr].
func (t *Txn) Incr(key string, by int64, bounds ...Bound) *Txn {
	return t.add("incr", key, by, placed(bounds, Bound.option))
}

// IncrFloat adds to a floating-point counter, as [Map.IncrFloat].
func (t *Txn) IncrFloat(key string, by float64, bounds ...Bound) *Txn {
	return t.add("incr_float", key, by, placed(bounds, Bound.option))
}

// ListAppend appends items to a list, as [Map.ListAppend].
func (t *Txn) ListAppend(key string, items ...[]byte) *Txn { return t.add("list_append", key, items) }

// ListAppendUnique appends items that the list does not hold yet, as [Map.ListAppendUnique].
func (t *Txn) ListAppendUnique(key string, items ...[]byte) *Txn {
	return t.add("list_append_unique", key, items)
}

// ListRemove removes items from a list, as [Map.ListRemove].
func (t *Txn) ListRemove(key string, items ...[]byte) *Txn { return t.add("list_remove", key, items) }

// SetAdd adds members to a set, as [Map.SetAdd].
func (t *Txn) SetAdd(key string, members ...[]byte) *Txn { return t.add("set_add", key, members) }

// SetRemove removes members from a set, as [Map.SetRemove].
func (t *Txn) SetRemove(key string, members ...[]byte) *Txn { return t.add("set_remove", key, members) }

// Touch gives an entry a new time to live, as [Map.Touch].
func (t *Txn) Touch(key string, d time.Duration) *Txn { return t.add("touch", key, ttl(d)) }

// Commit does it.
//
// Errors: [ErrInvalid] if it is empty, has over 1,000 parts, or a part is bad; [ErrConflict] or [ErrInvalid] if an
// operation is refused: nothing has changed then. Consistency: all of it has one revision, and no reader sees half of
// it. Cost: one round trip.
func (t *Txn) Commit(ctx context.Context) (TxnDone, error) {
	return do(ctx, t.on, "map.txn", func(a *answer) TxnDone { a.list(); return TxnDone{a.u64(), a.flag(), a.flag()} },
		t.parts[0], t.parts[1], t.parts[2])
}

func (t *Txn) add(part ...any) *Txn {
	t.parts[t.branch].add(part)
	return t
}
