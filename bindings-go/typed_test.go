package ponos

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

type trade struct {
	Price float64 `json:"price"`
	Note  string  `json:"note"`
}

func TestAValueComesBackAsItsType(t *testing.T) {
	client := open(t)
	trades := ok(MapOf(t.Context(), client, "trades", JSON[trade](), nil))
	ok(trades.Set(t.Context(), "btc", trade{1.5, "<é & ü>"}))
	raw, _ := trades.Map.Get("btc")
	same(t, raw, `{"price":1.5,"note":"<é & ü>"}`)
	value, there, err := trades.Get("btc")
	check(t, err)
	equal(t, there, true)
	equal(t, value, trade{1.5, "<é & ü>"})
	value, there, err = trades.GetLatest(t.Context(), "btc")
	check(t, err)
	equal(t, there && value.Price == 1.5, true)
	_, there, err = trades.Get("none")
	check(t, err)
	equal(t, there, false)
	equal(t, len(maps.Collect(trades.All())), 1)
	equal(t, trades.Codec(), "json")
	written := ok(trades.Set(t.Context(), "btc", trade{}))
	equal(t, ok(trades.Decode(written.Previous)).Price, 1.5)
	ok(trades.Set(t.Context(), "btc", trade{Price: 2}, IfValue(ok(trades.Encode(trade{})))))
}

func TestJSONIsAsOtherLanguagesWriteIt(t *testing.T) {
	for want, value := range map[string]any{
		`null`:                        nil,
		`{"a":[1,2.5,true,"é🚀"]}`:     map[string]any{"a": []any{1, 2.5, true, "é🚀"}},
		`"<&>\"\\\n\u0001"`:           "<&>\"\\\n\x01",
		"\"\u2028 \u2029 \\\\u2028\"": "\u2028 \u2029 \\u2028",
	} {
		equal(t, string(ok(JSON[any]().Encode(value))), want)
	}
	floats := ok(MapOf(t.Context(), open(t), "floats", JSON[float64](), nil))
	for _, value := range []float64{math.NaN(), math.Inf(1)} {
		_, err := floats.Set(t.Context(), "k", value)
		equal(t, fails(t, err, ErrInvalid, false).Operation, "map.set")
	}
	ok(floats.Incr(t.Context(), "n", 7))
	value, _, err := floats.Get("n")
	check(t, err)
	equal(t, value, 7)
}

func TestCodecsCannotBeMistaken(t *testing.T) {
	client, other := open(t), *new(*Client)
	texts := ok(MapOf(t.Context(), client, "m", Text(), nil))
	ok(texts.Set(t.Context(), "k", "not json"))
	_, err := texts.Set(t.Context(), "k", "\xff")
	fails(t, err, ErrInvalid, false)
	_, err = MapOf(t.Context(), client, "m", JSON[int](), nil)
	fails(t, err, ErrInvalid, false)
	other = ok(Open(t.Context(), fmt.Sprintf("memory://test-%d", names.Load())))
	defer other.Close()
	_, err = MapOf(t.Context(), other, "m", JSON[int](), nil)
	fails(t, err, ErrInvalid, false)
}

func TestListsAndSetsOfValues(t *testing.T) {
	m := ok(MapOf(t.Context(), open(t), "m", JSON[int](), nil))
	ctx := t.Context()
	ok(m.ListAppend(ctx, "l", 1, 2, 1))
	ok(m.ListAppendUnique(ctx, "l", 2, 3))
	equal(t, ok(m.ListRemove(ctx, "l", 1)).Len, 2)
	ok(m.SetAdd(ctx, "s", 1, 1))
	equal(t, ok(m.SetRemove(ctx, "s", 2)).Changed, false)
	items, there, err := m.ItemsOf("l")
	check(t, err)
	equal(t, fmt.Sprint(items, there), "[2 3] true")
	_, there, err = m.Get("l")
	equal(t, there, true)
	if e := fails(t, err, ErrInvalid, false); !strings.Contains(e.Message, "ItemsOf") {
		t.Fatal(e)
	}
}

