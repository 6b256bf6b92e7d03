//go:build cgo

package ponos

import (
	"cmp"
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
type Start struct{ from any }

// FromNow begins with the next change.
func FromNow() Start { return Start{} }

// FromSnapshot begins with a set for every entry, by key, then synced, then the changes.
func FromSnapshot() Start { return Start{"snapshot"} }

// FromRevision begins with the change after this revision, from the engine's log, then synced, then the changes. If the
// log does not reach back so far: resynced and a set for every entry.
func FromRevision(revision uint64) Start { return Start{revision} }

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
	return each(m.WatchBatches(ctx, filter, options))
}

// WatchBatches is as [Map.Watch], and yields all events that wait at once, 256 at most: the fast way for many. A batch
// is never empty, and the caller's.
func (m *Map) WatchBatches(ctx context.Context, filter Filter, options *WatchOptions) iter.Seq2[[]Event, error] {
	options = cmp.Or(options, &WatchOptions{})
	if filter == "" && len(options.Or) == 0 {
		filter = "*"
	}
	filters := []any{string(filter)}
	for _, or := range options.Or {
		filters = append(filters, string(or))
	}
	id, err := do(context.Background(), m.handle, "map.watch", (*answer).handle, filters, options.From.from)
	watcher, used := newHandle(id, m.Name()), false
	batches := feed(ctx, watcher, "watch.next", batch, func(a *answer) Event { event, _ := readEvent(a); return event })
	return func(yield func([]Event, error) bool) {
		if err == nil && used {
			err = &Error{Kind: ErrClosed, Operation: "watch.next", Object: m.Name(),
				Message: "the watch was ranged over before; watch again"}
		}
		if err != nil {
			yield(nil, err)
			return
		}
		used = true
		defer local(watcher, "watch.close", readNothing)
		batches(yield)
	}
}
