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
