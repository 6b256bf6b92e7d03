package ponos

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestAWriteIsReadAtOnce(t *testing.T) {
	m, ctx := opened(t), t.Context()
	written := ok(m.Set(ctx, "btc", []byte("64000")))
	equal(t, written.Revision, 1)
	if !written.Changed || written.Previous != nil {
		t.Fatalf("%+v", written)
	}
	value, there := m.Get("btc")
	equal(t, there, true)
	same(t, value, "64000")
	same(t, ok(m.Set(ctx, "btc", []byte("64100"))).Previous, "64000")
	same(t, ok(m.Delete(ctx, "btc")).Previous, "64100")
	_, there = m.Get("btc")
	equal(t, there, false)
	equal(t, ok(m.Delete(ctx, "btc")).Changed, false)
	equal(t, m.Revision(), 3)
	equal(t, m.Contains("btc"), false)
	equal(t, m.Status().State, StateLive)
	equal(t, m.Name()+" "+m.Codec(), "m bytes")
	if m.Generation() == 0 {
		t.Fatal("a written map has a generation")
	}
}

func TestThingsPrintWhatTheyAre(t *testing.T) {
	client := open(t)
	m := ok(client.Map(t.Context(), "m", nil))
	ok(m.Set(t.Context(), "k", nil))
	equal(t, fmt.Sprint(client), "ponos.Client(memory)")
	equal(t, fmt.Sprint(m), `ponos.Map("m", bytes, 1 keys, live)`)
	equal(t, fmt.Sprint(m.Snapshot()), `ponos.Snapshot("m", 1 keys, revision 1)`)
}

func TestKeysAndValuesOfAnyBytes(t *testing.T) {
	m, ctx := opened(t), t.Context()
	for _, key := range []string{"🚀 emoji", "\x00", "ключ", strings.Repeat("k", 64<<10)} {
		for _, size := range []int{0, 1, 127, 128, 129, 511, 512, 513, 100_000} {
			value := bytes.Repeat([]byte{0xff, 0}, size)[:size]
			ok(m.Set(ctx, key, value))
			got, there := m.Get(key)
			if !there || got == nil || !bytes.Equal(got, value) {
				t.Fatalf("%q, %d bytes: got %d bytes, %v", key[:1], size, len(got), there)
			}
			appended, _ := m.AppendGet([]byte("before"), key)
			if !bytes.Equal(appended, append([]byte("before"), value...)) {
				t.Fatalf("%d bytes appended to 6 are %d", size, len(appended))
			}
			if previous := ok(m.Set(ctx, key, value)).Previous; !bytes.Equal(previous, value) {
				t.Fatalf("the previous value has %d bytes of %d", len(previous), size)
			}
		}
	}
	unchanged, there := m.AppendGet([]byte("before"), "absent")
	equal(t, string(unchanged), "before")
	equal(t, there, false)
	_, err := m.Set(ctx, "\xff", nil)
	fails(t, err, ErrInvalid, false)
	_, there = m.Get("\xff")
	equal(t, there, false)
	equal(t, len(slices.Collect(maps.Keys(maps.Collect(m.Prefix("\xff"))))), 0)
}

func TestAValueOverTheLimitIsRefusedUnlessItIsRaised(t *testing.T) {
	m, big := opened(t), make([]byte, 2<<20)
	_, err := m.Set(t.Context(), "big", big)
	if e := fails(t, err, ErrInvalid, false); !strings.Contains(e.Message, "max_value") || e.Operation != "map.set" {
		t.Fatal(e)
	}
	client := ok(Open(t.Context(), "memory://large?max_value=4194304"))
	defer client.Close()
	large := ok(client.Map(t.Context(), "m", nil))
	ok(large.Set(t.Context(), "big", big))
	value, _ := large.Get("big")
	equal(t, len(value), len(big))
	entry, _, err := large.GetLatest(t.Context(), "big")
	check(t, err)
	equal(t, len(entry.Value), len(big))
}

