package ponos

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

var names atomic.Int64

// open opens a client on a memory engine of its own.
func open(t testing.TB) *Client {
	t.Helper()
	client, err := Open(t.Context(), fmt.Sprintf("memory://test-%d", names.Add(1)))
	check(t, err)
	t.Cleanup(func() { client.Close() })
	return client
}

// opened opens a map on an engine of its own.
func opened(t testing.TB) *Map {
	t.Helper()
	m, err := open(t).Map(t.Context(), "m", nil)
	check(t, err)
	return m
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// ok is the first of two results, when the second is no error.
func ok[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func equal[T comparable](t testing.TB, got, want T) {
	t.Helper()
	if got != want {
		t.Fatalf("got %v, want %v", got, want)
	}
}

func same(t testing.TB, got []byte, want string) {
	t.Helper()
	if got == nil || !bytes.Equal(got, []byte(want)) {
		t.Fatalf("got %q (nil: %v), want %q", got, got == nil, want)
	}
}

// fails checks kind and MaybeApplied of an error.
func fails(t testing.TB, err error, kind ErrorKind, maybe bool) *Error {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || !errors.Is(err, kind) || e.Kind != kind {
		t.Fatalf("got the error %v (%T), want one of kind %s", err, err, kind)
	}
	if e.MaybeApplied != maybe {
		t.Fatalf("%v: MaybeApplied is %v", err, e.MaybeApplied)
	}
	return e
}

// becomes waits until something is true; it collects garbage meanwhile, because handles are freed by that.
func becomes(t testing.TB, what string, true func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !true(); {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
		runtime.GC()
		runtime.Gosched()
	}
}

// server is a redis-server of a test's own.
type server struct {
	url     string
	process *os.Process
}

func redis(t *testing.T) server {
	t.Helper()
	program, err := exec.LookPath(orDefault(os.Getenv("PONOS_REDIS_SERVER"), "redis-server"))
	if err != nil {
		t.Skip("there is no redis-server")
	}
	listener := ok(net.Listen("tcp", "127.0.0.1:0"))
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	listener.Close()
	command := exec.Command(program, "--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no")
	command.Dir = t.TempDir()
	check(t, command.Start())
	t.Cleanup(func() {
		command.Process.Kill()
		command.Wait()
	})
	becomes(t, "the server listens", func() bool {
		connection, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			connection.Close()
		}
		return err == nil
	})
	return server{"redis://127.0.0.1:" + port, command.Process}
}

func orDefault(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// everywhere does it on both engines, each with a client of its own.
func everywhere(t *testing.T, do func(t *testing.T, client *Client)) {
	t.Run("memory", func(t *testing.T) { do(t, open(t)) })
	t.Run("redis", func(t *testing.T) {
		client := ok(Open(t.Context(), redis(t).url))
		t.Cleanup(func() { client.Close() })
		do(t, client)
	})
}

// take takes so many from a loop, which it then leaves.
func take[I any](t testing.TB, from func(func(I, error) bool), count int) []I {
	t.Helper()
	var items []I
	for item, err := range from {
		check(t, err)
		if items = append(items, item); len(items) == count {
			break
		}
	}
	return items
}

func background(t testing.TB, wait time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	t.Cleanup(cancel)
	return ctx
}
