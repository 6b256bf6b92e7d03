package ponos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

type message = Message[[]byte]

// streamed opens a stream on an engine of its own.
func streamed(t testing.TB, options ...StreamOption) *Stream[[]byte] {
	t.Helper()
	return ok(open(t).Stream(t.Context(), "s", options...))
}

// publish publishes the numbers from one to another.
func publish(t testing.TB, s *Stream[[]byte], from, to int) {
	t.Helper()
	for i := from; i <= to; i++ {
		ok(s.Publish(t.Context(), "t", fmt.Append(nil, i)))
	}
}

// seqs are the numbers of events.
func seqs[I interface{ seq() uint64 }](items []I) (seqs []uint64) {
	for _, item := range items {
		seqs = append(seqs, item.seq())
	}
	return seqs
}

func (i Item[T]) seq() uint64 { return i.ID.Seq() }

func TestAnEventHasWhatItWasPublishedWith(t *testing.T) {
	s, ctx := streamed(t), background(t, time.Minute)
	before := time.Now().Add(-time.Second)
	done := ok(s.Publish(ctx, "a.b", []byte("payload"), Key("é"), Header("h", "1"), Header("h", []byte{0xff}), Header("g", ""),
		DedupID("7"), ExpectLast(0)))
	equal(t, done.ID.Seq(), 1)
	equal(t, done.Duplicate, false)
	again := ok(s.Publish(ctx, "a.b", nil, DedupID("7"), IfExists()))
	equal(t, again, Published{done.ID, true})
	event := take(t, ok(s.Reader(ctx, FromFirst())).Events(ctx), 1)[0]
	equal(t, fmt.Sprintf("%v %v %v %v %v", event.Kind, event.ID == done.ID, event.Topic, event.Key, event.Err), "event true a.b é <nil>")
	same(t, event.Payload, "payload")
	equal(t, event.At.After(before) && event.At.Before(before.Add(time.Minute)), true)
	equal(t, fmt.Sprintf("%q", event.Headers), `[{"h" "1"} {"h" "\xff"} {"g" ""}]`)
	header, there := event.Header("h")
	equal(t, there, true)
	same(t, header, "1")
	_, there = event.Header("none")
	equal(t, there, false)
	// What is the caller's to change is nobody else's.
	copy(event.Payload, "PAYLOAD")
	_ = append(header, "xxxxxxxx"...)
	equal(t, event.Topic+event.Key+event.Headers[2].Name, "a.bég")
	same(t, event.Payload, "PAYLOAD")
}

func TestOptionsAreKept(t *testing.T) {
	s, ctx := streamed(t, MaxLen(2), MaxBytes(1<<20), MaxAge(time.Hour), WhenBehind(BehindReject)), background(t, time.Minute)
	equal(t, s.Name()+s.Codec()+s.String(), `sbytesponos.Stream("s", bytes)`)
	_, err := s.Publish(ctx, "t", nil, IfExists())
	equal(t, fails(t, err, ErrNotFound, false).Operation, "stream.publish")
	_, err = s.PublishBatch(ctx, []message{{Topic: "t"}}, ExpectLast(1))
	equal(t, fails(t, err, ErrConflict, false).Object, "s")
	equal(t, ok(s.Publish(ctx, "t", nil, Delay(time.Hour))), Published{})
	k := ok(s.Sink(ctx, "g", FromFirst(), InOrder(OrderKey), Partitions(1), AckWait(time.Second),
		Backoff(time.Millisecond, time.Second), MaxDeliver(3), DeadLetter("dead"), MaxInFlight(5), Prefetch(7)))
	equal(t, k.Group(), "g")
	_, err = s.Sink(ctx, "g", InOrder(OrderTotal))
	fails(t, err, ErrInvalid, false)
	_, err = s.Sink(ctx, "h", Partitions(3))
	fails(t, err, ErrInvalid, false)
	batch := ok(s.PublishBatch(ctx, []message{{Topic: "t", Key: "k", Headers: []HeaderField{{"h", nil}}}, {Topic: "t", DedupID: "7"}}, IfExists()))
	equal(t, batch[1].ID.Seq(), 2)
	_, err = s.Publish(ctx, "t", nil)
	fails(t, err, ErrLimited, false)
	info := ok(s.Info(ctx))
	equal(t, fmt.Sprint(info.Len, info.Bytes > 0, info.First == batch[0].ID, info.Last == batch[1].ID), "2 true true true")
	equal(t, info.Groups[0].Name, "g")
	equal(t, ok(s.Remove(ctx, batch[0].ID)), true)
	_, err = s.Remove(ctx, "nonsense")
	fails(t, err, ErrInvalid, false)
	check(t, k.Close())
	equal(t, ok(s.Disband(ctx, "g")), true)
	equal(t, ok(s.Disband(ctx, "g")), false)
	equal(t, ok(s.Destroy(ctx)), true)
	equal(t, ok(s.Info(ctx)) == nil, true)
	equal(t, EventID("").Seq(), 0)
}

