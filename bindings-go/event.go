//go:build cgo

package ponos

import "unsafe"

// EventKind is what happened.
type EventKind string

const (
	// EventSet: a key has a new value.
	EventSet EventKind = "set"
	// EventDelete: a key was deleted.
	EventDelete EventKind = "delete"
	// EventExpire: a key's time to live ended.
	EventExpire EventKind = "expire"
	// EventClear: every key was removed.
	EventClear EventKind = "clear"
	// EventSynced: the watcher has seen all up to Revision and is live from here on.
	EventSynced EventKind = "synced"
	// EventResynced: changes one by one could not be had; the events that follow, up to the next change, are the
	// difference between what this replica held and what the engine holds. Reason, From and To say more.
	EventResynced EventKind = "resynced"
)

var eventKinds = [...]EventKind{EventSet, EventDelete, EventExpire, EventClear, EventSynced, EventResynced}

// Reason is why a replica was loaded anew instead of following change by change.
type Reason string

const (
	// ReasonTrimmed: the changes that were missed are no longer in the engine's log.
	ReasonTrimmed Reason = "trimmed"
	// ReasonForked: the engine's history is not the one this replica followed: a failover or restore lost or replaced
	// acknowledged changes.
	ReasonForked Reason = "forked"
	// ReasonNewGeneration: the map was deleted, flushed or has expired, and lives anew or not at all.
	ReasonNewGeneration Reason = "new_generation"
)

var reasons = [...]Reason{ReasonTrimmed, ReasonForked, ReasonNewGeneration}

// Position is a point in the history of one map: a revision inside a generation. Generation 0: the map does not exist.
type Position struct {
	Generation, Revision uint64
}

// Event is what happened to a map, in order of revisions.
type Event struct {
	Kind EventKind
	// Key is the one it is about; empty for events about the whole map.
	Key string
	// Value is that of a set; of a list or set, the framed items (see [Entry]).
	Value []byte
	// Shape says how to read Value.
	Shape Shape
	// Old is the value before; nil if there was none, or it is not known.
	Old []byte
	// OldShape says how to read Old.
	OldShape Shape
	// Revision is the one that did it.
	Revision uint64
	// Coalesced is how many changes this event stands for: 1, or more if the watcher fell behind its queue; Old is then
	// the value before the first of them and Value the one after the last. 0 for synced and resynced.
	Coalesced int
	// Reason is why a resync was needed.
	Reason Reason
	// From is where the replica was before a resync, To where it is now.
	From, To Position
}

// Items are those of a list or set that was set, in order; nil otherwise.
func (e Event) Items() [][]byte { return split(e.Value, e.Shape) }

// OldItems are those of the list or set that was there before, in order; nil otherwise.
func (e Event) OldItems() [][]byte { return split(e.Old, e.OldShape) }

func (Event) fault() error { return nil }

// readEvent reads one; or an entry, which is packed as the event that set it, with its deadline.
func readEvent(a *answer) (Event, uint64) {
	kind, detail, oldShape, flags := a.byte(), a.byte(), a.byte(), a.byte()
	e := Event{Kind: eventKinds[kind], OldShape: shapes[oldShape], Coalesced: int(a.rawU32()), Revision: a.rawU64()}
	deadline, key, value, old := a.rawU64(), int(a.rawU32()), int(a.rawU32()), int(a.rawU32())
	a.take(4)
	if e.Kind == EventResynced {
		e.Reason, e.From = reasons[detail], Position{a.rawU64(), a.rawU64()}
		e.To = Position{a.rawU64(), e.Revision}
		return e, 0
	}
	// One allocation for all three: nothing that the caller may change reaches the key.
	all := clone(a.take(key + value + old))
	e.Key = unsafe.String(unsafe.SliceData(all), key)
	if e.Kind == EventSet {
		e.Shape, e.Value = shapes[detail], all[key:key+value:key+value]
	}
	if flags == 1 {
		e.Old = all[key+value:]
	}
	return e, deadline
}

func readEntry(a *answer) (string, Entry) {
	e, deadline := readEvent(a)
	return e.Key, Entry{e.Value, e.Revision, moment(deadline), e.Shape}
}
