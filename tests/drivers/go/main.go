// The Go driver: does what a request says with the installed module, and asserts nothing.
package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	ponos "github.com/ponos-dev/ponos-go"
)

type request struct {
	ID     uint64
	Do     string
	On, As string
	Args   args
}

// shared is a map; typed is nil without a codec.
type shared struct {
	*ponos.Map
	typed *ponos.TypedMap[any]
}

type snapshot struct {
	*ponos.Snapshot
	of shared
}

// watcher pulls one event at a time, and only when it is asked: what waits is the core's to merge.
type watcher struct {
	pull    func() (ponos.Event, error, bool)
	pending chan func() (ponos.Event, bool)
	stop    context.CancelFunc
	of      shared
}

var (
	ctx     = context.Background()
	objects = map[string]any{}
)

func main() {
	in, out := bufio.NewReader(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		var r request
		answer, decoder := object{}, json.NewDecoder(strings.NewReader(line))
		decoder.UseNumber()
		if err = decoder.Decode(&r); err == nil {
			answer["ok"], err = run(r)
		}
		if err != nil {
			e := &ponos.Error{Kind: "unsupported", Message: err.Error()}
			errors.As(err, &e)
			answer = object{"error": object{"kind": e.Kind, "message": e.Error(), "maybe_applied": e.MaybeApplied, "operation": e.Operation}}
		}
		answer["id"] = r.ID
		out.Encode(answer)
	}
}

func run(r request) (any, error) {
	a := r.Args
	switch on := objects[r.On].(type) {
	case nil:
		switch r.Do {
		case "open":
			client, err := ponos.Open(ctx, a.text("url"))
			return keep(r.As, client, object{}, err)
		case "stream.merge":
			made, err := mergeStreams(a)
			return keep(r.As, made, object{}, err)
		case "step.commit":
			return object{}, step(a).Commit(ctx)
		}
	case *ponos.Client:
		switch r.Do {
		case "client.scope":
			return keep(r.As, on.Scope(a.text("name")), object{}, nil)
		case "client.close":
			return object{}, on.Close()
		}
		return openIn(on, r)
	case *ponos.Scope:
		return openIn(on, r)
	case stream:
		return onStream(on, r)
	case asked:
		return (<-on)()
	case source:
		return on.run(r.Do, a)
	case snapshot:
		switch r.Do {
		case "snapshot.get":
			entry, there := on.Entry(a.text("key"))
			return object{"value": on.of.entry(entry, there)}, nil
		case "snapshot.len":
			return object{"value": on.Len()}, nil
		}
	case *watcher:
		switch r.Do {
		case "watch.next":
			return on.next(int(a.int("count", 1)), time.Duration(a.int("within_ms", 10_000))*time.Millisecond)
		case "watch.close":
			on.stop()
			return object{}, nil
		}
	case shared:
		if answer := on.read(r.Do, a); answer != nil {
			return answer, nil
		}
		switch r.Do {
		case "map.snapshot":
			s := on.Snapshot()
			return keep(r.As, snapshot{s, on}, object{"revision": s.Revision(), "len": s.Len()}, nil)
		case "map.watch":
			return keep(r.As, on.watch(a), object{}, nil)
		case "map.close":
			return object{}, on.Close()
		}
		return on.call(r.Do, a)
	}
	return nil, fmt.Errorf("%s on %q", r.Do, r.On)
}

// onStream opens what reads a stream, begins a request that waits beside other steps, or does what is asked of it.
func onStream(on stream, r request) (any, error) {
	switch {
	case r.Do == "stream.reader":
		made, err := on.reader(r.Args)
		return keep(r.As, made, object{}, err)
	case r.Do == "stream.sink":
		made, err := on.sink(r.Args)
		return keep(r.As, made, object{}, err)
	case r.Do == "stream.request" && r.As != "":
		reply := make(asked, 1)
		go func() { reply <- answered(on.do(r.Do, r.Args)) }()
		return keep(r.As, reply, object{}, nil)
	}
	return on.do(r.Do, r.Args)
}

// openIn opens a map or a stream in a client or a scope.
func openIn(in ponos.Opener, r request) (any, error) {
	switch r.Do {
	case "client.map":
		m, err := openMap(in, r.Args)
		return keep(r.As, m, object{}, err)
	case "client.stream":
		s, err := openStream(in, r.Args)
		return keep(r.As, s, object{}, err)
	}
	return nil, fmt.Errorf("%s on %q", r.Do, r.On)
}

