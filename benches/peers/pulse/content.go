package main

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"
	"goa.design/pulse/rmap"
	"ponos-bench/measure"
)

const (
	valueBytes = measure.PayloadBytes
	fewKeys    = 1_000
	manyKeys   = 100_000
	loadChunk  = 1_000
	revField   = "=rev" // where Pulse keeps the revision, in the map's own hash
)

func hashKey(mapName string) string { return "map:" + mapName + ":content" }

func keyName(i int) string { return fmt.Sprintf("key:%06d", i) }

// keyNames makes the names of the keys given, one after the other in memory: walking the list costs a caller
// the same in any order, and what is measured is the map.
func keyNames(order []int) []string {
	names := make([]string, len(order))
	for i, k := range order {
		names[i] = keyName(k)
	}
	return names
}

// valueOf is a value of valueBytes bytes that no other number has.
func valueOf(number int) string { return string(measure.Payload(number)) }

// fill replaces the content of a map that nobody has joined: it writes the hash as Pulse lays it out, many
// fields a command, because Sets would take a second.
func fill(ctx context.Context, rdb *redis.Client, mapName string, keys int) error {
	hash := hashKey(mapName)
	pipe := rdb.Pipeline()
	pipe.Del(ctx, hash)
	for from := 0; from < keys; from += loadChunk {
		fields := make([]any, 0, 2*loadChunk)
		for i := from; i < min(from+loadChunk, keys); i++ {
			fields = append(fields, keyName(i), valueOf(i))
		}
		pipe.HSet(ctx, hash, fields...)
	}
	pipe.HSet(ctx, hash, revField, keys)
	_, err := pipe.Exec(ctx)
	return err
}

// checkFilled says whether a replica holds exactly what fill wrote.
func checkFilled(m *rmap.Map, keys int) error {
	if m.Len() != keys {
		return fmt.Errorf("the map has %d keys, not %d", m.Len(), keys)
	}
	for i := range keys {
		if value, ok := m.Get(keyName(i)); !ok || value != valueOf(i) {
			return fmt.Errorf("%s is %q (there: %v), not %q", keyName(i), value, ok, valueOf(i))
		}
	}
	return nil
}

// settle waits until a replica has seen all earlier writes, by a write after them.
func settle(ctx context.Context, m *rmap.Map) error {
	ctx, cancel := context.WithTimeout(ctx, waitLimit)
	defer cancel()
	if _, err := m.SetAndWait(ctx, "settled", valueOf(0)); err != nil {
		return fmt.Errorf("the replica did not catch up: %w", err)
	}
	return nil
}

// checkReplica says whether a settled replica holds what the server holds.
func checkReplica(ctx context.Context, n *node, mapName string) error {
	stored, err := n.rdb.HGetAll(ctx, hashKey(mapName)).Result()
	if err != nil {
		return err
	}
	delete(stored, revField)
	if n.m.Len() != len(stored) {
		return fmt.Errorf("the replica has %d keys, the server %d", n.m.Len(), len(stored))
	}
	for key, value := range stored {
		if got, _ := n.m.Get(key); got != value {
			return fmt.Errorf("%s is %q in the replica, %q on the server", key, got, value)
		}
	}
	return nil
}