func TestConditionsAndTimesToLive(t *testing.T) {
	m, ctx := opened(t), t.Context()
	ok(m.Set(ctx, "k", []byte("1"), IfAbsent()))
	for _, when := range []Condition{IfAbsent(), IfRevision(7), IfValue([]byte("2"))} {
		_, err := m.Set(ctx, "k", []byte("2"), when)
		fails(t, err, ErrConflict, false)
		_, err = m.Delete(ctx, "k", when)
		fails(t, err, ErrConflict, false)
	}
	for _, when := range []Condition{IfPresent(), IfRevision(2), IfValue([]byte("2")), {}} {
		ok(m.Set(ctx, "k", []byte("2"), when))
	}
	ok(m.Set(ctx, "k", []byte("3"), TTL(time.Hour)))
	entry, _ := m.Entry("k")
	if left := time.Until(entry.Expires); left < 59*time.Minute || left > time.Hour {
		t.Fatal(entry)
	}
	equal(t, entry.Revision, 6)
	_, err := m.Touch(ctx, "k", 0)
	fails(t, err, ErrInvalid, false)
	_, err = m.Set(ctx, "k", nil, IfPresent(), IfRevision(6))
	fails(t, err, ErrInvalid, false)
	equal(t, ok(m.Touch(ctx, "k", Forever)).Changed, true)
	entry, _ = m.Entry("k")
	equal(t, entry.Expires.IsZero(), true)
	for _, ttl := range []time.Duration{0, -time.Second, time.Microsecond, 200 * 365 * 24 * time.Hour} {
		_, err := m.Set(ctx, "k", nil, TTL(ttl))
		fails(t, err, ErrInvalid, false)
	}
	ok(m.Set(ctx, "soon", nil, IfAbsent(), TTL(time.Millisecond)))
	becomes(t, "the entry expires", func() bool { return !m.Contains("soon") })
}

func TestCountersHaveBounds(t *testing.T) {
	m, ctx := opened(t), t.Context()
	equal(t, ok(m.Incr(ctx, "n", 5)).Value, 5)
	equal(t, ok(m.Incr(ctx, "n", -5, AtLeast(0))).Value, 0)
	_, err := m.Incr(ctx, "n", -1, AtLeast(int64(0)), AtMost(10))
	fails(t, err, ErrConflict, false)
	_, err = m.Incr(ctx, "n", 1, AtMost(0))
	fails(t, err, ErrConflict, false)
	_, err = m.Incr(ctx, "n", 1, AtMost(0.5))
	fails(t, err, ErrInvalid, false)
	equal(t, ok(m.Incr(ctx, "low", math.MinInt64)).Value, math.MinInt64)
	equal(t, ok(m.IncrFloat(ctx, "f", 0.5)).Value, 0.5)
	_, err = m.IncrFloat(ctx, "f", 1, AtMost(1))
	fails(t, err, ErrConflict, false)
	_, err = m.IncrFloat(ctx, "f", math.NaN())
	fails(t, err, ErrInvalid, false)
}

func TestListsAndSets(t *testing.T) {
	m, ctx := opened(t), t.Context()
	a, b := []byte("a"), []byte{}
	equal(t, ok(m.ListAppend(ctx, "l", a, b, a)).Len, 3)
	equal(t, ok(m.ListAppendUnique(ctx, "l", b, []byte("c"))).Len, 4)
	equal(t, ok(m.ListRemove(ctx, "l", a)).Len, 2)
	items, there := m.ItemsOf("l")
	equal(t, there, true)
	equal(t, string(bytes.Join(items, []byte("|"))), "|c")
	equal(t, ok(m.SetAdd(ctx, "s", a, a)).Len, 1)
	equal(t, ok(m.SetRemove(ctx, "s", a)).Changed, true)
	_, there = m.ItemsOf("s")
	equal(t, there, false)
	ok(m.Set(ctx, "plain", a))
	_, there = m.ItemsOf("plain")
	equal(t, there, false)
	_, err := m.ListAppend(ctx, "plain", a)
	fails(t, err, ErrInvalid, false)
	_, err = m.ListAppend(ctx, "l")
	fails(t, err, ErrInvalid, false)
	entry, _ := m.Entry("l")
	equal(t, entry.Shape, ShapeList)
}

