//go:build cgo

package ponos

import (
	"cmp"
	"context"
	"iter"
	"runtime"
	"sync"
	"sync/atomic"
)

// TypedMap is a map whose values a codec encodes and decodes. The rest is as in [Map], which it has inside: Delete, Incr,
// Len, Keys, Prefix, Sync, Close and so on; where bytes of values come out of it, Decode reads them. Counters are decimal
// text, which the codec "json" reads as numbers.
//
// A value that is read again unchanged is not decoded again: the same one is given, so one with pointers in it, such as a
// slice or a map, must not be changed.
type TypedMap[T any] struct {
	*Map
	writes[T]
	coder[T]
	cache cache[T]
}

// MapOf opens a map with a codec, as [Client.Map], in a client or a scope; options.Codec is not looked at.
//
// Errors: those of [Client.Map]; [ErrInvalid] if the map has another codec.
func MapOf[T any](ctx context.Context, in Opener, name string, codec Codec[T], options *MapOptions) (*TypedMap[T], error) {
	with := *cmp.Or(options, &MapOptions{})
	with.Codec = codec.Name()
	m, err := in.Map(ctx, name, &with)
	if err != nil {
		return nil, err
	}
	coder := coder[T]{codec, name, "map.get", "map.set"}
	return &TypedMap[T]{Map: m, writes: writes[T]{m.handle, coder.Encode}, coder: coder}, nil
}

// Get gives the value of key and whether it is there.
//
// Errors: [ErrInvalid] if it is a list or set (see [TypedMap.ItemsOf]), or the codec cannot read it. Consistency and cost
// as [Map.Get]; an unchanged value is not decoded again, unless it has a time to live.
func (m *TypedMap[T]) Get(key string) (value T, ok bool, err error) {
	if known, ok := m.cache.get(key); ok {
		return known, true, nil
	}
	stamp := m.stamp(key)
	seen := stamp.Load()
	entry, ok := m.Map.Entry(key)
	if !ok {
		return value, false, nil
	}
	if value, err = m.decode(entry); err == nil && entry.Expires.IsZero() {
		m.cache.put(key, cached[T]{value, seen, stamp})
	}
	return value, true, err
}

func (m *TypedMap[T]) decode(entry Entry) (value T, err error) {
	if entry.Shape != ShapePlain {
		return value, &Error{Kind: ErrInvalid, Operation: "map.get", Object: m.Name(),
			Message: "the value is a " + string(entry.Shape) + "; ItemsOf reads it"}
	}
	return m.Decode(entry.Value)
}

// ItemsOf gives the items of a list or set, in order, and whether key is one.
//
// Errors: [ErrInvalid] if the codec cannot read one. Cost: O(items), each is decoded.
func (m *TypedMap[T]) ItemsOf(key string) ([]T, bool, error) {
	items, ok := m.Map.ItemsOf(key)
	values, err := convert(items, m.Decode)
	return values, ok, err
}

// All yields every key with a plain value, and the value, in no order. As [Map.All]. Values that the codec cannot read
// are left out: Get says why.
func (m *TypedMap[T]) All() iter.Seq2[string, T] {
	return func(yield func(string, T) bool) {
		for key, entry := range m.Entries() {
			if value, err := m.decode(entry); err == nil && !yield(key, value) {
				return
			}
		}
	}
}

// GetLatest gives the value of key as the engine has it now, as [Map.GetLatest].
func (m *TypedMap[T]) GetLatest(ctx context.Context, key string) (value T, ok bool, err error) {
	entry, ok, err := m.Map.GetLatest(ctx, key)
	if ok {
		value, err = m.decode(entry)
	}
	return value, ok, err
}

// TypedEvent is an [Event] of a typed map.
type TypedEvent[T any] struct {
	Event
	// Value is the decoded value of a set, if it is a plain one.
	Value T
	// Items are the decoded items of a set, if it is a list or set.
	Items []T
}

// Watch yields the changes of the keys that pass filter, as [Map.Watch], with values decoded. An event with a value that
// the codec cannot read comes with an error, and the watch goes on.
func (m *TypedMap[T]) Watch(ctx context.Context, filter Filter, options *WatchOptions) iter.Seq2[TypedEvent[T], error] {
	changes := m.Map.Watch(ctx, filter, options)
	return func(yield func(TypedEvent[T], error) bool) {
		for event, err := range changes {
			typed := TypedEvent[T]{Event: event}
			if err == nil && event.Shape == ShapePlain {
				typed.Value, err = m.Decode(event.Value)
			} else if err == nil {
				typed.Items, err = convert(event.Items(), m.Decode)
			}
			if !yield(typed, err) {
				return
			}
		}
	}
}

// most is how many decoded values a typed map keeps; one more, and it begins anew.
const most = 65_536

// cache keeps decoded values for as long as the core does not say that their key may have changed.
type cache[T any] struct {
	sync.RWMutex
	values map[string]cached[T]
}

type cached[T any] struct {
	value T
	seen  uint64         // what the stamp was before the value was read
	stamp *atomic.Uint64 // memory of the core, which the map's handle keeps
}

// get gives the value of a key, and whether it is still that.
func (c *cache[T]) get(key string) (T, bool) {
	c.RLock()
	found, ok := c.values[key]
	c.RUnlock()
	ok = ok && found.stamp.Load() == found.seen
	runtime.KeepAlive(c) // which is in the map that has the handle
	return found.value, ok
}

func (c *cache[T]) put(key string, value cached[T]) {
	c.Lock()
	defer c.Unlock()
	if c.values == nil || len(c.values) >= most {
		c.values = make(map[string]cached[T])
	}
	c.values[key] = value
}
