package ponos

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"
	"time"
)

func TestAWatchBeginsAtTheCallAndNotAtTheLoop(t *testing.T) {
	m := opened(t)
	changes := m.Watch(background(t, time.Minute), "", nil)
	ok(m.Set(t.Context(), "k", []byte("1")))
	ok(m.Set(t.Context(), "k", []byte("")))
	ok(m.Delete(t.Context(), "k"))
	ok(m.Clear(t.Context()))
	ok(m.ListAppend(t.Context(), "l", []byte("x")))
	ok(m.Clear(t.Context()))
	events := take(t, changes, 6)
	equal(t, events[0].Kind, EventSynced)
	equal(t, fmt.Sprint(events[1].Kind, events[1].Key, events[1].Revision, events[1].Coalesced, events[1].Old == nil), "setk1 1 true")
	same(t, events[2].Value, "")
	same(t, events[2].Old, "1")
	equal(t, events[3].Kind, EventDelete)
	same(t, events[3].Old, "")
	equal(t, events[4].Shape, ShapeList)
	equal(t, string(events[4].Items()[0]), "x")
	equal(t, events[5].Kind, EventClear)
	equal(t, events[5].Key, "")
}

func TestFiltersChooseKeys(t *testing.T) {
	m, ctx := opened(t), background(t, time.Minute)
	for filter, watch := range map[string]iter.Seq2[Event, error]{
		"glob":    m.Watch(ctx, "a*", nil),
		"key":     m.Watch(ctx, "a*b", nil),
		"exactly": m.Watch(ctx, Exactly("a*b"), nil),
		"prefix":  m.Watch(ctx, Prefix("a*"), nil),
		"several": m.Watch(ctx, "zzz", &WatchOptions{Or: []Filter{"c", Exactly("a*b")}}),
		"or":      m.Watch(ctx, "", &WatchOptions{Or: []Filter{"a?b"}}),
	} {
		next, stop := iter.Pull2(watch)
		next()
		defer stop()
		for _, key := range []string{"c", "a*b", "axxb"} {
			ok(m.Set(ctx, key, nil))
		}
		want := map[string]string{"several": "c"}[filter]
		event, err, _ := next()
		check(t, err)
		equal(t, event.Key, orDefault(want, "a*b"))
	}
}

func TestAWatchMayBeginWithWhatIsThereOrWas(t *testing.T) {
	m, ctx := opened(t), background(t, time.Minute)
	for _, key := range []string{"b", "a"} {
		ok(m.Set(ctx, key, []byte(key)))
	}
	events := take(t, m.Watch(ctx, "", &WatchOptions{From: FromSnapshot()}), 3)
	equal(t, events[0].Key+events[1].Key+string(events[2].Kind), "absynced")
	events = take(t, m.Watch(ctx, "", &WatchOptions{From: FromRevision(1)}), 2)
	equal(t, events[0].Key+string(events[1].Kind), "asynced")
	generation := m.Generation()
	changes := m.Watch(ctx, "", nil)
	ok(m.Destroy(ctx))
	ok(m.Set(ctx, "new", nil))
	for event, err := range changes {
		check(t, err)
		if event.Kind == EventResynced {
			equal(t, event.Reason, ReasonNewGeneration)
			equal(t, event.From.Generation, generation)
			equal(t, event.To.Generation > generation, true)
		}
		if event.Key == "new" {
			break
		}
	}
}

func TestLeavingTheLoopUnsubscribes(t *testing.T) {
	m, ctx := opened(t), background(t, time.Minute)
	changes := m.Watch(ctx, "", nil)
	take(t, changes, 1)
	for _, err := range changes {
		fails(t, err, ErrClosed, false)
	}
	base := live()
	for range 1_000 {
		m.Watch(ctx, "", nil) // never ranged over
	}
	becomes(t, "forgotten watches are freed", func() bool { return live() <= base })
}

func TestAWatchEndsWithItsMapOrItsContext(t *testing.T) {
	m := opened(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last error
	for event, err := range m.Watch(ctx, "", nil) {
		if last = err; err == nil {
			equal(t, event.Kind, EventSynced)
			time.AfterFunc(time.Millisecond, cancel)
		}
	}
	fails(t, last, ErrCanceled, false)
	equal(t, errors.Is(last, context.Canceled), true)
	for range m.Watch(t.Context(), "", nil) {
		go m.Close()
	}
}

func TestBatchesLoseNothing(t *testing.T) {
	m := opened(t)
	batches := m.WatchBatches(background(t, time.Minute), "", nil)
	const count = 3_000
	for i := range count {
		ok(m.Set(t.Context(), fmt.Sprint(i), make([]byte, i%200)))
	}
	seen := -1
	for events, err := range batches {
		check(t, err)
		if len(events) == 0 || len(events) > batch {
			t.Fatalf("a batch of %d", len(events))
		}
		for _, event := range events {
			if seen++; seen > 0 {
				equal(t, event.Revision, uint64(seen))
				equal(t, len(event.Value), (seen-1)%200)
			}
		}
		if seen == count {
			break
		}
	}
}
