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
)

// queued is how many log records wait for a logger at most; more are counted and told.
const queued = 1_024

// logTo is where records of the core go; nil for nowhere.
var logTo atomic.Pointer[logs]

var settingLogger sync.Mutex

type logs struct {
	records chan record
	lost    atomic.Int64
	end     chan struct{}
}

type record struct {
	level           slog.Level
	target, message string
}

// LevelTrace is the level of the core's most talkative records.
const LevelTrace = slog.LevelDebug - 4

var levels = map[string]slog.Level{
	"error": slog.LevelError, "warn": slog.LevelWarn, "info": slog.LevelInfo, "debug": slog.LevelDebug, "trace": LevelTrace,
}

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
		to = &logs{records: make(chan record, queued), end: make(chan struct{})}
		go to.run(logger)
	}
	if before := logTo.Swap(to); before != nil {
		close(before.end)
	}
	if logger != nil {
		C.ponos_log(C.uint8_t(detail(level)))
	}
}

// detail is the core's number of a level: 1 error to 5 trace.
func detail(level slog.Level) int {
	for i, lowest := range []slog.Level{slog.LevelError, slog.LevelWarn, slog.LevelInfo, slog.LevelDebug} {
		if level >= lowest {
			return i + 1
		}
	}
	return 5
}

func (l *logs) run(logger *slog.Logger) {
	for {
		select {
		case r := <-l.records:
			logger.LogAttrs(context.Background(), r.level, r.message, slog.String("target", r.target))
			if lost := l.lost.Swap(0); lost > 0 {
				logger.Warn("log records were dropped", "count", lost)
			}
		case <-l.end:
			return
		}
	}
}

// logged takes a record on the core's thread: it must not wait.
func logged(data []byte) {
	to, a := logTo.Load(), answer{rest: data}
	if to == nil {
		return
	}
	select {
	case to.records <- record{levels[a.text()], a.text(), a.text()}:
	default:
		to.lost.Add(1)
	}
}