// counting is a codec of a user's own.
type counting struct{ decoded *int }

var errOdd = errors.New("odd")

func (counting) Name() string { return "counting" }
func (counting) Encode(value int) ([]byte, error) {
	return strconv.AppendInt(nil, int64(value), 10), nil
}
func (c counting) Decode(data []byte) (int, error) {
	*c.decoded++
	value, err := strconv.Atoi(string(data))
	if err == nil && value%2 == 1 {
		err = errOdd
	}
	return value, err
}

func TestAnUnchangedValueIsDecodedOnce(t *testing.T) {
	decoded, ctx := 0, t.Context()
	m := ok(MapOf(ctx, open(t), "m", counting{&decoded}, nil))
	get := func(key string) int {
		value, _, err := m.Get(key)
		check(t, err)
		return value
	}
	ok(m.Set(ctx, "k", 2))
	for range 10 {
		equal(t, get("k"), 2)
	}
	equal(t, decoded, 1)
	ok(m.Set(ctx, "k", 4))
	equal(t, get("k"), 4)
	equal(t, decoded, 2)
	ok(m.Set(ctx, "short", 2, TTL(20*time.Millisecond)))
	equal(t, get("short"), 2)
	becomes(t, "a value with a time to live is not kept beyond it", func() bool {
		_, there, _ := m.Get("short")
		return !there
	})
	ok(m.Delete(ctx, "k"))
	_, there, err := m.Get("k")
	check(t, err)
	equal(t, there, false)
	ok(m.Set(ctx, "odd", 3))
	_, _, err = m.Get("odd")
	fails(t, err, ErrInvalid, false)
	equal(t, errors.Is(err, errOdd), true)
}

func TestEventsOfATypedMapAreDecoded(t *testing.T) {
	decoded, ctx := 0, background(t, time.Minute)
	m := ok(MapOf(ctx, open(t), "m", counting{&decoded}, nil))
	changes := m.Watch(ctx, "", nil)
	ok(m.Set(ctx, "k", 2))
	ok(m.Set(ctx, "odd", 3))
	ok(m.ListAppend(ctx, "l", 4, 6))
	ok(m.Delete(ctx, "k"))
	var seen []string
	for change, err := range changes {
		seen = append(seen, fmt.Sprint(change.Kind, change.Key, change.Value, change.Items, errors.Is(err, errOdd)))
		if change.Kind == EventDelete {
			equal(t, ok(m.Decode(change.Old)), 2)
			break
		}
	}
	equal(t, strings.Join(seen, " "), "synced0 [] false setk2 [] false setodd3 [] true setl0 [4 6] false deletek0 [] false")
}

func TestTheCacheHasALimit(t *testing.T) {
	decoded := 0
	m := ok(MapOf(t.Context(), open(t), "m", counting{&decoded}, nil))
	for i := range most + 10 {
		key := fmt.Sprint(i)
		ok(m.Set(t.Context(), key, 2))
		m.Get(key)
	}
	equal(t, len(m.cache.values), 10)
}

func TestReadersNeverSeeAnOlderValueAfterAWrite(t *testing.T) {
	m := ok(MapOf(t.Context(), open(t), "m", JSON[int](), nil))
	ok(m.Set(t.Context(), "k", 0))
	var group sync.WaitGroup
	end := make(chan struct{})
	for range 3 {
		group.Add(1)
		go func() {
			defer group.Done()
			for last := 0; ; {
				select {
				case <-end:
					return
				default:
				}
				value, _, err := m.Get("k")
				check(t, err)
				if value < last {
					t.Errorf("%d after %d", value, last)
					return
				}
				last = value
			}
		}()
	}
	for i := range 50_000 {
		ok(m.Set(t.Context(), "k", i))
		if value, _, _ := m.Get("k"); value != i {
			t.Errorf("wrote %d and read %d", i, value)
			break
		}
	}
	close(end)
	group.Wait()
}
