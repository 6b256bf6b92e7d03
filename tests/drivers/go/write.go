package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"iter"
	"time"

	ponos "github.com/ponos-dev/ponos-go"
)

type object = map[string]any

// args are those of a request, or of one part of a transaction.
type args map[string]any

func (a args) text(name string) string {
	text, _ := a[name].(string)
	return text
}

func (a args) list(name string) []any {
	list, _ := a[name].([]any)
	return list
}

func (a args) int(name string, otherwise int64) int64 {
	if number, is := a[name].(json.Number); is {
		otherwise, _ = number.Int64()
	}
	return otherwise
}

func (a args) float(name string) (float64, bool) {
	number, is := a[name].(json.Number)
	value, _ := number.Float64()
	return value, is
}

// ttl is in milliseconds.
func (a args) ttl() time.Duration {
	if a["ttl_ms"] == nil {
		return ponos.Forever
	}
	return time.Duration(a.int("ttl_ms", 0)) * time.Millisecond
}

// bounds are those of a counter.
func (a args) bounds() []ponos.Bound {
	least := a.bound("min", ponos.AtLeast[int64], ponos.AtLeast[float64])
	return append(least, a.bound("max", ponos.AtMost[int64], ponos.AtMost[float64])...)
}

func (a args) bound(name string, whole func(int64) ponos.Bound, float func(float64) ponos.Bound) []ponos.Bound {
	number, is := a[name].(json.Number)
	if !is {
		return nil
	}
	if n, err := number.Int64(); err == nil {
		return []ponos.Bound{whole(n)}
	}
	n, _ := a.float(name)
	return []ponos.Bound{float(n)}
}

// items are values as bytes.
func (a args) items() [][]byte {
	var items [][]byte
	for _, item := range a.list("items") {
		items = append(items, bytes(item))
	}
	return items
}

// bytes are those of text, of {"hex"}, or of {"json"} as the codec writes it.
func bytes(value any) []byte {
	coded, is := value.(object)
	if !is {
		return []byte(fmt.Sprint(value))
	}
	if of, is := coded["json"]; is {
		encoded, _ := ponos.JSON[any]().Encode(of)
		return encoded
	}
	decoded, _ := hex.DecodeString(args(coded).text("hex"))
	return decoded
}

// condition is the one that is named, with this in front of its name.
func (a args) condition(prefix string) ponos.Condition {
	switch {
	case a[prefix+"absent"] == true:
		return ponos.IfAbsent()
	case a[prefix+"present"] == true:
		return ponos.IfPresent()
	case a[prefix+"revision"] != nil:
		return ponos.IfRevision(uint64(a.int(prefix+"revision", 0)))
	case a[prefix+"value"] != nil:
		return ponos.IfValue(bytes(a[prefix+"value"]))
	}
	return ponos.Condition{}
}

// call does what goes to the engine.
func (m shared) call(do string, a args) (any, error) {
	key := a.text("key")
	switch do {
	case "map.set":
		return m.written(m.Set(ctx, key, bytes(a["value"]), a.condition("if_"), ponos.TTL(a.ttl())))
	case "map.delete":
		return m.written(m.Delete(ctx, key, a.condition("if_")))
	case "map.touch":
		return m.written(m.Touch(ctx, key, a.ttl()))
	case "map.clear":
		return m.written(m.Clear(ctx))
	case "map.destroy":
		return m.written(m.Destroy(ctx))
	case "map.incr":
		counted, err := m.Incr(ctx, key, a.int("by", 0), a.bounds()...)
		return object{"revision": counted.Revision, "value": counted.Value}, err
	case "map.incr_float":
		by, _ := a.float("by")
		counted, err := m.IncrFloat(ctx, key, by, a.bounds()...)
		return object{"revision": counted.Revision, "value": counted.Value}, err
	case "map.txn":
		done, err := m.txn(a).Commit(ctx)
		return object{"revision": done.Revision, "matched": done.Matched, "changed": done.Changed}, err
	case "map.get_latest":
		entry, there, err := m.GetLatest(ctx, key)
		if !there {
			return object{"value": nil}, err
		}
		return object{"value": m.entry(entry, true), "revision": entry.Revision}, err
	case "map.sync":
		revision, err := m.Sync(ctx)
		return object{"revision": revision}, err
	case "map.wait_for":
		revision, err := m.WaitFor(ctx, uint64(a.int("revision", 0)))
		return object{"revision": revision}, err
	}
	return m.edit(do, key, a.items())
}

