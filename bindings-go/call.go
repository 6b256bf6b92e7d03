package ponos

/*
#cgo noescape ponos_submit
#cgo nocallback ponos_submit
#cgo noescape ponos_take
#cgo nocallback ponos_take
#cgo nocallback ponos_cancel
#cgo nocallback ponos_release
#include "ponos.h"

void ponosDeliver(PonosItem *items, size_t count);
*/
import "C"

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"
)

// start has the core deliver to this package; everything that makes a first object calls it.
var start = sync.OnceFunc(func() { C.ponos_start(C.PonosDeliver(C.ponosDeliver)) })

// call is one in flight: where its answer arrives. The core knows it by number only.
type call struct {
	number uint64
	done   chan struct{} // of capacity 1, so that delivering never waits
	answer answer
	room   [256]byte // for the answer, if it fits
}

// calls are all there ever were; those in flight are not in idle. Their number is that of the most in flight.
var calls struct {
	sync.Mutex
	idle []*call
	all  atomic.Pointer[[]*call]
}

// takeCall gives a call that nobody uses.
func takeCall() *call {
	calls.Lock()
	defer calls.Unlock()
	if len(calls.idle) == 0 {
		moreCalls()
	}
	last := len(calls.idle) - 1
	c := calls.idle[last]
	calls.idle = calls.idle[:last]
	return c
}

// moreCalls doubles how many there are. A delivery sees the old list or the new one, never a list being changed.
func moreCalls() {
	var all []*call
	if now := calls.all.Load(); now != nil {
		all = slices.Clone(*now)
	}
	for range max(8, len(all)) {
		// The number 0 is for log records.
		c := &call{number: uint64(len(all)) + 1, done: make(chan struct{}, 1)}
		all, calls.idle = append(all, c), append(calls.idle, c)
	}
	calls.all.Store(&all)
}

func (c *call) put() {
	c.answer = answer{}
	calls.Lock()
	calls.idle = append(calls.idle, c)
	calls.Unlock()
}

// request is an operation with its arguments. key, value and args are lent to the core for the first moment.
type request struct {
	op    uint32
	on    *handle
	key   string
	value []byte
	args  packed
}

// object is what an error calls the thing the request is about.
func (r request) object() string {
	if r.op == C.PONOS_OP_OPEN_MAP {
		return r.key
	}
	return r.on.name()
}

// do runs a request and reads its answer.
//
// A call that has to wait is delivered exactly once, and do waits for that even if ctx is done: the core then drops
// the call at once, so no call outlives its caller and none is delivered to another.
func do[T any](ctx context.Context, r request, read func(*answer) T) (T, error) {
	var none T
	if ctx.Err() != nil {
		return none, contextError(ctx, operations[r.op], r.object(), false)
	}
	c := takeCall()
	defer c.put()
	gaveUp := c.run(ctx, r)
	if !c.answer.flag() {
		return read(&c.answer), nil
	}
	e := readError(&c.answer)
	if gaveUp && e.Kind == ErrClosed {
		return none, contextError(ctx, operations[r.op], r.object(), e.MaybeApplied)
	}
	if e.Operation == "" {
		e.Operation = operations[r.op].name
	}
	if e.Object == "" {
		e.Object = r.object()
	}
	return none, e
}

