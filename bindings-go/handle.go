package ponos

/*
#cgo noescape ponos_get
#cgo nocallback ponos_get
#cgo noescape ponos_stamp
#cgo nocallback ponos_stamp
#cgo nocallback ponos_free
#cgo nocallback ponos_live
#include "ponos.h"
*/
import "C"

import (
	"cmp"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"
)

// handle is an object of the core. It is freed when nothing reaches it any more, closed or not: so a goroutine that
// uses what another closes gets an error, and never memory that is gone.
type handle struct {
	id    C.size_t
	named string
	// calling lets one call at a time into the core, which has to decide writes one by one anyway: a goroutine that
	// waited there for another would take a thread with it.
	calling sync.Mutex
}

// nothing is what an operation is done on that needs no object, or that nobody has opened.
var nothing handle

func newHandle(id uintptr, name string) *handle {
	h := &handle{id: C.size_t(id), named: name}
	runtime.AddCleanup(h, func(id C.size_t) { C.ponos_free(id) }, h.id)
	return h
}

// peek copies the value of key, or its packed entry, into dst if it fits, and gives its length; -1 if it is absent.
func (h *handle) peek(key string, whole bool, dst []byte) int {
	h = cmp.Or(h, &nothing)
	length := C.ponos_get(h.id, (*C.uint8_t)(unsafe.StringData(key)), C.size_t(len(key)), C.bool(whole),
		(*C.uint8_t)(unsafe.SliceData(dst)), C.size_t(len(dst)))
	runtime.KeepAlive(h)
	return int(length)
}

// get appends the value of key, or its packed entry, to dst.
func (h *handle) get(dst []byte, key string, whole bool) ([]byte, bool) {
	for {
		from := len(dst)
		length := h.peek(key, whole, dst[from:cap(dst)])
		if length < 0 {
			return dst, false
		}
		if length <= cap(dst)-from {
			return dst[:from+length], true
		}
		// By the next look it may have grown again.
		dst = append(make([]byte, 0, from+length), dst...)
	}
}

// stamp is the number that rises when key may have changed. It is valid as long as the handle.
func (h *handle) stamp(key string) *atomic.Uint64 {
	stamp := C.ponos_stamp(h.id, (*C.uint8_t)(unsafe.StringData(key)), C.size_t(len(key)))
	runtime.KeepAlive(h)
	return (*atomic.Uint64)(unsafe.Pointer(stamp))
}

// live counts what the core holds for this program: handles, calls that can be canceled, answers on their way.
func live() int { return int(C.ponos_live()) }
