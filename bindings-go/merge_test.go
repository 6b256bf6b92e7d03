package ponos

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"
)

// shown is which stream and what of it.
func shown[T any](items []Merged[T]) (shown string) {
	for _, item := range items {
		shown += fmt.Sprintf("%d:%v ", item.Stream, item.Payload)
	}
	return shown
}

// inTurn publishes to the streams in turn, each a moment after the one before it.
func inTurn(t *testing.T, streams []*Stream[int], count int) {
	t.Helper()
	for i := range count {
		ok(streams[i%len(streams)].Publish(t.Context(), "t", i))
		time.Sleep(2 * time.Millisecond)
	}
}

func TestEachMergedStreamHasItsCodecAndItsNumber(t *testing.T) {
	client, other, ctx, decoded := open(t), open(t), background(t, time.Minute), 0
	streams := []*Stream[int]{ok(StreamOf(ctx, client, "json", JSON[int]())), ok(StreamOf(ctx, other, "counting", counting{&decoded}))}
	r := ok(Merge(ctx, streams, MaxWait(0), FromEnd(), Topics(">"), Replay(1e6)))
	var seen []Merged[int]
	for i, payload := range []int{7, 8, 9} {
		of := min(i, 1)
		ok(streams[of].Publish(ctx, "t", payload))
		for item, err := range r.Events(ctx) {
			equal(t, errors.Is(err, errOdd), payload == 9)
			equal(t, err == item.Err, true)
			seen = append(seen, item)
			break
		}
	}
	equal(t, shown(seen), "0:7 1:8 1:9 ")
	equal(t, decoded, 2)
	ok(streams[0].Destroy(ctx))
	news := take(t, r.Events(ctx), 1)[0]
	equal(t, fmt.Sprintln(news.Kind, news.Stream, news.Late), "deleted 0 false\n")
}

func TestAMergedReaderGoesOnWhereTheLoopWasLeft(t *testing.T) { everywhere(t, leaveMergedLoops) }

func leaveMergedLoops(t *testing.T, client *Client) {
	ctx := background(t, time.Minute)
	streams := []*Stream[int]{ok(StreamOf(ctx, client, "a", JSON[int]())), ok(StreamOf(ctx, client, "b", JSON[int]()))}
	inTurn(t, streams, 8)
	r := ok(Merge(ctx, streams, FromFirst(), MaxWait(200*time.Millisecond)))
	equal(t, shown(take(t, r.Events(ctx), 2)), "0:0 1:1 ")
	func() {
		defer func() { equal(t, recover(), any("out of the loop")) }()
		for range r.Events(ctx) {
			panic("out of the loop")
		}
	}()
	canceled, cancel := context.WithCancel(ctx)
	defer cancel()
	seen := 0
	for item, err := range r.Events(canceled) {
		if seen++; seen == 1 {
			check(t, err)
			equal(t, item.Payload, 3)
			cancel()
			continue
		}
		equal(t, fails(t, err, ErrCanceled, false).Operation, "merged.next")
	}
	equal(t, seen, 2)
	var rest []Merged[int]
	for items, err := range r.Batches(ctx, 3) {
		check(t, err)
		equal(t, len(items) <= 3, true)
		if rest = append(rest, items...); len(rest) == 4 {
			break
		}
	}
	equal(t, shown(rest), "0:4 1:5 0:6 1:7 ")
	check(t, errors.Join(r.Close(), r.Close()))
	for range r.Events(ctx) {
		t.Fatal("it is closed")
	}
	ok(streams[0].Publish(ctx, "t", 8))
}

func TestNoMergedReaderLosesAnEventToAContext(t *testing.T) { everywhere(t, mergeAndGiveUp) }

func mergeAndGiveUp(t *testing.T, client *Client) {
	ctx := background(t, time.Minute)
	streams := []*Stream[[]byte]{ok(client.Stream(ctx, "a")), ok(client.Stream(ctx, "b"))}
	r := ok(Merge(ctx, streams, MaxWait(time.Millisecond)))
	const count = 1_000
	for _, stream := range streams {
		go func() {
			for i := 1; i <= count; i += 10 {
				publish(t, stream, i, i+9)
				time.Sleep(100 * time.Microsecond) // so that the reader waits now and then
			}
		}()
	}
	var seen [2]uint64
	for i := 0; seen[0]+seen[1] < 2*count; i++ {
		check(t, ctx.Err())
		some, cancel := context.WithTimeout(ctx, time.Duration(i%50)*100*time.Microsecond)
		for item, err := range r.Events(some) {
			if err != nil {
				fails(t, err, ErrTimeout, false)
				break
			}
			seen[item.Stream]++
			equal(t, item.seq(), seen[item.Stream])
			if i%7 == 0 {
				break
			}
		}
		cancel()
	}
}

func TestClosingEndsTheLoopsOfAMergedReader(t *testing.T) {
	for name, end := range map[string]func([]*Stream[[]byte], *MergedReader[[]byte]) error{
		"reader": func(_ []*Stream[[]byte], r *MergedReader[[]byte]) error { return r.Close() },
		"streams": func(of []*Stream[[]byte], _ *MergedReader[[]byte]) error {
			return errors.Join(of[0].Close(), of[1].Close())
		},
	} {
		t.Run(name, func(t *testing.T) {
			client, ctx := open(t), background(t, time.Minute)
			streams := []*Stream[[]byte]{ok(client.Stream(ctx, "a")), ok(client.Stream(ctx, "b"))}
			r, ended := ok(Merge(ctx, streams)), make(chan error, 1)
			go func() {
				for _, err := range r.Batches(ctx, 9) {
					ended <- err
				}
				ended <- nil
			}()
			becomes(t, "it waits", func() bool { return inFlight() == 1 })
			check(t, end(streams, r))
			check(t, <-ended)
		})
	}
}

func TestWhatCannotBeMergedIsRefused(t *testing.T) {
	s, ctx := streamed(t), background(t, time.Minute)
	_, err := Merge[int](ctx, nil)
	equal(t, fails(t, err, ErrInvalid, false).Operation, "stream.merge")
	for _, option := range []MergeOption{MaxWait(-1), Replay(0), Topics("a.>.b")} {
		_, err := Merge(ctx, []*Stream[[]byte]{s, s}, option)
		fails(t, err, ErrInvalid, false)
	}
	for _, err := range ok(Merge(ctx, []*Stream[[]byte]{s, s})).Batches(ctx, 0) {
		equal(t, fails(t, err, ErrInvalid, false).Operation, "merged.next")
	}
	check(t, s.Close())
	_, err = Merge(ctx, []*Stream[[]byte]{s})
	fails(t, err, ErrClosed, false)
}
