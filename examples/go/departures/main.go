// Departures is a live departures board, as in the other languages. A feed publishes real flights to a stream; consumers
// count them per airport in a replicated map, each in one step with its acknowledgement; a board reads the stream and
// watches the map, draws a table, and at the end checks its totals against the file. Consumers are killed on the way: the
// totals are exact all the same.
//
//	departures [--url URL] [--role feed|count|board|all] [--data DIR] [--pace FLIGHTS_A_SECOND] [--kills N]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"sync"
)

var (
	url   = flag.String("url", "memory://", "the engine")
	role  = flag.String("role", "all", "feed, count, board or all")
	data  = flag.String("data", "examples/data", "where the flights are")
	pace  = flag.Float64("pace", 4000, "flights a second")
	kills = flag.Uint64("kills", 8, "consumers that are killed on the way and replaced, with all in one process")
)

// atWork is how many consumers share the work, with all in one process.
const atWork = 4

func main() {
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "departures:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	flights, err := readFlights(*data)
	if err != nil {
		return err
	}
	switch *role {
	case "feed":
		return feed(ctx, flights)
	case "count":
		return count(ctx)
	case "board", "all":
		d, err := join(ctx)
		if err != nil {
			return err
		}
		if *role == "board" {
			err = d.show(ctx, flights)
		} else {
			err = d.everything(ctx, flights)
		}
		return errors.Join(err, d.end(ctx))
	}
	return fmt.Errorf("-role cannot be %q", *role)
}

// everything runs until the board has all.
func (d *departures) everything(ctx context.Context, flights []flight) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	board := func(ctx context.Context) error {
		err := d.show(ctx, flights)
		if err == nil {
			stop()
		}
		return err
	}
	feed := func(ctx context.Context) error { return feed(ctx, flights) }
	consumers := func(ctx context.Context) error { return d.consumers(ctx, uint64(len(flights))) }
	return together(ctx, board, feed, consumers)
}

// consumers keeps consumers at work; on the way one after the other is killed in the middle of it, and replaced. A
// goroutine cannot be killed, but one whose context is done is stopped in whatever it does.
func (d *departures) consumers(ctx context.Context, flights uint64) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	var running sync.WaitGroup
	var kill []context.CancelFunc
	begin := func() {
		own, stop := context.WithCancel(ctx)
		kill = append(kill, stop)
		running.Go(func() {
			if err := count(own); err != nil && own.Err() == nil {
				fail(err)
			}
		})
	}
	for range atWork {
		begin()
	}
	killed := uint64(0)
	for _, err := range d.totals.Watch(ctx, "*/flights", nil) {
		if err != nil || killed == *kills {
			break
		}
		if d.totals.Revision() >= flights*(killed+1)/(*kills+1) {
			kill[killed]()
			fmt.Println("a consumer is killed in the middle of its work")
			begin()
			killed++
		}
	}
	running.Wait()
	return context.Cause(ctx)
}

// together runs tasks side by side, and stops them all at the first failure. Who is stopped has not failed.
func together(ctx context.Context, tasks ...func(context.Context) error) (failure error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var running sync.WaitGroup
	var first sync.Once
	for _, task := range tasks {
		running.Go(func() {
			if err := task(ctx); err != nil && ctx.Err() == nil {
				first.Do(func() { failure = err })
				stop()
			}
		})
	}
	running.Wait()
	return failure
}