func TestAReaderBeginsWhereItIsTold(t *testing.T) {
	s, ctx := streamed(t), background(t, time.Minute)
	publish(t, s, 1, 3)
	two := take(t, ok(s.Reader(ctx, FromLast(2))).Events(ctx), 1)[0]
	for want, choices := range map[string][]ReaderOption{
		"[1 2 3]": {FromFirst(), Replay(1e6)},
		"[2 3 4]": {FromTime(two.At), FromLast(2)}, // the last one counts
		"[3 4]":   {FromBehind(two.ID), Topics("none", "*")},
		"[4]":     {FromEnd()},
	} {
		r := ok(s.Reader(ctx, choices...))
		if want == "[4]" {
			publish(t, s, 4, 4)
		} else if want != "[1 2 3]" {
			continue
		}
		count := len(strings.Fields(want))
		equal(t, fmt.Sprint(seqs(take(t, r.Events(ctx), count))), want)
	}
	equal(t, fmt.Sprint(seqs(take(t, ok(s.Reader(ctx, FromLast(3))).Events(ctx), 3))), "[2 3 4]")
	equal(t, fmt.Sprint(seqs(take(t, ok(s.Reader(ctx, FromBehind(two.ID), Topics("none", "*"))).Events(ctx), 2))), "[3 4]")
	equal(t, len(take(t, ok(s.Reader(ctx, FromTime(two.At))).Events(ctx), 1)), 1)
	_, err := s.Reader(ctx, FromBehind("7-1"))
	fails(t, err, ErrNotFound, false)
	_, err = s.Reader(ctx, Replay(0))
	fails(t, err, ErrInvalid, false)
}

func TestAReaderGoesOnWhereTheLoopWasLeft(t *testing.T) {
	s, ctx := streamed(t), background(t, time.Minute)
	publish(t, s, 1, 9)
	r := ok(s.Reader(ctx, FromFirst()))
	equal(t, r.Position().Seq(), 0)
	equal(t, fmt.Sprint(seqs(take(t, r.Events(ctx), 3))), "[1 2 3]")
	equal(t, r.Position().Seq(), 3)
	func() {
		defer func() { equal(t, recover(), any("out of the loop")) }()
		for range r.Events(ctx) {
			panic("out of the loop")
		}
	}()
	equal(t, r.Position().Seq(), 4)
	canceled, cancel := context.WithCancel(ctx)
	defer cancel()
	seen := 0
	for item, err := range r.Events(canceled) {
		if seen++; seen == 1 {
			check(t, err)
			equal(t, item.seq(), 5)
			cancel()
			continue
		}
		equal(t, item.ID, "")
		e := fails(t, err, ErrCanceled, false)
		equal(t, errors.Is(err, context.Canceled) && e.Operation == "reader.next" && e.Object == "s", true)
	}
	equal(t, seen, 2)
	equal(t, r.Position().Seq(), 5)
	for items, err := range r.Batches(ctx, 3) {
		check(t, err)
		equal(t, fmt.Sprint(seqs(items)), "[6 7 8]")
		break
	}
	check(t, r.Close())
	check(t, r.Close())
	for range r.Events(ctx) {
		t.Fatal("a closed reader has nothing")
	}
	equal(t, r.Position().Seq(), 8)
	later := ok(s.Reader(ctx, FromBehind(r.Position())))
	equal(t, take(t, later.Events(ctx), 1)[0].seq(), 9)
	for _, err := range later.Batches(ctx, 0) {
		fails(t, err, ErrInvalid, false)
	}
}

