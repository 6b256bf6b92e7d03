package ponos

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestAContextThatIsDoneEndsTheCallBeforeItIsSent(t *testing.T) {
	m := opened(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := m.Set(ctx, "k", nil)
	e := fails(t, err, ErrCanceled, false)
	equal(t, errors.Is(err, context.Canceled), true)
	equal(t, e.Operation+" "+e.Object, "map.set m")
	equal(t, m.Contains("k"), false)
}

func TestAContextEndsACallThatWaits(t *testing.T) {
	m := opened(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	time.AfterFunc(time.Millisecond, func() { cancel(why) })
	_, err := m.WaitFor(ctx, 5)
	fails(t, err, ErrCanceled, false)
	equal(t, errors.Is(err, context.Canceled), true)
	equal(t, errors.Is(err, why), true)

	late, stop := context.WithTimeout(t.Context(), time.Millisecond)
	defer stop()
	_, err = m.WaitFor(late, 5)
	fails(t, err, ErrTimeout, false)
	equal(t, errors.Is(err, context.DeadlineExceeded), true)
}

func TestTheDeadlineOfTheURLIsNotTheContexts(t *testing.T) {
	client := ok(Open(t.Context(), "memory://deadline?timeout=20ms"))
	defer client.Close()
	m := ok(client.Map(t.Context(), "m", nil))
	_, err := m.WaitFor(t.Context(), 5)
	fails(t, err, ErrTimeout, false)
	equal(t, errors.Is(err, context.DeadlineExceeded), false)
}

func TestAWriteThatWasSentMayBeApplied(t *testing.T) {
	server := redis(t)
	client := ok(Open(t.Context(), server.url))
	defer client.Close()
	m := ok(client.Map(t.Context(), "m", nil))
	ok(m.Set(t.Context(), "k", []byte("before")))
	check(t, server.process.Signal(syscall.SIGSTOP))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := m.Set(ctx, "k", []byte("after"))
	fails(t, err, ErrTimeout, true)
	equal(t, errors.Is(err, context.DeadlineExceeded), true)
	_, err = m.Sync(ctx)
	fails(t, err, ErrTimeout, false)
	check(t, server.process.Signal(syscall.SIGCONT))
	ok(m.Sync(t.Context()))
}

func TestManyCallsInFlightEndTogether(t *testing.T) {
	m := opened(t)
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for range 20_000 {
		group.Add(1)
		go func() {
			defer group.Done()
			if _, err := m.WaitFor(ctx, 5); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		}()
	}
	becomes(t, "all wait", func() bool { return inFlight() == 20_000 })
	cancel()
	group.Wait()
	equal(t, inFlight(), 0)
}

func inFlight() int {
	idle.Lock()
	defer idle.Unlock()
	return idle.all - len(idle.calls)
}

func TestAHundredThousandCanceledCallsLeaveNothing(t *testing.T) {
	m := opened(t)
	// The first answer makes the core's thread known to Go, which counts it as a goroutine from then on.
	_, err := m.WaitFor(background(t, time.Millisecond), 5)
	fails(t, err, ErrTimeout, false)
	base, goroutines := live(), runtime.NumGoroutine()
	var group sync.WaitGroup
	for range 100 {
		group.Add(1)
		go func() {
			defer group.Done()
			for i := range 1_000 {
				ctx, cancel := context.WithCancel(t.Context())
				if i%2 == 0 {
					go cancel()
				} else {
					time.AfterFunc(time.Duration(i)*100*time.Nanosecond, cancel)
				}
				_, err := m.WaitFor(ctx, 5)
				if !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			}
		}()
	}
	group.Wait()
	becomes(t, "every call is given back", func() bool { return live() <= base })
	becomes(t, "every goroutine ends", func() bool { return runtime.NumGoroutine() <= goroutines })
	equal(t, inFlight(), 0)
}
