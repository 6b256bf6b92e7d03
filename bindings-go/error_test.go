package ponos

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func TestAnErrorSaysWhatWhereAndWhetherItHappened(t *testing.T) {
	m := opened(t)
	ok(m.Set(t.Context(), "k", nil))
	_, err := m.Set(t.Context(), "k", nil, IfAbsent())
	e := fails(t, err, ErrConflict, false)
	equal(t, e.Operation, "map.set")
	equal(t, e.Object, "m")
	equal(t, err.Error(), `map.set "m": `+e.Message)
	equal(t, errors.Is(err, ErrInvalid), false)
	equal(t, ErrConflict.Error(), "ponos: conflict")
	maybe := Error{Kind: ErrTimeout, Message: "late", MaybeApplied: true}
	equal(t, maybe.Error(), "late (the write may have been applied)")
}

func TestATypoInTheURLSaysWhatIsKnown(t *testing.T) {
	for url, says := range map[string]string{
		"reddis://localhost":      "redis://",
		"":                        "memory://",
		"memory://x?timout=1s":    "timeout",
		"redis://localhost:1/abc": "database",
		"memory://\xff":           "UTF-8",
	} {
		client, err := Open(t.Context(), url)
		e := fails(t, err, ErrInvalid, false)
		if client != nil || e.Operation != "open" || !strings.Contains(e.Message, says) {
			t.Fatalf("%q: %v", url, err)
		}
	}
	_, err := Open(t.Context(), "redis://127.0.0.1:1?connect_timeout=300ms")
	e := fails(t, err, ErrUnavailable, false)
	if e.Unwrap() == nil {
		t.Fatalf("%v: what the connection said is not inside", e)
	}
}

func TestSuccessIsANilError(t *testing.T) {
	var failed error
	m := opened(t)
	_, failed = m.Set(t.Context(), "k", nil)
	if failed != nil {
		t.Fatalf("a typed nil: %T", failed)
	}
	if failed = m.Close(); failed != nil {
		t.Fatalf("a typed nil: %T", failed)
	}
}

func TestAMapThatClientMapDidNotMakeIsAnError(t *testing.T) {
	var m Map
	_, err := m.Set(t.Context(), "k", nil)
	fails(t, err, ErrInvalid, false)
	_, there := m.Get("k")
	equal(t, there, false)
	for _, err := range m.Watch(context.Background(), "", nil) {
		fails(t, err, ErrInvalid, false)
	}
}
