package ponos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// slack is by how much memory may grow after the warm-up, in KiB: what is kept of each client would be far more.
const slack = 32 << 10

// usage is what the process uses: threads, descriptors, and resident memory in KiB.
type usage struct{ threads, files, memory int }

func used(t testing.TB) usage {
	t.Helper()
	entries := func(folder string) int { return len(ok(os.ReadDir(folder))) }
	statm := strings.Fields(string(ok(os.ReadFile("/proc/self/statm"))))
	pages := ok(strconv.Atoi(statm[1]))
	return usage{entries("/proc/self/task"), entries("/proc/self/fd"), pages * os.Getpagesize() >> 10}
}

// staysFlat does it a fifth as often to warm up, then so many times, and compares. Go starts a thread whenever others
// are in calls of C, and keeps it: of those there may be some more, but not one a call.
func staysFlat(t *testing.T, times int, work func(i int)) {
	t.Helper()
	repeat := func(times int) {
		for i := range times {
			if work(i); i%100 == 0 {
				runtime.GC() // what the core has of a client goes with its handle
			}
		}
		runtime.GC()
	}
	repeat(times / 5)
	before := used(t)
	repeat(times)
	becomes(t, "every file is closed", func() bool { return used(t).files <= before.files })
	becomes(t, "memory is as before", func() bool { return raced || used(t).memory < before.memory+slack })
	if now := used(t); now.threads > before.threads+16 {
		t.Fatalf("%d threads after %d", now.threads, before.threads)
	}
}

func openAndClose(t *testing.T, url string) {
	t.Helper()
	client := ok(Open(t.Context(), url))
	m := ok(client.Map(t.Context(), "m", nil))
	ok(m.Set(t.Context(), "k", []byte("v")))
	equal(t, take(t, m.Watch(t.Context(), "", nil), 1)[0].Kind, EventSynced)
	check(t, client.Close())
}

func TestTenThousandClientsLeaveNoMemory(t *testing.T) {
	staysFlat(t, 10_000, func(i int) { openAndClose(t, fmt.Sprintf("memory://leaks-%d", i)) })
}

func TestFiveHundredClientsOfAServerLeaveNothing(t *testing.T) {
	server := redis(t)
	staysFlat(t, 500, func(int) { openAndClose(t, server.url) })
}

func TestAHundredThousandCanceledCallsLeaveNoMemory(t *testing.T) {
	m := opened(t)
	staysFlat(t, 100, func(int) {
		ctx, cancel := context.WithCancel(t.Context())
		var group sync.WaitGroup
		for range 1_000 {
			group.Add(1)
			go func() {
				defer group.Done()
				if _, err := m.WaitFor(ctx, 5); !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			}()
		}
		runtime.Gosched()
		cancel()
		group.Wait()
	})
	equal(t, ok(m.Set(t.Context(), "k", nil)).Revision, 1)
}
