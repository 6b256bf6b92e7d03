//go:build cgo

package ponos

import (
	"math"
	"time"
)

// MapOptions says how to open a map. The zero value has the defaults.
type MapOptions struct {
	// Codec is the name of the codec of the values, kept with the map: a client that opens it with another gets
	// ErrInvalid. Default "bytes". [MapOf] opens a map with a codec that encodes and decodes.
	Codec string
	// Ordered keeps a second, ordered index of the keys, for Prefix and Range in O(log n + results) at about 3 µs more
	// a change. Default false: they look at every key.
	Ordered bool
	// WatchQueue is how many events of a watcher wait one by one before those of one key are merged. Default 4,096.
	WatchQueue int
}

// Condition is what must hold of an entry for a write to go ahead. The zero value always holds.
type Condition struct {
	absent, present bool
	revision, value any
}

// IfAbsent holds if the key is absent.
func IfAbsent() Condition { return Condition{absent: true} }

// IfPresent holds if the key is present.
func IfPresent() Condition { return Condition{present: true} }

// IfRevision holds if this revision was the last to change the key.
func IfRevision(revision uint64) Condition { return Condition{revision: revision} }

// IfValue holds if the key has exactly this value.
func IfValue(value []byte) Condition { return Condition{value: value} }

// Forever is the time to live of an entry that does not expire.
const Forever time.Duration = math.MaxInt64

// SetOptions says how to set a key. The zero value has the defaults.
type SetOptions struct {
	// When says when to go ahead. Default: always.
	When Condition
	// TTL is how long the entry lives, from the engine's clock at the write; from 1 ms to 100 years. Default 0: [Forever].
	TTL time.Duration
}

// DeleteOptions says how to delete a key.
type DeleteOptions struct {
	// When says when to go ahead. Default: always.
	When Condition
}

// IncrOptions says within which bounds to count; [Bound] makes one.
type IncrOptions struct {
	// Min is the smallest sum that is accepted. Default nil: that of an int64.
	Min *int64
	// Max is the largest sum that is accepted. Default nil: that of an int64.
	Max *int64
}

// IncrFloatOptions says within which bounds to count; [Bound] makes one.
type IncrFloatOptions struct {
	// Min is the smallest sum that is accepted. Default nil: none.
	Min *float64
	// Max is the largest sum that is accepted. Default nil: none.
	Max *float64
}

// Bound is n for an option where 0 is not the same as none.
func Bound[N int64 | float64](n N) *N { return &n }