func TestIterationsStopWhenTheLoopDoes(t *testing.T) {
	m, ctx := opened(t), t.Context()
	for _, key := range []string{"b/2", "a", "b/1", "c"} {
		ok(m.Set(ctx, key, []byte(key)))
	}
	equal(t, m.Len(), 4)
	equal(t, strings.Join(slices.Sorted(slices.Values(m.Keys())), " "), "a b/1 b/2 c")
	equal(t, len(maps.Collect(m.All())), 4)
	keys := func(entries func(func(string, Entry) bool)) (found []string) {
		for key, entry := range entries {
			same(t, entry.Value, key)
			found = append(found, key)
		}
		return found
	}
	equal(t, strings.Join(keys(m.Prefix("b/")), " "), "b/1 b/2")
	equal(t, strings.Join(keys(m.Range("b", "c")), " "), "b/1 b/2")
	equal(t, strings.Join(keys(m.Range("b", "")), " "), "b/1 b/2 c")
	equal(t, strings.Join(keys(m.Range("", "")), " "), "a b/1 b/2 c")
	for range m.All() {
		break
	}
	snapshot := m.Snapshot()
	ok(m.Clear(ctx))
	equal(t, m.Len(), 0)
	equal(t, snapshot.Len(), 4)
	equal(t, snapshot.Revision(), 4)
	equal(t, len(keys(snapshot.Entries())), 4)
	value, _ := snapshot.Get("a")
	same(t, value, "a")
	generation := m.Generation()
	ok(m.Destroy(ctx))
	ok(m.Set(ctx, "k", nil))
	equal(t, m.Revision(), 1)
	equal(t, m.Generation() > generation, true)
}

func TestATransactionIsWholeOrNothing(t *testing.T) {
	m, ctx := opened(t), t.Context()
	ok(m.Set(ctx, "a", []byte("10")))
	x := []byte("x")
	all := func(t *Txn) *Txn {
		return t.Incr("a", -4).Incr("b", 4, AtMost(4)).IncrFloat("f", 1.5).IncrFloat("f", 1, AtLeast(0.5)).
			Set("plain", x).Set("ttl", x, IfAbsent(), TTL(time.Hour)).Touch("plain", time.Hour).
			ListAppend("l", x, x).ListAppendUnique("l", x).ListRemove("none", x).SetAdd("s", x).SetRemove("s", x).
			Set("gone", x).Delete("gone").Set("also", x).Delete("also", IfPresent())
	}
	done := ok(all(m.Txn().When("a", IfValue([]byte("10"))).When("b", IfAbsent())).Otherwise().Set("no", x).Commit(ctx))
	equal(t, done, TxnDone{Revision: 2, Matched: true, Changed: true})
	equal(t, strings.Join(slices.Sorted(slices.Values(m.Keys())), " "), "a b f l plain ttl")
	done = ok(m.Txn().When("a", IfRevision(1)).Set("no", x).Otherwise().Set("else", x).Commit(ctx))
	equal(t, done, TxnDone{Revision: 3, Matched: false, Changed: true})
	_, err := m.Txn().Set("one", x).Incr("plain", 1).Commit(ctx)
	fails(t, err, ErrInvalid, false)
	equal(t, m.Contains("one"), false)
	_, err = m.Txn().Commit(ctx)
	fails(t, err, ErrInvalid, false)
	_, err = m.Txn().Set("k", x, TTL(-1)).Commit(ctx)
	equal(t, fails(t, err, ErrInvalid, false).Operation, "map.txn")
}

func TestStrongerReads(t *testing.T) {
	m, ctx := opened(t), t.Context()
	ok(m.Set(ctx, "k", []byte("v")))
	entry, there, err := m.GetLatest(ctx, "k")
	check(t, err)
	equal(t, there, true)
	same(t, entry.Value, "v")
	_, there, err = m.GetLatest(ctx, "none")
	check(t, err)
	equal(t, there, false)
	_, there, err = m.GetLatest(ctx, "")
	equal(t, there, false)
	fails(t, err, ErrInvalid, false)
	equal(t, ok(m.Sync(ctx)), 1)
	equal(t, ok(m.WaitFor(ctx, 1)), 1)
}
