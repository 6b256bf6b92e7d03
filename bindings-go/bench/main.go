// Command bench prints how fast the binding is here: local reads, writes with 64 in flight, watched events.
//
//	go run ./bench [-url redis://127.0.0.1:6379] [-for 2s]
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	ponos "github.com/ponos-dev/ponos-go"
)

var (
	url    = flag.String("url", "memory://bench", "the engine")
	period = flag.Duration("for", 2*time.Second, "how long to write")
	burn   = flag.Int("burn", 0, "goroutines that compute meanwhile")
)

var value = make([]byte, 64)

func main() {
	testing.Init()
	flag.Parse()
	ctx := context.Background()
	client := must(ponos.Open(ctx, *url))
	defer client.Close()
	m := must(client.Map(ctx, "bench", &ponos.MapOptions{WatchQueue: 1 << 20}))
	for i := range 1_000 {
		must(m.Set(ctx, key(i), value))
	}
	for range *burn {
		go func() {
			for i := uint64(0); ; i++ {
				sink.Store(i)
			}
		}()
	}
	reads(ctx, client, m)
	writes(m)
	watch(m)
}

var sink atomic.Uint64

func reads(ctx context.Context, client *ponos.Client, m *ponos.Map) {
	report("get", func(i int) { m.Get(keys[i%1_000]) })
	dst := make([]byte, 0, 64)
	report("append get", func(i int) { m.AppendGet(dst, keys[i%1_000]) })
	report("contains", func(i int) { m.Contains(keys[i%1_000]) })
	typed := must(ponos.MapOf(ctx, client, "typed", ponos.JSON[map[string]int](), nil))
	must(typed.Set(ctx, "k", map[string]int{"a": 1, "b": 2}))
	report("typed get, repeated", func(int) { typed.Get("k") })
}

func report(name string, read func(int)) {
	result := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			read(i)
		}
	})
	fmt.Printf("%-24s %6.1f ns, %d allocations\n", name, float64(result.T.Nanoseconds())/float64(result.N), result.AllocsPerOp())
}

func writes(m *ponos.Map) {
	for _, flight := range []int{1, 64, 1_024} {
		for _, cancel := range []bool{false, true} {
			ctx, stop := context.Background(), func() {}
			if cancel {
				ctx, stop = context.WithCancel(ctx)
			}
			var done atomic.Int64
			var group sync.WaitGroup
			end := time.Now().Add(*period)
			for g := range flight {
				group.Add(1)
				go func() {
					defer group.Done()
					for i := g; time.Now().Before(end); i += flight {
						must(m.Set(ctx, keys[i%1_000], value))
						done.Add(1)
					}
				}()
			}
			group.Wait()
			stop()
			fmt.Printf("set, %4d in flight%s %9.0f op/s\n", flight, map[bool]string{true: ", cancelable"}[cancel], float64(done.Load())/period.Seconds())
		}
	}
}

// watch fills a queue and reads it out, so that reading is what is timed.
func watch(m *ponos.Map) {
	const events = 200_000
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	changes := m.WatchBatches(ctx, "", nil)
	for i := range events {
		must(m.Set(ctx, keys[i%1_000], value))
	}
	begin, seen := time.Now(), 0
	for batch, err := range changes {
		if err != nil {
			log.Fatal(err)
		}
		for _, event := range batch {
			seen += event.Coalesced
		}
		if seen >= events {
			break
		}
	}
	fmt.Printf("watch, in batches %14.0f events/s\n", float64(seen)/time.Since(begin).Seconds())
}

var keys = func() (keys []string) {
	for i := range 1_000 {
		keys = append(keys, key(i))
	}
	return keys
}()

func key(i int) string { return "key-" + strconv.Itoa(i) }

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}
