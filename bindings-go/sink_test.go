package ponos

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestASinkGoesOnWhereTheLoopWasLeft(t *testing.T) {
	s, ctx := streamed(t), background(t, time.Minute)
	k := ok(s.Sink(ctx, "g"))
	publish(t, s, 1, 6)
	first := take(t, k.Events(ctx), 2)
	equal(t, fmt.Sprint(seqs(first)), "[1 2]")
	func() {
		defer func() { equal(t, recover(), any("out of the loop")) }()
		for range k.Events(ctx) {
			panic("out of the loop")
		}
	}()
	canceled, cancel := context.WithCancel(ctx)
	defer cancel()
	var last error
	for event, err := range k.Events(canceled) {
		if last = err; err == nil {
			equal(t, event.seq(), 4)
			cancel()
		}
	}
	e := fails(t, last, ErrCanceled, false)
	equal(t, errors.Is(last, context.Canceled) && e.Operation == "sink.next" && e.Object == "g", true)
	// What the loops were left with can be answered, and what they did not get was not handed out.
	check(t, first[0].Ack(ctx))
	check(t, k.Ack(ctx, first[1]))
	rest := take(t, k.Events(ctx), 2)
	equal(t, fmt.Sprint(seqs(rest), rest[0].Count), "[5 6] 1")
	check(t, rest[0].Ack(ctx))
	check(t, k.Close())
	check(t, k.Close())
	fails(t, rest[1].Ack(ctx), ErrClosed, false)
	other := ok(s.Sink(ctx, "g"))
	again := take(t, other.Events(ctx), 3)
	equal(t, fmt.Sprint(seqs(again), again[0].Count), "[3 4 6] 2")
	fails(t, again[0].NackAfter(ctx, -time.Second), ErrInvalid, false)
	for _, err := range other.Batches(ctx, -1) {
		fails(t, err, ErrInvalid, false)
	}
}

func TestAnAnswerCountsOnce(t *testing.T) {
	client, ctx := open(t), background(t, time.Minute)
	shop := client.Scope("shop")
	s, dead := ok(shop.Stream(ctx, "s")), ok(shop.Stream(ctx, "dead"))
	equal(t, shop.Name(), "shop")
	k := ok(s.Sink(ctx, "g", DeadLetter("dead")))
	ok(s.Publish(ctx, "t", []byte("v"), Header("h", "x")))
	next := func(count int) Delivery[[]byte] {
		t.Helper()
		event := take(t, k.Events(ctx), 1)[0]
		equal(t, event.Count, count)
		return event
	}
	event := next(1)
	check(t, event.Progress())
	check(t, event.Nack(ctx))
	event = next(2)
	check(t, event.NackAfter(ctx, time.Millisecond))
	event = next(3)
	done, cancel := context.WithCancel(ctx)
	cancel()
	equal(t, fails(t, event.Ack(done), ErrCanceled, false).Operation, "sink.ack")
	check(t, event.Term(ctx, "bad"))
	for _, err := range []error{event.Ack(ctx), event.Nack(ctx), event.Term(ctx, ""), event.Progress(), k.Ack(ctx, event)} {
		fails(t, err, ErrFenced, false)
	}
	given := take(t, ok(dead.Reader(ctx, FromFirst())).Events(ctx), 1)[0]
	reason, _ := given.Header("ponos-reason")
	same(t, reason, "bad")
	fails(t, Delivery[int]{}.Ack(ctx), ErrInvalid, false)
}