func TestNoReaderLosesAnEventToAContext(t *testing.T) { everywhere(t, readAndGiveUp) }

func readAndGiveUp(t *testing.T, client *Client) {
	ctx := background(t, time.Minute)
	s := ok(client.Stream(ctx, "s"))
	r := ok(s.Reader(ctx))
	const count = 3_000
	go func() {
		for i := 1; i <= count; i += 10 {
			publish(t, s, i, i+9)
			time.Sleep(100 * time.Microsecond) // so that the reader waits now and then
		}
	}()
	seen, canceled := 0, 0
	for i := 0; seen < count; i++ {
		check(t, ctx.Err())
		some, cancel := context.WithTimeout(ctx, time.Duration(i%50)*time.Microsecond)
		for item, err := range r.Events(some) {
			if err != nil {
				fails(t, err, ErrTimeout, false)
				canceled++
				break
			}
			seen++
			equal(t, item.seq(), uint64(seen))
			if seen%7 == 0 {
				break
			}
		}
		cancel()
	}
	equal(t, r.Position().Seq(), count)
	t.Log(canceled, "loops were canceled")
}

func TestNewsAreTold(t *testing.T) {
	s, ctx := streamed(t, MaxLen(2), WhenBehind(BehindSkip)), background(t, time.Minute)
	publish(t, s, 1, 1)
	r, k := ok(s.Reader(ctx, FromFirst())), ok(s.Sink(ctx, "g", FromFirst(), Prefetch(1)))
	first := take(t, k.Events(ctx), 1)[0]
	equal(t, take(t, r.Events(ctx), 1)[0].seq(), 1)
	check(t, first.Ack(ctx))
	other := ok(s.Reader(ctx, FromBehind(first.ID)))
	var many []message
	for range 9 {
		many = append(many, message{Topic: "t"})
	}
	ok(s.PublishBatch(ctx, many))
	later := ok(s.Reader(ctx, FromBehind(first.ID)))
	gap := take(t, later.Events(ctx), 1)[0]
	equal(t, fmt.Sprintln(gap.Kind, gap.seq(), gap.Next.Seq(), gap.Missing, gap.At.IsZero(), gap.Payload == nil), "gap 2 9 7 true true\n")
	ok(s.Destroy(ctx))
	for _, reader := range []*Reader[[]byte]{r, other} {
		items := []Item[[]byte]{}
		for item, err := range reader.Events(ctx) {
			check(t, err)
			if items = append(items, item); item.Kind == ItemDeleted {
				break
			}
		}
		last := items[len(items)-1]
		equal(t, fmt.Sprintln(last.Kind, last.ID == "", last.Topic == ""), "deleted true true\n")
	}
	news := []Delivery[[]byte]{}
	for event, err := range k.Events(ctx) {
		check(t, err)
		if event.Kind == ItemEvent {
			continue
		}
		check(t, event.Ack(ctx)) // it does nothing
		for _, err := range []error{event.Nack(ctx), event.Term(ctx, "no event"), event.Progress(), event.AckWith(ctx, NewStep())} {
			fails(t, err, ErrInvalid, false)
		}
		if news = append(news, event); event.Kind == ItemDeleted {
			break
		}
	}
	check(t, k.Ack(ctx, news...))
	check(t, k.Ack(ctx))
}

func TestClosingEndsTheLoops(t *testing.T) {
	for name, end := range map[string]func(*Client, *Stream[[]byte], *Reader[[]byte], *Sink[[]byte]) error{
		"each": func(_ *Client, _ *Stream[[]byte], r *Reader[[]byte], k *Sink[[]byte]) error {
			return errors.Join(r.Close(), k.Close())
		},
		"stream": func(_ *Client, s *Stream[[]byte], _ *Reader[[]byte], _ *Sink[[]byte]) error { return s.Close() },
		"client": func(c *Client, _ *Stream[[]byte], _ *Reader[[]byte], _ *Sink[[]byte]) error { return c.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			client, ctx := open(t), background(t, time.Minute)
			s := ok(client.Stream(ctx, "s"))
			r, k := ok(s.Reader(ctx)), ok(s.Sink(ctx, "g"))
			ended := make(chan error, 2)
			go func() {
				for _, err := range r.Events(ctx) {
					ended <- err
				}
				ended <- nil
			}()
			go func() {
				for _, err := range k.Batches(ctx, 9) {
					ended <- err
				}
				ended <- nil
			}()
			becomes(t, "both wait", func() bool { return inFlight() == 2 })
			check(t, end(client, s, r, k))
			check(t, errors.Join(<-ended, <-ended))
			for range k.Events(ctx) {
				t.Fatal("it is closed")
			}
			if name != "each" {
				_, err := s.Publish(ctx, "t", nil)
				fails(t, err, ErrClosed, false)
				_, err = s.Reader(ctx)
				fails(t, err, ErrClosed, false)
			}
		})
	}
}

