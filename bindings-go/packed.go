//go:build cgo

package ponos

import (
	"cmp"
	"encoding/binary"
	"math"
	"time"
)

// packed is arguments as bytes, as packed.rs of bindings-core has them.
type packed []byte

func (p packed) eight(tag byte, n uint64) packed {
	return binary.LittleEndian.AppendUint64(append(p, tag), n)
}

func (p packed) length(tag byte, n int) packed {
	return binary.LittleEndian.AppendUint32(append(p, tag), uint32(n))
}

// add appends values, one behind the other.
func (p packed) add(values ...any) packed {
	for _, value := range values {
		switch v := value.(type) {
		case nil:
			p = append(p, 0)
		case bool:
			p = append(p, 1)
			if v {
				p[len(p)-1] = 2
			}
		case int:
			p = p.eight(3, uint64(v))
		case int64:
			p = p.eight(3, uint64(v))
		case uint64:
			p = p.eight(7, v)
		case float64:
			p = p.eight(4, math.Float64bits(v))
		case string:
			p = append(p.length(5, len(v)), v...)
		case []byte:
			p = append(p.length(6, len(v)), v...)
		case [][]byte:
			p = p.length(9, len(v))
			for _, item := range v {
				p = append(p.length(6, len(item)), item...)
			}
		case []any:
			p = p.length(9, len(v)).add(v...)
		case time.Duration:
			p = p.eight(4, math.Float64bits(float64(v)/float64(time.Millisecond)))
		case HeaderField:
			p = p.length(9, 2).add(v.Name, v.Value)
		case *handle:
			p = p.eight(10, uint64(cmp.Or(v, &nothing).id))
		case list:
			p = append(p.length(9, v.count), v.packed...)
		}
	}
	return p
}

// list is values that are packed already.
type list struct {
	count  int
	packed packed
}

func (l *list) add(value any) { l.count, l.packed = l.count+1, l.packed.add(value) }

// listed is values in a list.
func listed[V any](values []V) (l list) {
	for _, value := range values {
		l.add(value)
	}
	return l
}

// ttl is a time to live as the core has it.
func ttl(d time.Duration) any { return unless(d, Forever) }

// unless is a value, or nil if it is the one that stands for none.
func unless[T comparable](value, none T) any {
	if value == none {
		return nil
	}
	return value
}

// answer is what the core returned, read from its front. Its bytes are good until the call ends.
type answer struct{ rest []byte }

func (a *answer) take(n int) []byte {
	taken := a.rest[:n:n]
	a.rest = a.rest[n:]
	return taken
}

func (a *answer) byte() byte      { return a.take(1)[0] }
func (a *answer) rawU16() uint16  { return binary.LittleEndian.Uint16(a.take(2)) }
func (a *answer) rawU32() uint32  { return binary.LittleEndian.Uint32(a.take(4)) }
func (a *answer) rawU64() uint64  { return binary.LittleEndian.Uint64(a.take(8)) }
func (a *answer) flag() bool      { return a.byte() == 2 }
func (a *answer) float() float64  { return math.Float64frombits(a.u64()) }
func (a *answer) text() string    { return string(a.borrowed()) }
func (a *answer) handle() uintptr { return uintptr(a.u64()) }
func (a *answer) time() time.Time { return moment(a.u64()) }

// borrowed are the bytes of a text or of bytes; nil for none.
func (a *answer) borrowed() []byte {
	if a.byte() == 0 {
		return nil
	}
	return a.take(int(a.rawU32()))
}

// u64 is a number; 0 for none.
func (a *answer) u64() uint64 {
	if a.byte() == 0 {
		return 0
	}
	return a.rawU64()
}

// list begins a list and gives its length; -1 for none.
func (a *answer) list() int {
	if a.byte() == 0 {
		return -1
	}
	return int(a.rawU32())
}

// texts are a list of them.
func (a *answer) texts() []string { return readList(a, (*answer).text) }

// readList reads a list.
func readList[T any](a *answer, one func(*answer) T) []T {
	all := make([]T, a.list())
	for i := range all {
		all[i] = one(a)
	}
	return all
}

// value is one of a map; nil for none.
func (a *answer) value() ([]byte, Shape) {
	if a.byte() == 0 {
		return nil, ShapePlain
	}
	shape := shapes[a.byte()]
	return keep(a.take(int(a.rawU32()))), shape
}

// moment is a time in milliseconds since 1970; 0 is none.
func moment(millis uint64) time.Time {
	if millis == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(millis))
}

// keep is bytes of an answer that outlive the call: those that did not fit in its room are nobody else's.
func keep(b []byte) []byte {
	if len(b) >= len(call{}.room) {
		return b
	}
	return clone(b)
}

// clone never gives nil: nil is for what is absent.
func clone(b []byte) []byte { return append(make([]byte, 0, len(b)), b...) }

func readNothing(*answer) struct{} { return struct{}{} }