func TestAStepIsDoneWithTheAcknowledgementOrNotAtAll(t *testing.T) {
	client, ctx := open(t), background(t, time.Minute)
	shop := client.Scope("shop")
	orders := ok(StreamOf(ctx, shop, "orders", JSON[int]()))
	out := ok(StreamOf(ctx, shop, "out", Text()))
	totals := ok(MapOf(ctx, shop, "totals", JSON[int](), nil))
	k := ok(orders.Sink(ctx, "g"))
	ok(orders.Publish(ctx, "t", 7))
	event := take(t, k.Events(ctx), 1)[0]
	step := func(text string) *Step {
		return NewStep(totals.Txn().When("stop", IfAbsent()).Incr("n", int64(event.Payload)),
			out.Messages(Message[string]{Topic: "done", Payload: text, Key: "k", Headers: []HeaderField{{"h", []byte("v")}}}))
	}
	ok(totals.Set(ctx, "stop", 1))
	fails(t, event.AckWith(ctx, step("7")), ErrConflict, false)
	ok(totals.Delete(ctx, "stop"))
	fails(t, event.AckWith(ctx, step("\xff")), ErrInvalid, false)
	alone := ok(client.Map(ctx, "totals", &MapOptions{Codec: "json"}))
	fails(t, event.AckWith(ctx, NewStep(alone.Txn().Incr("n", 1))), ErrInvalid, false)
	fails(t, event.AckWith(ctx, NewStep(totals.Txn().Otherwise().Incr("n", 1))), ErrInvalid, false)
	fails(t, event.AckWith(ctx, NewStep(totals.Txn().Incr("n", 1), totals.Txn().Incr("n", 1))), ErrInvalid, false)
	check(t, event.AckWith(ctx, step("7")))
	fails(t, event.AckWith(ctx, step("7")), ErrFenced, false)
	sum, _, err := totals.Get("n")
	check(t, err)
	equal(t, sum, 7)
	told := take(t, ok(out.Reader(ctx, FromFirst())).Events(ctx), 1)[0]
	equal(t, told.Payload+told.Topic+told.Key+told.Headers[0].Name, "7donekh")
	equal(t, ok(orders.Info(ctx)).Groups[0].Pending, 0)
	_, err = client.Scope("a{b}").Stream(ctx, "s")
	fails(t, err, ErrInvalid, false)
	_, err = client.Scope("").Map(ctx, "m", nil)
	fails(t, err, ErrInvalid, false)
}

// Loops are canceled and left at any moment: each event is handed out once, and none twice.
func TestGoroutinesShareASink(t *testing.T) { everywhere(t, shareASink) }

func shareASink(t *testing.T, client *Client) {
	const count = 4_000
	ctx := background(t, time.Minute)
	s := ok(client.Stream(ctx, "s"))
	k := ok(s.Sink(ctx, "g"))
	var seen [count + 1]atomic.Int32
	var all atomic.Int32
	var group sync.WaitGroup
	for worker := range 4 {
		group.Add(1)
		go func() {
			defer group.Done()
			for i := worker; all.Load() < count && ctx.Err() == nil; i++ {
				some, cancel := context.WithTimeout(ctx, time.Duration(i%100)*time.Microsecond)
				for events, err := range k.Batches(some, 1+i%9) {
					if err != nil {
						fails(t, err, ErrTimeout, false)
						break
					}
					for _, event := range events {
						seen[event.seq()].Add(int32(event.Count))
						all.Add(1)
					}
					check(t, k.Ack(ctx, events...))
					if i%3 == 0 {
						break
					}
				}
				cancel()
			}
		}()
	}
	publish(t, s, 1, count)
	group.Wait()
	for seq := 1; seq <= count; seq++ {
		equal(t, seen[seq].Load(), 1)
	}
	equal(t, ok(s.Info(ctx)).Groups[0].Pending, 0)
}

func TestForgottenReadersAndSinksAreFreed(t *testing.T) {
	s, ctx := streamed(t), background(t, time.Minute)
	publish(t, s, 1, 1)
	base := live()
	for range 200 {
		r, k := ok(s.Reader(ctx, FromFirst())), ok(s.Sink(ctx, "g", FromFirst()))
		take(t, r.Events(ctx), 1)
		k.Events(ctx) // never ranged over
	}
	becomes(t, "their handles are freed", func() bool { return live() <= base })
	becomes(t, "they have left the group", func() bool { return ok(s.Info(ctx)).Groups[0].Consumers == 0 })
	// An event keeps its sink: it can be answered though nobody else knows the sink any more.
	event := take(t, ok(s.Sink(ctx, "g")).Events(ctx), 1)[0]
	for range 10 {
		becomes(t, "nothing more is freed", func() bool { return true })
	}
	check(t, event.Ack(ctx))
}

func streamAndClose(t *testing.T, url string) {
	t.Helper()
	client, ctx := ok(Open(t.Context(), url)), t.Context()
	s := ok(client.Stream(ctx, "s"))
	r, k := ok(s.Reader(ctx)), ok(s.Sink(ctx, "g"))
	id := ok(s.Publish(ctx, "t", []byte("v"))).ID
	equal(t, take(t, r.Events(ctx), 1)[0].ID, id)
	check(t, take(t, k.Events(ctx), 1)[0].Ack(ctx))
	check(t, k.Close())
	check(t, client.Close())
}

func TestTwoThousandStreamsLeaveNothing(t *testing.T) {
	staysFlat(t, 2_000, func(i int) { streamAndClose(t, fmt.Sprintf("memory://streams-%d", i)) })
}

func TestTwoHundredStreamsOfAServerLeaveNothing(t *testing.T) {
	server := redis(t)
	staysFlat(t, 200, func(int) { streamAndClose(t, server.url) })
}