// run gets the packed answer, and says whether the context was done before it.
func (c *call) run(ctx context.Context, r request) bool {
	var reply C.PonosReply
	alone := r.on != nil && operations[r.op].writes
	if alone {
		r.on.writing.Lock()
	}
	waits := C.ponos_submit(C.uint32_t(r.op), r.on.number(),
		(*C.uint8_t)(unsafe.StringData(r.key)), C.size_t(len(r.key)),
		(*C.uint8_t)(unsafe.SliceData(r.value)), C.size_t(len(r.value)),
		(*C.uint8_t)(unsafe.SliceData(r.args)), C.size_t(len(r.args)),
		C.uint64_t(c.number), C.bool(ctx.Done() != nil),
		(*C.uint8_t)(&c.room[0]), C.size_t(len(c.room)), &reply)
	if alone {
		r.on.writing.Unlock()
	}
	runtime.KeepAlive(r.on)
	switch {
	case bool(waits):
		return c.wait(ctx, reply.cancel)
	case reply.spill == 0:
		c.answer = answer{rest: c.room[:reply.len]}
	default:
		long := make([]byte, reply.len)
		C.ponos_take(reply.spill, (*C.uint8_t)(&long[0]), reply.len)
		c.answer = answer{long, true}
	}
	return false
}

// wait waits for the delivery, and says whether the context was done before it.
func (c *call) wait(ctx context.Context, cancel C.size_t) bool {
	if cancel == 0 {
		<-c.done
		return false
	}
	defer C.ponos_release(cancel)
	select {
	case <-c.done:
		return false
	case <-ctx.Done():
		C.ponos_cancel(cancel)
		<-c.done
		return true
	}
}

// ponosDeliver is called by one thread of the core, a batch at a time.
//
//export ponosDeliver
func ponosDeliver(items *C.PonosItem, count C.size_t) {
	var all []*call
	if now := calls.all.Load(); now != nil {
		all = *now
	}
	for _, item := range unsafe.Slice(items, int(count)) {
		data := unsafe.Slice((*byte)(item.data), int(item.len))
		if item.call == 0 {
			logged(data)
			continue
		}
		c := all[item.call-1]
		c.answer = answer{rest: append(c.room[:0], data...)}
		select {
		case c.done <- struct{}{}:
		default:
		}
	}
}

// operation is what an error says of an op.
type operation struct {
	name   string
	writes bool
}

var operations = [...]operation{
	C.PONOS_OP_OPEN:               {"open", false},
	C.PONOS_OP_CLOSE:              {"client.close", false},
	C.PONOS_OP_OPEN_MAP:           {"map.open", false},
	C.PONOS_OP_CLOSE_MAP:          {"map.close", false},
	C.PONOS_OP_SET:                {"map.set", true},
	C.PONOS_OP_DELETE:             {"map.delete", true},
	C.PONOS_OP_INCR:               {"map.incr", true},
	C.PONOS_OP_INCR_FLOAT:         {"map.incr_float", true},
	C.PONOS_OP_LIST_APPEND:        {"map.list_append", true},
	C.PONOS_OP_LIST_APPEND_UNIQUE: {"map.list_append_unique", true},
	C.PONOS_OP_LIST_REMOVE:        {"map.list_remove", true},
	C.PONOS_OP_SET_ADD:            {"map.set_add", true},
	C.PONOS_OP_SET_REMOVE:         {"map.set_remove", true},
	C.PONOS_OP_TOUCH:              {"map.touch", true},
	C.PONOS_OP_CLEAR:              {"map.clear", true},
	C.PONOS_OP_DESTROY:            {"map.destroy", true},
	C.PONOS_OP_TXN:                {"map.txn", true},
	C.PONOS_OP_GET_LATEST:         {"map.get_latest", false},
	C.PONOS_OP_SYNC:               {"map.sync", false},
	C.PONOS_OP_WAIT_FOR:           {"map.wait_for", false},
	C.PONOS_OP_WATCH:              {"map.watch", false},
	C.PONOS_OP_NEXT:               {"watch.next", false},
	C.PONOS_OP_CLOSE_WATCHER:      {"watch.close", false},
	C.PONOS_OP_SNAPSHOT:           {"map.snapshot", false},
	C.PONOS_OP_KEYS:               {"map.keys", false},
	C.PONOS_OP_ENTRIES:            {"map.entries", false},
	C.PONOS_OP_PREFIX:             {"map.prefix", false},
	C.PONOS_OP_RANGE:              {"map.range", false},
}
