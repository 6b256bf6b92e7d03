//go:build cgo

package ponos

import (
	"encoding/binary"
	"math"
	"time"
)

// packed is arguments as bytes: little-endian numbers, and bytes behind their length as 32 bits.
type packed []byte

func (p packed) byte(b byte) packed    { return append(p, b) }
func (p packed) u32(n uint32) packed   { return binary.LittleEndian.AppendUint32(p, n) }
func (p packed) u64(n uint64) packed   { return binary.LittleEndian.AppendUint64(p, n) }
func (p packed) i64(n int64) packed    { return p.u64(uint64(n)) }
func (p packed) f64(n float64) packed  { return p.u64(math.Float64bits(n)) }
func (p packed) text(s string) packed  { return append(p.u32(uint32(len(s))), s...) }
func (p packed) bytes(b []byte) packed { return append(p.u32(uint32(len(b))), b...) }
func (p packed) many(n int) packed     { return p.u32(uint32(n)) }
func (p packed) flag(yes bool) packed {
	if yes {
		return p.byte(1)
	}
	return p.byte(0)
}

func (p packed) items(items [][]byte) packed {
	p = p.many(len(items))
	for _, item := range items {
		p = p.bytes(item)
	}
	return p
}

// answer is what the core returned, read from its front. Its bytes are good until the call ends.
type answer struct {
	rest  []byte
	fresh bool // the bytes are nobody else's and may be kept
}

func (a *answer) take(n int) []byte {
	taken := a.rest[:n:n]
	a.rest = a.rest[n:]
	return taken
}

func (a *answer) byte() byte      { return a.take(1)[0] }
func (a *answer) flag() bool      { return a.byte() != 0 }
func (a *answer) u32() uint32     { return binary.LittleEndian.Uint32(a.take(4)) }
func (a *answer) u64() uint64     { return binary.LittleEndian.Uint64(a.take(8)) }
func (a *answer) bytes() []byte   { return clone(a.take(int(a.u32()))) }
func (a *answer) text() string    { return string(a.take(int(a.u32()))) }
func (a *answer) handle() uintptr { return uintptr(a.u64()) }

// keep is all that is left, as bytes that outlive the call.
func (a *answer) keep() []byte {
	if a.fresh {
		return a.rest
	}
	return clone(a.rest)
}

// entry reads what stands behind a key.
func (a *answer) entry() Entry {
	revision, deadline, shape := a.u64(), a.u64(), a.byte()
	return Entry{Value: a.bytes(), Revision: revision, Expires: moment(deadline), Shape: shapes[shape]}
}

// moment is a time in milliseconds since 1970; 0 is none.
func moment(millis uint64) time.Time {
	if millis == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(millis))
}

// clone never gives nil: nil is for what is absent.
func clone(b []byte) []byte {
	return append(make([]byte, 0, len(b)), b...)
}

func readNothing(*answer) struct{}  { return struct{}{} }
func readRevision(a *answer) uint64 { return a.u64() }
func readRest(a *answer) []byte     { return a.keep() }
