//go:build cgo

package ponos

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// logging is where records for a logger come from.
var logging struct {
	sync.Mutex
	from *handle // nil for none
}

// LevelTrace is the level of the core's most talkative records.
const LevelTrace = slog.LevelDebug - 4

// levels are the core's, each four less than the one before.
var levels = [...]string{"error", "warn", "info", "debug", "trace"}

// SetLogger gives what the core has to tell to logger, from level on; nil for silence, which is the default.
//
// The logger is called from one goroutine, so one that is slow delays no call. If more than 10,000 records wait for it,
// later ones are dropped, and a record says how many.
func SetLogger(logger *slog.Logger, level slog.Level) {
	logging.Lock()
	defer logging.Unlock()
	start()
	local(logging.from, "log.close", readNothing)
	if logger != nil {
		// The one of the core's levels that is as talkative.
		name := levels[min(4, max(0, slog.LevelError-level+3)/4)]
		logging.from = newHandle(local(&nothing, "log", (*answer).handle, name), "")
		go logTo(logger.Handler(), logging.from)
	}
}

func logTo(handler slog.Handler, from *handle) {
	ctx := context.Background()
	for {
		records, err := do(ctx, from, "log.next", readRecords)
		if err != nil {
			return
		}
		for _, record := range records {
			if handler.Enabled(ctx, record.Level) {
				handler.Handle(ctx, record)
			}
		}
	}
}

func readRecords(a *answer) []slog.Record {
	records := make([]slog.Record, a.list())
	for i := range records {
		a.list()
		level, target := slices.Index(levels[:], a.text()), slog.String("target", a.text())
		records[i] = slog.NewRecord(time.Now(), slog.LevelError-slog.Level(4*level), a.text(), 0)
		records[i].AddAttrs(target)
	}
	return records
}
