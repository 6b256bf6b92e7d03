package ponos

/*
#cgo noescape ponos_submit
#cgo nocallback ponos_submit
#cgo nocallback ponos_cancel
#include "ponos.h"

void ponosDeliver(uint8_t *batch, size_t len);
*/
import "C"

import (
	"cmp"
	"context"
	"runtime"
	"runtime/cgo"
	"sync"
	"unsafe"
)

// start has the core deliver to this package; everything that makes a first object calls it.
var start = sync.OnceFunc(func() { C.ponos_start(C.PonosDeliver(C.ponosDeliver)) })

// call is one in flight: where its answer arrives. The core knows it by number only.
type call struct {
	number uint64
	done   chan struct{} // of capacity 1, so that delivering never waits
	args   packed
	answer answer
	room   [256]byte // for the answer, if it fits
}

// idle are the calls that nobody uses: as many as there ever were in flight.
var idle struct {
	sync.Mutex
	calls []*call
	all   int // with those in use
}

func takeCall() *call {
	idle.Lock()
	defer idle.Unlock()
	last := len(idle.calls) - 1
	if last < 0 {
		c := &call{done: make(chan struct{}, 1)}
		idle.all++
		// It is never given back, so a late delivery finds it.
		c.number = uint64(cgo.NewHandle(c))
		return c
	}
	c := idle.calls[last]
	idle.calls = idle.calls[:last]
	return c
}

func (c *call) put() {
	c.answer = answer{}
	idle.Lock()
	idle.calls = append(idle.calls, c)
	idle.Unlock()
}

// do runs an operation on an object, and reads its answer.
//
// A call that has to wait is delivered exactly once, and do waits for that even if ctx is done: the core then drops
// the call at once, so no call outlives its caller and none is delivered to another.
func do[T any](ctx context.Context, on *handle, op string, read func(*answer) T, args ...any) (result T, _ error) {
	on = cmp.Or(on, &nothing)
	if ctx == nil {
		panic("ponos: nil Context")
	}
	if ctx.Err() != nil {
		return result, contextError(ctx, op, on.named, false)
	}
	c := takeCall()
	defer c.put()
	c.args = c.args[:0].add(args...)
	c.run(ctx, on, op)
	if c.answer.byte() == 0 {
		return read(&c.answer), nil
	}
	e := readError(&c.answer)
	if ctx.Err() != nil && e.Kind == ErrClosed {
		return result, contextError(ctx, op, on.named, e.MaybeApplied)
	}
	return result, e
}

// tell runs an operation that answers nothing.
func tell(ctx context.Context, on *handle, op string, args ...any) error {
	_, err := do(ctx, on, op, readNothing, args...)
	return err
}

// local does a read that never waits; it gives nothing if an argument is no UTF-8, as nothing has such a key.
func local[T any](on *handle, op string, read func(*answer) T, args ...any) T {
	found, _ := do(context.Background(), on, op, read, args...)
	return found
}

// run gets the packed answer. What waits is delivered at once if the context is done.
func (c *call) run(ctx context.Context, on *handle, op string) {
	on.calling.Lock()
	reply := C.ponos_submit(on.id, (*C.uint8_t)(unsafe.StringData(op)), C.size_t(len(op)),
		(*C.uint8_t)(unsafe.SliceData(c.args)), C.size_t(len(c.args)), C.uint64_t(c.number), C.bool(ctx.Done() != nil),
		(*C.uint8_t)(&c.room[0]), C.size_t(len(c.room)))
	on.calling.Unlock()
	runtime.KeepAlive(on)
	if reply.held != 0 {
		defer C.ponos_free(reply.held)
	}
	switch {
	case bool(reply.waits):
		select {
		case <-c.done:
		case <-ctx.Done():
			C.ponos_cancel(reply.held)
			<-c.done
		}
	case reply.held == 0:
		c.answer = answer{c.room[:reply.len]}
	default:
		c.answer = answer{clone(unsafe.Slice((*byte)(reply.data), int(reply.len)))}
	}
}

// ponosDeliver is called by one thread of the core, a batch at a time.
//
//export ponosDeliver
func ponosDeliver(batch *C.uint8_t, length C.size_t) {
	for a := (answer{unsafe.Slice((*byte)(batch), int(length))}); len(a.rest) > 0; {
		c := cgo.Handle(a.rawU64()).Value().(*call)
		c.answer = answer{append(c.room[:0], a.take(int(a.rawU64()))...)}
		c.done <- struct{}{}
	}
}
