package ponos_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	ponos "github.com/ponos-dev/ponos-go"
)

// open opens a map in this process; the same program runs on Redis with another URL.
func open(name string) (*ponos.Map, func() error) {
	client, err := ponos.Open(context.Background(), "memory://examples")
	if err != nil {
		log.Fatal(err)
	}
	m, err := client.Map(context.Background(), name, nil)
	if err != nil {
		log.Fatal(err)
	}
	return m, client.Close
}

func Example() {
	ctx := context.Background()
	client, err := ponos.Open(ctx, "memory://") // redis://host:6379 runs the same program
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	prices, err := client.Map(ctx, "prices", nil)
	if err != nil {
		log.Fatal(err)
	}
	changes := prices.Watch(ctx, "btc*", nil)
	if _, err := prices.Set(ctx, "btc", []byte("64000")); err != nil { // when it returns, Get shows it
		log.Fatal(err)
	}
	btc, ok := prices.Get("btc") // the local copy: no context, no error
	fmt.Println(string(btc), ok)
	for change, err := range changes {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s %q %q\n", change.Kind, change.Key, change.Value)
		if change.Kind == ponos.EventSet {
			break
		}
	}
	// Output:
	// 64000 true
	// synced "" ""
	// set "btc" "64000"
}

func ExampleMap_Set() {
	shards, done := open("shards")
	defer done()
	claim := func(who string) error {
		_, err := shards.Set(context.Background(), "shard-1", []byte(who), ponos.IfAbsent(), ponos.TTL(10*time.Second))
		return err
	}
	fmt.Println(claim("me"))
	err := claim("you")
	fmt.Println(errors.Is(err, ponos.ErrConflict))
	var e *ponos.Error
	fmt.Println(errors.As(err, &e), e.Operation, e.Object, e.MaybeApplied)
	// Output:
	// <nil>
	// true
	// true map.set shards false
}

func ExampleMap_Incr() {
	stock, done := open("stock")
	defer done()
	for _, by := range []int64{2, -1, -5} {
		counted, err := stock.Incr(context.Background(), "apples", by, ponos.AtLeast(0))
		fmt.Println(counted.Value, errors.Is(err, ponos.ErrConflict))
	}
	// Output:
	// 2 false
	// 1 false
	// 0 true
}

func ExampleMap_ListAppend() {
	orders, done := open("orders")
	defer done()
	orders.ListAppend(context.Background(), "o-1", []byte("apple"), []byte("pear"))
	items, _ := orders.ItemsOf("o-1")
	fmt.Printf("%s\n", items)
	// Output: [apple pear]
}

func ExampleMap_Txn() {
	ctx := context.Background()
	accounts, done := open("accounts")
	defer done()
	accounts.Set(ctx, "a", []byte("10"))
	moved, err := accounts.Txn().
		When("a", ponos.IfValue([]byte("10"))).
		Incr("a", -4).Incr("b", 4).
		Otherwise().Set("late", nil).
		Commit(ctx)
	if err != nil {
		log.Fatal(err)
	}
	b, _ := accounts.Get("b")
	fmt.Println(moved.Matched, string(b))
	// Output: true 4
}

func ExampleMap_Prefix() {
	flights, done := open("flights")
	defer done()
	for _, key := range []string{"sfo/2", "jfk/1", "sfo/1"} {
		flights.Set(context.Background(), key, []byte("on time"))
	}
	for key, entry := range flights.Prefix("sfo/") {
		fmt.Println(key, string(entry.Value), entry.Revision)
	}
	// Output:
	// sfo/1 on time 3
	// sfo/2 on time 1
}

func ExampleMap_Snapshot() {
	ctx := context.Background()
	seats, done := open("seats")
	defer done()
	seats.Set(ctx, "1A", []byte("free"))
	before := seats.Snapshot()
	seats.Set(ctx, "1A", []byte("taken"))
	was, _ := before.Get("1A")
	is, _ := seats.Get("1A")
	fmt.Println(string(was), string(is))
	// Output: free taken
}

func ExampleMap_WatchBatches() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	jobs, done := open("jobs")
	defer done()
	batches := jobs.WatchBatches(ctx, ponos.Prefix("job/"), &ponos.WatchOptions{From: ponos.FromSnapshot()})
	jobs.Set(ctx, "job/1", nil)
	seen := 0
	for events, err := range batches {
		if err != nil {
			fmt.Println(errors.Is(err, context.Canceled))
			break
		}
		if seen += len(events); seen == 2 { // synced, set
			cancel()
		}
	}
	// Output: true
}