func TestAStepIsCommittedWithoutAnEvent(t *testing.T) { everywhere(t, commitSteps) }

func commitSteps(t *testing.T, client *Client) {
	ctx, shop := background(t, time.Minute), client.Scope("shop")
	stock, sales := ok(shop.Map(ctx, "stock", nil)), ok(shop.Stream(ctx, "sales"))
	step := NewStep(stock.Txn().When("stop", IfAbsent()).Incr("pen", -1), sales.Messages(message{Topic: "sold"}))
	check(t, step.Commit(ctx))
	check(t, step.Commit(ctx))
	pens, _ := stock.Get("pen")
	same(t, pens, "-2")
	ok(stock.Set(ctx, "stop", nil))
	equal(t, fails(t, step.Commit(ctx), ErrConflict, false).Operation, "step.commit")
	fails(t, NewStep().Commit(ctx), ErrInvalid, false)
	texts := ok(StreamOf(ctx, shop, "texts", Text()))
	fails(t, NewStep(texts.Messages(Message[string]{Topic: "t", Payload: "\xff"})).Commit(ctx), ErrInvalid, false)
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	fails(t, step.Commit(canceled), ErrCanceled, false)
	equal(t, ok(sales.Info(ctx)).Len, 2)
}

func TestRequestsGetTheirReplies(t *testing.T) { everywhere(t, askAndReply) }

func askAndReply(t *testing.T, client *Client) {
	ctx := background(t, time.Minute)
	sums := ok(StreamOf(ctx, client, "sums", JSON[[]int]()))
	adders := ok(sums.Sink(ctx, "adders"))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for event, err := range adders.Events(ctx) {
			check(t, err)
			equal(t, ok(sums.Reply(ctx, event.Item, []int{event.Payload[0] + event.Payload[1]})), true)
			check(t, event.Ack(ctx))
		}
	}()
	replies := make(chan string, 20)
	for i := range cap(replies) {
		go func() {
			reply, err := sums.Request(ctx, "add", []int{i, 1}, time.Minute)
			replies <- fmt.Sprint(reply[0]-i, err)
		}()
	}
	for range cap(replies) {
		equal(t, <-replies, "1 <nil>")
	}
	// The last reply may be here before its event is acknowledged.
	becomes(t, "all is acknowledged", func() bool { return ok(sums.Info(ctx)).Groups[0].Pending == 0 })
	check(t, adders.Close())
	<-ended
}

func TestARequestEndsWithItsContextInTimeOrWithTheStream(t *testing.T) {
	s, ctx := streamed(t), background(t, time.Minute)
	r := ok(s.Reader(ctx))
	canceled, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	ask := func(ctx context.Context, timeout time.Duration) {
		_, err := s.Request(ctx, "t", nil, timeout)
		ended <- err
	}
	go ask(canceled, time.Minute)
	asked := take(t, r.Events(ctx), 1)[0]
	cancel()
	equal(t, fails(t, <-ended, ErrCanceled, true).Operation, "stream.request")
	becomes(t, "nobody waits", func() bool { return !ok(s.Reply(ctx, asked, nil)) })
	go ask(ctx, 20*time.Millisecond)
	fails(t, <-ended, ErrTimeout, true)
	go ask(ctx, time.Minute)
	take(t, r.Events(ctx), 2)
	check(t, s.Close())
	fails(t, <-ended, ErrClosed, true)
	_, err := s.Reply(ctx, asked, nil)
	fails(t, err, ErrClosed, false)
}

