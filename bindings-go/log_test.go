package ponos

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
)

type guarded struct {
	sync.Mutex
	text bytes.Buffer
}

func (g *guarded) Write(data []byte) (int, error) {
	g.Lock()
	defer g.Unlock()
	return g.text.Write(data)
}

func (g *guarded) String() string {
	g.Lock()
	defer g.Unlock()
	return g.text.String()
}

func TestTheCoreSpeaksToALogger(t *testing.T) {
	var heard guarded
	handler := slog.NewTextHandler(&heard, &slog.HandlerOptions{Level: LevelTrace})
	SetLogger(slog.New(handler), slog.LevelDebug)
	defer SetLogger(nil, 0)
	opened(t)
	becomes(t, "a record arrives", func() bool {
		return strings.Contains(heard.String(), "level=DEBUG") && strings.Contains(heard.String(), "target=ponos")
	})
	SetLogger(slog.New(handler), slog.LevelError)
	before := heard.String()
	opened(t)
	SetLogger(nil, 0)
	opened(t)
	if after := heard.String(); strings.Count(after, "\n") > strings.Count(before, "\n")+1 {
		t.Fatalf("too talkative: %s", after)
	}
}
