// Ponos-bench-pulse measures the replicated map and the streams of goa.design/pulse, so that the figures of Ponos
// can be put beside those of a peer measured on the same machine, in the same sitting and against the same server.
//
// It prints one JSON object a measurement to stdout; everything else goes to stderr. See ../README.md.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"ponos-bench/measure"
)

type bench struct {
	of, name string
	run      func(*session) error
}

var benches = []bench{
	{"maps", "get", benchGet},
	{"maps", "set", benchSet},
	{"maps", "propagate", benchPropagate},
	{"maps", "join", benchJoin},
	{"maps", "append", benchAppend},
	{"maps", "connections", benchConnections},
	{"streams", "publish", benchPublish},
	{"streams", "read", benchRead},
	{"streams", "consume", benchConsume},
	{"streams", "deliver", benchDeliver},
}

func main() {
	addr := flag.String("redis", "127.0.0.1:6379", "`host:port` of the Redis server")
	name := flag.String("bench", "all", "maps, streams, all, or one of "+strings.Join(benchNames(), ", "))
	seconds := flag.Float64("seconds", 2, "how long to measure each point")
	flag.Parse()
	if err := run(*addr, *name, *seconds, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "ponos-bench-pulse:", err)
		os.Exit(1)
	}
}

func run(addr, name string, seconds float64, rest []string) error {
	chosen, err := choose(name)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return fmt.Errorf("unexpected arguments %q", rest)
	}
	if seconds <= 0 {
		return fmt.Errorf("-seconds must be more than 0, not %v", seconds)
	}
	s := &session{
		ctx:      context.Background(),
		addr:     addr,
		duration: time.Duration(seconds * float64(time.Second)),
		Reporter: measure.NewReporter(os.Stdout),
	}
	for _, b := range chosen {
		if err := b.run(s); err != nil {
			return fmt.Errorf("%s: %w", b.name, err)
		}
	}
	return nil
}

func choose(name string) ([]bench, error) {
	var chosen []bench
	for _, b := range benches {
		if name == "all" || name == b.of || name == b.name {
			chosen = append(chosen, b)
		}
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("no bench %q; there are %s, maps, streams and all", name, strings.Join(benchNames(), ", "))
	}
	return chosen, nil
}

func benchNames() []string {
	names := make([]string, len(benches))
	for i, b := range benches {
		names[i] = b.name
	}
	return names
}