func ExampleMapOf() {
	type trade struct {
		Price float64 `json:"price"`
	}
	ctx := context.Background()
	client, err := ponos.Open(ctx, "memory://")
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	trades, err := ponos.MapOf(ctx, client, "trades", ponos.JSON[trade](), nil)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := trades.Set(ctx, "btc", trade{64_000}); err != nil {
		log.Fatal(err)
	}
	btc, ok, err := trades.Get("btc")
	fmt.Println(btc.Price, ok, err)
	// Output: 64000 true <nil>
}

// stream opens a stream in this process, and a context that is canceled at the end.
func stream(name string) (*ponos.Stream[[]byte], context.Context, func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	client, err := ponos.Open(ctx, "memory://stream-examples")
	if err != nil {
		log.Fatal(err)
	}
	s, err := client.Stream(ctx, name)
	if err != nil {
		log.Fatal(err)
	}
	return s, ctx, func() error {
		cancel()
		return client.Close()
	}
}

func ExampleStream_Publish() {
	orders, ctx, done := stream("publish")
	defer done()
	created, err := orders.Publish(ctx, "created.eu", []byte(`{"id":7}`),
		ponos.Key("ann"), ponos.Header("source", "web"), ponos.DedupID("7"))
	fmt.Println(created.ID.Seq(), created.Duplicate, err)
	again, err := orders.Publish(ctx, "created.eu", []byte(`{"id":7}`), ponos.DedupID("7"))
	fmt.Println(again.ID == created.ID, again.Duplicate, err)
	_, err = orders.Publish(ctx, "paid", []byte("7"), ponos.ExpectLast(0))
	fmt.Println(errors.Is(err, ponos.ErrConflict))
	// Output:
	// 1 false <nil>
	// true true <nil>
	// true
}

func ExampleStream_PublishBatch() {
	orders, ctx, done := stream("batch")
	defer done()
	published, err := orders.PublishBatch(ctx, []ponos.Message[[]byte]{
		{Topic: "created", Payload: []byte("7"), Key: "ann"},
		{Topic: "paid", Payload: []byte("7"), Key: "ann", DedupID: "paid-7"},
	}, ponos.ExpectLast(0))
	fmt.Println(len(published), published[1].ID.Seq(), err)
	// Output: 2 2 <nil>
}

func ExampleReader_Events() {
	orders, ctx, done := stream("reader")
	defer done()
	orders.Publish(ctx, "created.eu", []byte("7"))
	orders.Publish(ctx, "paid", []byte("7"))
	orders.Publish(ctx, "created.us", []byte("8"))
	reader, err := orders.Reader(ctx, ponos.FromFirst(), ponos.Topics("created.*"))
	if err != nil {
		log.Fatal(err)
	}
	defer reader.Close()
	for item, err := range reader.Events(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		switch item.Kind {
		case ponos.ItemEvent:
			fmt.Println(item.Topic, string(item.Payload))
		case ponos.ItemGap:
			fmt.Println(item.Missing, "events are gone")
		}
		if item.Topic == "created.us" {
			break
		}
	}
	// Kept, it is where another program goes on, with FromBehind.
	fmt.Println(reader.Position().Seq())
	// Output:
	// created.eu 7
	// created.us 8
	// 3
}

func ExampleSink_Events() {
	orders, ctx, done := stream("sink")
	defer done()
	billing, err := orders.Sink(ctx, "billing", ponos.AckWait(10*time.Second), ponos.Backoff(time.Millisecond, time.Second))
	if err != nil {
		log.Fatal(err)
	}
	defer billing.Close() // gives what is not acknowledged to other consumers
	orders.Publish(ctx, "created", []byte("7"))
	for event, err := range billing.Events(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(string(event.Payload), event.Count)
		if event.Count == 1 {
			event.Nack(ctx) // it comes again
			continue
		}
		fmt.Println(event.Ack(ctx))
		break
	}
	// Output:
	// 7 1
	// 7 2
	// <nil>
}

func ExampleSink_Batches() {
	orders, ctx, done := stream("batches")
	defer done()
	billing, err := orders.Sink(ctx, "billing")
	if err != nil {
		log.Fatal(err)
	}
	defer billing.Close()
	for i := range 5 {
		orders.Publish(ctx, "created", fmt.Append(nil, i))
	}
	seen := 0
	for events, err := range billing.Batches(ctx, 500) {
		if err != nil {
			log.Fatal(err)
		}
		if err := billing.Ack(ctx, events...); err != nil { // one round trip for all
			log.Fatal(err)
		}
		if seen += len(events); seen == 5 {
			break
		}
	}
	info, err := orders.Info(ctx)
	fmt.Println(seen, info.Groups[0].Pending, err)
	// Output: 5 0 <nil>
}