func keep(name string, made any, answer object, err error) (any, error) {
	if err == nil {
		objects[name] = made
	}
	return answer, err
}

func openMap(in ponos.Opener, a args) (shared, error) {
	ordered, _ := a["ordered"].(bool)
	options := &ponos.MapOptions{Codec: a.text("codec"), Ordered: ordered, WatchQueue: int(a.int("watch_queue", 0))}
	if options.Codec == "json" {
		typed, err := ponos.MapOf(ctx, in, a.text("name"), ponos.JSON[any](), options)
		if err != nil {
			return shared{}, err
		}
		return shared{typed.Map, typed}, nil
	}
	m, err := in.Map(ctx, a.text("name"), options)
	return shared{m, nil}, err
}

func (m shared) read(do string, a args) object {
	key := a.text("key")
	entry, there := m.Entry(key)
	switch do {
	case "map.get":
		if m.typed != nil && entry.Shape == ponos.ShapePlain {
			value, _, _ := m.typed.Get(key)
			return object{"value": object{"json": value}}
		}
		return object{"value": m.entry(entry, there)}
	case "map.entry":
		if !there {
			return object{"entry": nil}
		}
		return object{"entry": object{"value": m.entry(entry, true), "revision": entry.Revision, "shape": entry.Shape, "expires": !entry.Expires.IsZero()}}
	case "map.items_of":
		if items, list := m.ItemsOf(key); list {
			return object{"items": m.all(items)}
		}
		return object{"items": nil}
	case "map.contains":
		return object{"value": m.Contains(key)}
	case "map.len":
		return object{"value": m.Len()}
	case "map.keys":
		return object{"keys": slices.Sorted(slices.Values(m.Keys()))}
	case "map.prefix":
		return m.entries(m.Prefix(a.text("prefix")))
	case "map.range":
		return m.entries(m.Range(a.text("from"), a.text("to")))
	case "map.entries":
		all := maps.Collect(m.Entries())
		return m.entries(func(yield func(string, ponos.Entry) bool) {
			for _, key := range slices.Sorted(maps.Keys(all)) {
				yield(key, all[key])
			}
		})
	case "map.revision":
		return object{"revision": m.Revision()}
	case "map.status":
		return object{"status": m.Status().State}
	}
	return nil
}

func (m shared) watch(a args) *watcher {
	filter, options := ponos.Filter(a.text("filter")), &ponos.WatchOptions{}
	if a["prefix"] != nil {
		filter = ponos.Prefix(a.text("prefix"))
	}
	for _, key := range a.list("keys") {
		options.Or = append(options.Or, ponos.Exactly(fmt.Sprint(key)))
	}
	if revision, is := a["from"].(json.Number); is {
		from, _ := revision.Int64()
		options.From = ponos.FromRevision(uint64(from))
	} else if a["from"] == "snapshot" {
		options.From = ponos.FromSnapshot()
	}
	watching, stop := context.WithCancel(ctx)
	pull, _ := iter.Pull2(m.Watch(watching, filter, options))
	return &watcher{pull, nil, stop, m}
}

func (w *watcher) next(count int, within time.Duration) (any, error) {
	events, late := []object{}, time.After(within)
	for len(events) < count {
		if w.pending == nil {
			pending := make(chan func() (ponos.Event, bool), 1)
			w.pending = pending
			go func() {
				event, err, more := w.pull()
				pending <- func() (ponos.Event, bool) { return event, more && err == nil }
			}()
		}
		select {
		case result := <-w.pending:
			w.pending = nil
			event, more := result()
			if !more {
				return object{"events": events}, nil
			}
			events = append(events, w.of.event(event))
		case <-late:
			return nil, &ponos.Error{Kind: ponos.ErrTimeout, Operation: "watch.next", Message: fmt.Sprint("got only ", events)}
		}
	}
	return object{"events": events}, nil
}

func (m shared) event(e ponos.Event) object {
	entry := ponos.Entry{Value: e.Value, Shape: cmp.Or(e.Shape, ponos.ShapePlain)}
	return object{"kind": e.Kind, "key": e.Key, "value": m.entry(entry, e.Kind == ponos.EventSet), "old": m.entry(ponos.Entry{Value: e.Old, Shape: e.OldShape}, e.Old != nil),
		"revision": e.Revision, "coalesced": e.Coalesced, "reason": e.Reason}
}
