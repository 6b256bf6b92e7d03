// Ponos-bench-pulse measures the replicated map of goa.design/pulse, so that the figures of Ponos can be put
// beside those of a peer measured on the same machine, in the same sitting and against the same server.
//
// It prints one JSON object a measurement to stdout; everything else goes to stderr. See ../README.md.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"
)

type bench struct {
	name string
	run  func(*session) error
}

var benches = []bench{
	{"get", benchGet},
	{"set", benchSet},
	{"propagate", benchPropagate},
	{"join", benchJoin},
	{"append", benchAppend},
	{"connections", benchConnections},
}

func main() {
	addr := flag.String("redis", "127.0.0.1:6379", "`host:port` of the Redis server")
	name := flag.String("bench", "all", "one of "+strings.Join(benchNames(), ", ")+" or all")
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
		out:      json.NewEncoder(os.Stdout),
	}
	for _, b := range chosen {
		if err := b.run(s); err != nil {
			return fmt.Errorf("%s: %w", b.name, err)
		}
	}
	return nil
}

func choose(name string) ([]bench, error) {
	if name == "all" {
		return benches, nil
	}
	for _, b := range benches {
		if b.name == name {
			return []bench{b}, nil
		}
	}
	return nil, fmt.Errorf("no bench %q; there are %s and all", name, strings.Join(benchNames(), ", "))
}

func benchNames() []string {
	names := make([]string, len(benches))
	for i, b := range benches {
		names[i] = b.name
	}
	return names
}