func ExampleDelivery_AckWith() {
	ctx := context.Background()
	client, err := ponos.Open(ctx, "memory://")
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	shop := client.Scope("shop") // what is done in one step is of one scope
	orders, err := shop.Stream(ctx, "orders")
	if err != nil {
		log.Fatal(err)
	}
	counted, err := shop.Stream(ctx, "counted")
	if err != nil {
		log.Fatal(err)
	}
	totals, err := shop.Map(ctx, "totals", nil)
	if err != nil {
		log.Fatal(err)
	}
	orders.Publish(ctx, "created", []byte("7"))
	sink, err := orders.Sink(ctx, "count", ponos.FromFirst())
	if err != nil {
		log.Fatal(err)
	}
	for event, err := range sink.Events(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		// However often the program dies here, the order is counted once.
		err := event.AckWith(ctx, ponos.NewStep(
			totals.Txn().Incr("orders", 1),
			counted.Messages(ponos.Message[[]byte]{Topic: "order", Payload: event.Payload}),
		))
		fmt.Println(err)
		break
	}
	sum, _ := totals.Get("orders")
	fmt.Println(string(sum))
	// Output:
	// <nil>
	// 1
}

func ExampleStep_Commit() {
	ctx := context.Background()
	client, err := ponos.Open(ctx, "memory://")
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	shop := client.Scope("shop") // what is done in one step is of one scope
	stock, err := shop.Map(ctx, "stock", nil)
	if err != nil {
		log.Fatal(err)
	}
	sales, err := shop.Stream(ctx, "sales")
	if err != nil {
		log.Fatal(err)
	}
	step := ponos.NewStep(
		stock.Txn().Incr("pen", -1),
		sales.Messages(ponos.Message[[]byte]{Topic: "sold", Payload: []byte("pen")}),
	)
	err = step.Commit(ctx)
	pens, _ := stock.Get("pen")
	fmt.Println(string(pens), err)
	// Output: -1 <nil>
}

func ExampleStream_Request() {
	ctx := context.Background()
	client, err := ponos.Open(ctx, "memory://")
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	sums, err := ponos.StreamOf(ctx, client, "sums", ponos.JSON[int]())
	if err != nil {
		log.Fatal(err)
	}
	doublers, err := sums.Sink(ctx, "doublers")
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		for event, err := range doublers.Events(ctx) {
			if err != nil {
				log.Fatal(err)
			}
			sums.Reply(ctx, event.Item, 2*event.Payload)
			event.Ack(ctx)
		}
	}()
	fmt.Println(sums.Request(ctx, "double", 21, 5*time.Second))
	// Output: 42 <nil>
}

func ExampleMerge() {
	ctx := context.Background()
	client, err := ponos.Open(ctx, "memory://")
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	buys, err := client.Stream(ctx, "buys")
	if err != nil {
		log.Fatal(err)
	}
	sells, err := client.Stream(ctx, "sells")
	if err != nil {
		log.Fatal(err)
	}
	both, err := ponos.Merge(ctx, []*ponos.Stream[[]byte]{buys, sells}, ponos.MaxWait(10*time.Millisecond))
	if err != nil {
		log.Fatal(err)
	}
	defer both.Close()
	sells.Publish(ctx, "eu", []byte("7"))
	for event, err := range both.Events(ctx) {
		fmt.Println(event.Stream, event.Topic, string(event.Payload), err)
		break
	}
	// Output: 1 eu 7 <nil>
}

func ExampleStreamOf() {
	type order struct {
		ID int `json:"id"`
	}
	ctx := context.Background()
	client, err := ponos.Open(ctx, "memory://")
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	orders, err := ponos.StreamOf(ctx, client, "orders", ponos.JSON[order](), ponos.MaxAge(24*time.Hour))
	if err != nil {
		log.Fatal(err)
	}
	orders.Publish(ctx, "created", order{7})
	reader, err := orders.Reader(ctx, ponos.FromFirst())
	if err != nil {
		log.Fatal(err)
	}
	for event, err := range reader.Events(ctx) {
		fmt.Println(event.Payload.ID, err)
		break
	}
	// Output: 7 <nil>
}