func (m shared) edit(do, key string, items [][]byte) (any, error) {
	edits := map[string]func() (ponos.Edited, error){
		"map.list_append":        func() (ponos.Edited, error) { return m.ListAppend(ctx, key, items...) },
		"map.list_append_unique": func() (ponos.Edited, error) { return m.ListAppendUnique(ctx, key, items...) },
		"map.list_remove":        func() (ponos.Edited, error) { return m.ListRemove(ctx, key, items...) },
		"map.set_add":            func() (ponos.Edited, error) { return m.SetAdd(ctx, key, items...) },
		"map.set_remove":         func() (ponos.Edited, error) { return m.SetRemove(ctx, key, items...) },
	}
	edit, known := edits[do]
	if !known {
		return nil, fmt.Errorf("%s on a map", do)
	}
	edited, err := edit()
	return object{"revision": edited.Revision, "changed": edited.Changed, "len": edited.Len}, err
}

func (m shared) written(written ponos.Written, err error) (any, error) {
	previous := ponos.Entry{Value: written.Previous, Shape: written.PreviousShape}
	return object{"revision": written.Revision, "changed": written.Changed, "previous": m.entry(previous, written.Previous != nil)}, err
}

func (m shared) txn(a args) *ponos.Txn {
	txn := m.Txn()
	for _, when := range a.list("when") {
		when := args(when.(object))
		txn.When(when.text("key"), when.condition(""))
	}
	add := func(parts []any) {
		for _, part := range parts {
			a := args(part.(object))
			key, items := a.text("key"), a.items()
			switch a.text("do") {
			case "set":
				txn.Set(key, bytes(a["value"]), ponos.TTL(a.ttl()))
			case "delete":
				txn.Delete(key)
			case "incr":
				txn.Incr(key, a.int("by", 0))
			case "incr_float":
				by, _ := a.float("by")
				txn.IncrFloat(key, by)
			case "list_append":
				txn.ListAppend(key, items...)
			case "list_append_unique":
				txn.ListAppendUnique(key, items...)
			case "list_remove":
				txn.ListRemove(key, items...)
			case "set_add":
				txn.SetAdd(key, items...)
			case "set_remove":
				txn.SetRemove(key, items...)
			case "touch":
				txn.Touch(key, a.ttl())
			}
		}
	}
	add(a.list("then"))
	txn.Otherwise()
	add(a.list("otherwise"))
	return txn
}

// What follows shows values: {"hex"}, or {"json"} where the map has that codec; lists and sets as arrays.

func (m shared) entries(found iter.Seq2[string, ponos.Entry]) object {
	entries := []object{}
	for key, entry := range found {
		entries = append(entries, object{"key": key, "value": m.entry(entry, true)})
	}
	return object{"entries": entries}
}

func (m shared) entry(entry ponos.Entry, there bool) any {
	if !there {
		return nil
	}
	if entry.Shape == ponos.ShapePlain {
		return m.bytes(entry.Value)
	}
	return m.all(entry.Items())
}

func (m shared) all(items [][]byte) []any {
	shown := []any{}
	for _, item := range items {
		shown = append(shown, m.bytes(item))
	}
	return shown
}

func (m shared) bytes(data []byte) any {
	if data == nil {
		return nil
	}
	if m.typed == nil {
		return object{"hex": hex.EncodeToString(data)}
	}
	value, _ := m.typed.Decode(data)
	return object{"json": value}
}