func TestRequestsAndRepliesThatAreWrongAreRefused(t *testing.T) {
	client, ctx, decoded := open(t), background(t, time.Minute), 0
	s := ok(StreamOf(ctx, client, "s", counting{&decoded}))
	for _, timeout := range []time.Duration{0, -time.Second, time.Microsecond} {
		_, err := s.Request(ctx, "t", 2, timeout)
		equal(t, strings.HasSuffix(fails(t, err, ErrInvalid, false).Message, "must be from 1 ms to 100 years"), true)
	}
	r := ok(s.Reader(ctx))
	ok(s.Publish(ctx, "t", 2))
	_, err := s.Reply(ctx, take(t, r.Events(ctx), 1)[0], 2)
	fails(t, err, ErrInvalid, false)
	_, err = s.Reply(ctx, Item[int]{Kind: ItemGap}, 2)
	fails(t, err, ErrInvalid, false)
	go func() {
		ok(s.Reply(ctx, take(t, r.Events(ctx), 1)[0], 3)) // which the codec cannot read
	}()
	_, err = s.Request(ctx, "t", 2, time.Minute)
	equal(t, errors.Is(err, errOdd), true)
	equal(t, fails(t, err, ErrInvalid, false).Operation, "stream.request")
	texts := ok(StreamOf(ctx, client, "texts", Text()))
	_, err = texts.Request(ctx, "t", "\xff", time.Minute)
	equal(t, fails(t, err, ErrInvalid, false).Operation, "stream.request")
	_, err = texts.Reply(ctx, Item[string]{}, "\xff")
	equal(t, fails(t, err, ErrInvalid, false).Operation, "stream.reply")
}

func TestPayloadsAreDecoded(t *testing.T) {
	client, ctx, decoded := open(t), background(t, time.Minute), 0
	s := ok(StreamOf(ctx, client, "s", counting{&decoded}, MaxLen(100)))
	equal(t, s.Codec(), "counting")
	_, err := client.Stream(ctx, "s")
	fails(t, err, ErrInvalid, false)
	ok(s.Publish(ctx, "t", 2))
	ok(s.PublishBatch(ctx, []Message[int]{{Topic: "t", Payload: 3}, {Topic: "t", Payload: 4}}))
	r, k := ok(s.Reader(ctx, FromFirst())), ok(s.Sink(ctx, "g", FromFirst()))
	told := func(item Item[int], err error) string {
		return fmt.Sprint(item.Payload, errors.Is(err, errOdd), errors.Is(err, ErrInvalid), err == item.Err)
	}
	var read, taken []string
	for item, err := range r.Events(ctx) {
		if read = append(read, told(item, err)); len(read) == 3 {
			break
		}
	}
	var answers []func(context.Context) error
	for event, err := range k.Events(ctx) {
		answers = append(answers, event.Nack) // also of one that could not be read
		if taken = append(taken, told(event.Item, err)); len(taken) == 3 {
			break
		}
	}
	for _, nack := range answers {
		check(t, nack(ctx))
	}
	want := []string{"2 false false true", "3 true true true", "4 false false true"}
	if !slices.Equal(read, want) || !slices.Equal(taken, want) {
		t.Fatal(read, taken)
	}
	taken = nil
	for events, err := range k.Batches(ctx, 9) {
		check(t, err)
		for _, event := range events {
			taken = append(taken, told(event.Item, event.Err))
			equal(t, event.Count, 2)
		}
		if check(t, k.Ack(ctx, events...)); len(taken) == 3 {
			break
		}
	}
	slices.Sort(taken)
	equal(t, fmt.Sprint(taken), fmt.Sprint(want))

	texts := ok(StreamOf(ctx, client, "texts", Text()))
	_, err = texts.Publish(ctx, "t", "\xff")
	equal(t, fails(t, err, ErrInvalid, false).Operation, "stream.publish")
	_, err = texts.PublishBatch(ctx, []Message[string]{{Topic: "t", Payload: "fine"}, {Topic: "t", Payload: "\xff"}})
	fails(t, err, ErrInvalid, false)
	equal(t, ok(texts.Info(ctx)) == nil, true)
	_, err = texts.Publish(ctx, "\xff", "fine")
	fails(t, err, ErrInvalid, false)
}
