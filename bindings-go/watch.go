package ponos

// #include "ponos.h"
import "C"

import (
	"context"
	"iter"
	"strings"
)

// batch is how many events cross the border at once, at most.
const batch = 256

// Filter is a choice of keys: a key, or a glob in which * stands for any characters, ? for one, and \ takes the next one
// literally. The empty filter lets every key pass. Events about the whole map pass every filter.
type Filter string

// Exactly lets one key pass, whatever characters it has.
func Exactly(key string) Filter {
	return Filter(strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`).Replace(key))
}

// Prefix lets the keys pass that begin so, whatever characters it has.
func Prefix(prefix string) Filter { return Exactly(prefix) + "*" }

// Start is where a watch begins. The zero value is [FromNow].
type Start struct {
	kind     byte
	revision uint64
}

// FromNow begins with the next change.
func FromNow() Start { return Start{} }

// FromSnapshot begins with a set for every entry, by key, then synced, then the changes.
func FromSnapshot() Start { return Start{kind: 1} }

// FromRevision begins with the change after this revision, from the engine's log, then synced, then the changes. If the
// log does not reach back so far: resynced and a set for every entry.
func FromRevision(revision uint64) Start { return Start{kind: 2, revision: revision} }

// WatchOptions says how to watch.
type WatchOptions struct {
	// From says where to begin. Default: now.
	From Start
	// Or are more filters: a key passes if one of all matches.
	Or []Filter
}

// Watch yields the changes of the keys that pass filter; the first event is synced. nil stands for the default options.
//
// The watch is registered when this returns, not when the loop begins. It ends when the loop is left, when the map is
// closed, or, with an error that [errors.Is] the context's, when ctx is done. It is for one loop: a second one gets
// [ErrClosed].
//
// Consistency: an event comes after the local copy shows its change; they come in order and without gaps. A watcher that
// is slow gets the events of one key merged once more than [MapOptions].WatchQueue wait. Cost: no round trip.
func (m *Map) Watch(ctx context.Context, filter Filter, options *WatchOptions) iter.Seq2[Event, error] {
	batches := m.WatchBatches(ctx, filter, options)
	return func(yield func(Event, error) bool) {
		for events, err := range batches {
			if err != nil {
				yield(Event{}, err)
				return
			}
			for _, event := range events {
				if !yield(event, nil) {
					return
				}
			}
		}
	}
}

// WatchBatches is as [Map.Watch], and yields all events that wait at once, 256 at most: the fast way for many. A batch
// is never empty, and the caller's.
func (m *Map) WatchBatches(ctx context.Context, filter Filter, options *WatchOptions) iter.Seq2[[]Event, error] {
	if options == nil {
		options = &WatchOptions{}
	}
	watcher, err := m.watch(filter, options)
	used := false
	return func(yield func([]Event, error) bool) {
		if err == nil && used {
			err = &Error{Kind: ErrClosed, Operation: operations[C.PONOS_OP_NEXT].name, Object: m.Name(),
				Message: "the watch was ranged over before; watch again"}
		}
		used = true
		if err == nil {
			// Errors are for handles that are no watchers.
			defer do(context.Background(), request{op: C.PONOS_OP_CLOSE_WATCHER, on: watcher}, readNothing)
		}
		for err == nil {
			var events []Event
			next := request{op: C.PONOS_OP_NEXT, on: watcher, args: packed(nil).u32(batch)}
			if events, err = do(ctx, next, readEvents); err == nil && (len(events) == 0 || !yield(events, nil)) {
				return
			}
		}
		yield(nil, err)
	}
}

func (m *Map) watch(filter Filter, options *WatchOptions) (*handle, error) {
	filters := options.Or
	if filter != "" || len(filters) > 0 {
		filters = append([]Filter{filter}, filters...)
	}
	args := packed(nil).many(len(filters))
	for _, filter := range filters {
		args = args.text(string(filter))
	}
	args = args.byte(options.From.kind)
	if options.From.kind == 2 {
		args = args.u64(options.From.revision)
	}
	id, err := do(context.Background(), request{op: C.PONOS_OP_WATCH, on: m.handle, args: args}, (*answer).handle)
	if err != nil {
		return nil, err
	}
	return newHandle(id, m.name()), nil
}
