package main

import (
	"fmt"

	"ponos-bench/measure"
)

const (
	listKey   = "list"
	listItems = 5_000
	itemBytes = 31
)

// benchAppend measures one caller who appends to a list that is long already. Pulse rewrites and publishes
// the whole list each time; the list goes on growing while it is measured.
func benchAppend(s *session) error {
	name := mapPrefix + "append"
	admin := s.client(0)
	defer admin.Close()
	defer admin.Del(s.ctx, hashKey(name))
	if err := admin.Del(s.ctx, hashKey(name)).Err(); err != nil {
		return err
	}
	n, err := s.join(name, 0)
	if err != nil {
		return err
	}
	defer n.close()

	length := 0
	add := func(items ...string) error {
		list, err := n.m.AppendValues(s.ctx, listKey, items...)
		if err != nil {
			return err
		}
		length += len(items)
		if len(list) != length || list[length-1] != items[len(items)-1] {
			return fmt.Errorf("the list has %d items, not %d, or another at its end", len(list), length)
		}
		return nil
	}
	first := make([]string, listItems)
	for i := range first {
		first[i] = item(i)
	}
	if err := add(first...); err != nil {
		return err
	}
	measured, err := measure.Run(1, s.duration, func(int) func() error {
		return func() error { return add(item(length)) }
	})
	if err != nil {
		return err
	}
	if err := settle(s.ctx, n.m); err != nil {
		return err
	}
	if list, _ := n.m.GetValues(listKey); len(list) != listItems+measured.Ops {
		return fmt.Errorf("the replica's list has %d items, not %d", len(list), listItems+measured.Ops)
	}
	return s.Report(measure.Sample{
		Bench:  "append",
		Params: map[string]any{"callers": 1, "items": listItems, "item_bytes": itemBytes, "items_after": length},
		Ops:    measured.PerSecond(),
		P50:    measure.Percentile(measured.Latencies, 0.50),
		P99:    measure.Percentile(measured.Latencies, 0.99),
	})
}

func item(number int) string { return fmt.Sprintf("item:%0*d", itemBytes-len("item:"), number) }
