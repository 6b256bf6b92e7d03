//go:build cgo

package ponos

import (
	"context"
	"iter"
)

// TypedMap is a map whose values a codec encodes and decodes. The rest is as in [Map], which it has inside: Delete, Incr,
// Len, Keys, Prefix, Sync, Close and so on; where bytes of values come out of it, Decode reads them. Counters are decimal
// text, which the codec "json" reads as numbers.
//
// A value that is read again unchanged is not decoded again: the same one is given, so one with pointers in it, such as a
// slice or a map, must not be changed.
type TypedMap[T any] struct {
	*Map
	codec Codec[T]
	cache cache[T]
}

// MapOf opens a map with a codec, as [Client.Map]; options.Codec is not looked at.
//
// Errors: those of [Client.Map]; [ErrInvalid] if the map has another codec.
func MapOf[T any](ctx context.Context, client *Client, name string, codec Codec[T], options *MapOptions) (*TypedMap[T], error) {
	with := MapOptions{}
	if options != nil {
		with = *options
	}
	with.Codec = codec.Name()
	m, err := client.Map(ctx, name, &with)
	if err != nil {
		return nil, err
	}
	return &TypedMap[T]{Map: m, codec: codec}, nil
}

// Decode decodes bytes as a value of this map, such as [Written].Previous.
//
// Errors: [ErrInvalid], with the codec's error inside.
func (m *TypedMap[T]) Decode(data []byte) (T, error) {
	value, err := m.codec.Decode(data)
	return value, m.fault("map.get", "read", err)
}

// Encode encodes a value as this map has it, for [IfValue] and [Map.Txn].
//
// Errors: [ErrInvalid], with the codec's error inside.
func (m *TypedMap[T]) Encode(value T) ([]byte, error) {
	encoded, err := m.codec.Encode(value)
	return encoded, m.fault("map.set", "write", err)
}

func (m *TypedMap[T]) fault(operation, verb string, cause error) error {
	if cause == nil {
		return nil
	}
	message := "the codec " + m.Codec() + " cannot " + verb + " the value: " + cause.Error()
	return &Error{ErrInvalid, operation, m.Name(), message, false, cause}
}

// Get gives the value of key and whether it is there.
//
// Errors: [ErrInvalid] if it is a list or set (see [TypedMap.ItemsOf]), or the codec cannot read it. Consistency and cost
// as [Map.Get]; an unchanged value is not decoded again, unless it has a time to live.
func (m *TypedMap[T]) Get(key string) (value T, ok bool, err error) {
	if value, ok = m.cache.get(key); ok {
		return value, true, nil
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

// convert encodes or decodes each item.
func convert[A, B any](items []A, one func(A) (B, error)) (converted []B, err error) {
	converted = make([]B, len(items))
	for i := 0; i < len(items) && err == nil; i++ {
		converted[i], err = one(items[i])
	}
	return converted, err
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

// Set sets key, as [Map.Set].
//
// Errors: [ErrInvalid] also if the codec cannot write the value.
func (m *TypedMap[T]) Set(ctx context.Context, key string, value T) (Written, error) {
	return m.SetWith(ctx, key, value, SetOptions{})
}

// SetWith is as [TypedMap.Set], under a condition or with a time to live.
func (m *TypedMap[T]) SetWith(ctx context.Context, key string, value T, options SetOptions) (Written, error) {
	encoded, err := m.Encode(value)
	if err != nil {
		return Written{}, err
	}
	return m.Map.SetWith(ctx, key, encoded, options)
}

// ListAppend appends items to a list, as [Map.ListAppend].
func (m *TypedMap[T]) ListAppend(ctx context.Context, key string, items ...T) (Edited, error) {
	return m.edit(ctx, "map.list_append", key, items)
}

// ListAppendUnique appends those items that a list does not hold yet, as [Map.ListAppendUnique].
func (m *TypedMap[T]) ListAppendUnique(ctx context.Context, key string, items ...T) (Edited, error) {
	return m.edit(ctx, "map.list_append_unique", key, items)
}

// ListRemove removes every occurrence of the items from a list, as [Map.ListRemove].
func (m *TypedMap[T]) ListRemove(ctx context.Context, key string, items ...T) (Edited, error) {
	return m.edit(ctx, "map.list_remove", key, items)
}

// SetAdd adds members to a set, as [Map.SetAdd].
func (m *TypedMap[T]) SetAdd(ctx context.Context, key string, members ...T) (Edited, error) {
	return m.edit(ctx, "map.set_add", key, members)
}

// SetRemove removes members from a set, as [Map.SetRemove].
func (m *TypedMap[T]) SetRemove(ctx context.Context, key string, members ...T) (Edited, error) {
	return m.edit(ctx, "map.set_remove", key, members)
}

func (m *TypedMap[T]) edit(ctx context.Context, op, key string, items []T) (Edited, error) {
	encoded, err := convert(items, m.Encode)
	if err != nil {
		return Edited{}, err
	}
	return do(ctx, m.handle, op, readEdited, key, encoded)
}
