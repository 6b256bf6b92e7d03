//go:build cgo

package ponos

import (
	"cmp"
	"context"
	"fmt"
	"time"
)

// Map is a replicated map: every node reads its own copy with no round trip.
//
// What it promises: local reads show the state after exactly the changes up to Revision, a transaction whole or not at
// all; the revision never goes down within a generation; when a write returns, reads on the same handle show it or
// something later; watchers get the changes in order, without gaps, or are told.
//
// # Local reads
//
// Methods without a context and an error, from Get to Snapshot, read the local copy: they never fail and cost no round
// trip. They show every write of this handle that has returned, and others' as they arrive, and go on, on the last known
// state, while the engine is out of reach and after Close.
//
// # Writes
//
// Set to Destroy, and [Txn.Commit], are atomic at the engine, applied at most once even if the answer is lost, and visible
// here when they return; other nodes see them when the change arrives. Cost: one round trip; on Redis, writes that meet
// share it.
//
// Errors of all of them: [ErrInvalid] for a bad key (empty, over 64 KiB, not UTF-8) or value (over max_value),
// [ErrClosed], [ErrTimeout], [ErrUnavailable], or that of the context: the write may still be applied then, as
// [Error].MaybeApplied says.
type Map struct {
	reads
	writes[[]byte]
	codec string
}

// String tells the map's name, codec, number of keys and state.
func (m *Map) String() string {
	return fmt.Sprintf("ponos.Map(%q, %s, %d keys, %s)", m.named, m.codec, m.Len(), m.Status().State)
}

// Name is the map's name.
func (m *Map) Name() string { return cmp.Or(m.handle, &nothing).named }

// Codec is the name of the map's codec.
func (m *Map) Codec() string { return m.codec }

// State is how far a local copy is to be trusted.
type State string

const (
	// StateLive: it follows the engine.
	StateLive State = "live"
	// StateStale: the engine is out of reach; reads show the last known state.
	StateStale State = "stale"
	// StateResyncing: it is being loaded anew; reads show the state before.
	StateResyncing State = "resyncing"
	// StateClosed: it is closed; reads show the last state.
	StateClosed State = "closed"
)

// Status is how far a map's local copy is to be trusted.
type Status struct {
	State State
	// Since is when it became stale, by the local clock; zero otherwise.
	Since time.Time
}

// Status says how far the local copy is to be trusted.
func (m *Map) Status() Status {
	return local(m.handle, "map.status", func(a *answer) Status { a.list(); return Status{State(a.text()), a.time()} })
}

// Snapshot is the whole map at one revision. Cost: O(1); it keeps what it shows in memory.
func (m *Map) Snapshot() *Snapshot {
	return &Snapshot{reads{newHandle(local(m.handle, "map.snapshot", (*answer).handle), m.Name())}}
}

// Snapshot is a map as it was at one revision: it never changes, and keeps what it shows in memory. Keys that had
// expired when it was taken are not shown.
type Snapshot struct{ reads }

// String tells the map's name, the number of keys and the revision.
func (s *Snapshot) String() string {
	return fmt.Sprintf("ponos.Snapshot(%q, %d keys, revision %d)", s.named, s.Len(), s.Revision())
}

// GetLatest gives the entry of key as the engine has it now, and whether there is one.
//
// Errors: [ErrInvalid] for a bad key, [ErrClosed], [ErrTimeout], [ErrUnavailable]. Consistency: linearizable with all
// writes, on an engine with one primary. Cost: one round trip.
func (m *Map) GetLatest(ctx context.Context, key string) (Entry, bool, error) {
	entry, err := do(ctx, m.handle, "map.get_latest", readLatest, key)
	return entry, entry.Revision > 0, err
}

func readLatest(a *answer) (entry Entry) {
	if a.list() > 0 {
		entry.Value, entry.Shape = a.value()
		entry.Revision = a.u64()
		a.text()
		entry.Expires = a.time()
	}
	return entry
}

// Sync waits until the local copy shows everything that the engine had accepted when this was called, and gives the
// revision it shows.
//
// Errors: [ErrClosed], [ErrTimeout], [ErrUnavailable]. Consistency: reads that follow see every write that returned
// anywhere before the call. Cost: one round trip, more if changes were missed.
func (m *Map) Sync(ctx context.Context) (uint64, error) {
	return do(ctx, m.handle, "map.sync", (*answer).u64)
}

// WaitFor waits until the local copy shows this revision of its generation, or a later generation, and gives the
// revision it shows.
//
// Errors: [ErrClosed], [ErrTimeout]. Cost: none, if it is reached already.
func (m *Map) WaitFor(ctx context.Context, revision uint64) (uint64, error) {
	return do(ctx, m.handle, "map.wait_for", (*answer).u64, revision)
}

// Close drains writes in flight, ends the watchers and stops following. Reads go on, on the last state. It closes every
// handle to this map in this client; a second call does nothing. The error is always nil.
func (m *Map) Close() error { return tell(context.Background(), m.handle, "map.close") }
