//go:build cgo

package ponos

import (
	"runtime"
	"sync"
	"sync/atomic"
)

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

func (c *cache[T]) get(key string) (T, bool) {
	c.RLock()
	found, ok := c.values[key]
	c.RUnlock()
	ok = ok && found.stamp.Load() == found.seen
	runtime.KeepAlive(c) // which is in the map that has the handle
	if !ok {
		found = cached[T]{}
	}
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
