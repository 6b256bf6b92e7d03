package ponos

/*
#cgo nocallback ponos_log
#include "ponos.h"
*/
import "C"

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// queued is how many log records wait for a logger at most; more are counted and told.
const queued = 1_024

// logTo is where records of the core go; nil for nowhere.
var logTo atomic.Pointer[logs]

var settingLogger sync.Mutex

type logs struct {
	records chan slog.Record
	lost    atomic.Int64
	end     chan struct{}
}

// LevelTrace is the level of the core's most talkative records.
const LevelTrace = slog.LevelDebug - 4

// SetLogger gives what the core has to tell to logger, from level on; nil for silence, which is the default.
//
// The logger is called from one goroutine, so one that is slow delays no call. If more than 1,024 records wait for it,
// later ones are dropped, and a record says how many.
func SetLogger(logger *slog.Logger, level slog.Level) {
	settingLogger.Lock()
	defer settingLogger.Unlock()
	start()
	var to *logs
	C.ponos_log(0)
	if logger != nil {
		to = &logs{records: make(chan slog.Record, queued), end: make(chan struct{})}
		go to.run(logger)
	}
	if before := logTo.Swap(to); before != nil {
		close(before.end)
	}
	if logger != nil {
		// Of the core's numbers, from 1 error to 5 trace, the one that is as talkative.
		C.ponos_log(C.uint8_t(min(5, 1+max(0, slog.LevelError-level+3)/4)))
	}
}

func (l *logs) run(logger *slog.Logger) {
	for {
		select {
		case r := <-l.records:
			if handler := logger.Handler(); handler.Enabled(context.Background(), r.Level) {
				handler.Handle(context.Background(), r)
			}
			if lost := l.lost.Swap(0); lost > 0 {
				logger.Warn("log records were dropped", "count", lost)
			}
		case <-l.end:
			return
		}
	}
}

// logged takes a record on the core's thread: it must not wait.
func logged(a answer) {
	to, level := logTo.Load(), LevelTrace
	if to == nil {
		return
	}
	a.take(1)
	a.list()
	if name := a.borrowed(); string(name) != "trace" {
		level.UnmarshalText(name)
	}
	target := slog.String("target", a.text())
	record := slog.NewRecord(time.Now(), level, a.text(), 0)
	record.AddAttrs(target)
	select {
	case to.records <- record:
	default:
		to.lost.Add(1)
	}
}
