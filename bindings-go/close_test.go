package ponos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"
)

func TestAClosedClientRefusesAndItsMapsStillRead(t *testing.T) {
	client := open(t)
	m := ok(client.Map(t.Context(), "m", nil))
	ok(m.Set(t.Context(), "k", []byte("v")))
	snapshot := m.Snapshot()
	check(t, client.Close())
	check(t, client.Close())
	_, err := client.Map(t.Context(), "other", nil)
	equal(t, fails(t, err, ErrClosed, false).Object, "other")
	_, err = m.Set(t.Context(), "k", nil)
	fails(t, err, ErrClosed, false)
	_, _, err = m.GetLatest(t.Context(), "k")
	fails(t, err, ErrClosed, false)
	value, _ := m.Get("k")
	same(t, value, "v")
	equal(t, m.Status().State, StateClosed)
	equal(t, len(m.Keys()), 1)
	equal(t, snapshot.Len(), 1)
	check(t, m.Close())
	for event, err := range m.Watch(t.Context(), "", nil) {
		check(t, err)
		equal(t, event.Kind, EventSynced)
	}
}

func TestClosingWhileOthersWork(t *testing.T) {
	for range 50 {
		client := open(t)
		m := ok(client.Map(t.Context(), "m", nil))
		var group sync.WaitGroup
		worker := func(work func() error) {
			group.Add(1)
			go func() {
				defer group.Done()
				for {
					if err := work(); err != nil {
						fails(t, err, ErrClosed, false)
						return
					}
				}
			}()
		}
		for i := range 4 {
			key := fmt.Sprint(i)
			worker(func() error {
				_, err := m.Set(t.Context(), key, []byte(key))
				m.Get(key)
				m.Len()
				return err
			})
			worker(func() error {
				for _, err := range m.Watch(t.Context(), "", nil) {
					check(t, err)
				}
				_, err := m.WaitFor(t.Context(), m.Revision()+1)
				return err
			})
		}
		worker(func() error {
			_, err := client.Map(t.Context(), "m2", nil)
			return err
		})
		ok(m.WaitFor(t.Context(), 10))
		for range 3 {
			group.Add(1)
			go func() {
				defer group.Done()
				client.Close()
				m.Close()
			}()
		}
		group.Wait()
	}
}

func TestTenThousandClientsLeaveNothing(t *testing.T) {
	ok(open(t).Map(t.Context(), "m", nil))
	descriptors := func() int { return len(ok(os.ReadDir("/proc/self/fd"))) }
	base, goroutines, files := live(), runtime.NumGoroutine(), descriptors()
	for i := range 10_000 {
		client := ok(Open(t.Context(), fmt.Sprintf("memory://many-%d", i)))
		m := ok(client.Map(t.Context(), "m", nil))
		ok(m.Set(t.Context(), "k", nil))
		if i%10 == 0 {
			m.Watch(t.Context(), "", nil)
			m.Snapshot()
		}
		if i%2 == 0 { // the others are forgotten
			check(t, client.Close())
		}
	}
	becomes(t, "every handle is freed", func() bool { return live() <= base })
	becomes(t, "every goroutine ends", func() bool { return runtime.NumGoroutine() <= goroutines })
	becomes(t, "every file is closed", func() bool { return descriptors() <= files })
}

func TestAForgottenClientLeavesItsConnections(t *testing.T) {
	server := redis(t)
	watching := ok(Open(t.Context(), server.url))
	defer watching.Close()
	descriptors := func() int { return len(ok(os.ReadDir("/proc/self/fd"))) }
	files := descriptors()
	for range 20 {
		client := ok(Open(t.Context(), server.url))
		m := ok(client.Map(t.Context(), "m", nil))
		ok(m.Set(t.Context(), "k", nil))
	}
	if descriptors() < files+20 {
		t.Fatal("a client has connections")
	}
	becomes(t, "the connections are closed", func() bool { return descriptors() <= files })
}

func TestAnExitWithCallsInFlightIsNoCrash(t *testing.T) {
	if os.Getenv("PONOS_TEST_EXIT") == "" {
		executable := ok(os.Executable())
		for range 50 {
			process := ok(os.StartProcess(executable, []string{executable, "-test.run=^TestAnExitWithCallsInFlightIsNoCrash$"},
				&os.ProcAttr{Env: append(os.Environ(), "PONOS_TEST_EXIT=1"), Files: []*os.File{nil, nil, os.Stderr}}))
			equal(t, ok(process.Wait()).ExitCode(), 7)
		}
		return
	}
	m := opened(t)
	for range 500 {
		go m.WaitFor(context.Background(), 5)
		go func() {
			for range m.Watch(context.Background(), "", nil) {
			}
		}()
	}
	for range 4 {
		go func() {
			for i := 0; ; i++ {
				if _, err := m.Set(context.Background(), fmt.Sprint(i%100), nil); errors.Is(err, ErrInternal) {
					panic(err)
				}
			}
		}()
	}
	time.Sleep(5 * time.Millisecond)
	os.Exit(7)
}
