package main

import (
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
	"goa.design/pulse/rmap"
	"ponos-bench/measure"
)

const (
	connectionMaps   = 10
	connectionClient = "ponos-bench-pulse-counted"
)

// benchConnections counts what one client holds open with ten maps joined: before any load, and after 64
// callers have made it fill its pool.
func benchConnections(s *session) error {
	admin := s.client(0)
	defer admin.Close()
	counted := redis.NewClient(&redis.Options{Addr: s.addr, ClientName: connectionClient})
	defer counted.Close()

	maps := make([]*rmap.Map, connectionMaps)
	for i := range maps {
		name := fmt.Sprintf("%sconnections:%d", mapPrefix, i)
		defer admin.Del(s.ctx, hashKey(name))
		if err := fill(s.ctx, admin, name, fewKeys); err != nil {
			return err
		}
		m, err := rmap.Join(s.ctx, name, counted)
		if err != nil {
			return err
		}
		defer m.Close()
		if err := settle(s.ctx, m); err != nil {
			return err
		}
		maps[i] = m
	}
	if err := reportConnections(s, admin, 0); err != nil {
		return err
	}
	const callers = 64
	if _, err := measure.Run(callers, s.duration/4, setter(s, &node{counted, maps[0]})); err != nil {
		return err
	}
	return reportConnections(s, admin, callers)
}

func reportConnections(s *session, admin *redis.Client, callers int) error {
	list, err := admin.ClientList(s.ctx).Result()
	if err != nil {
		return err
	}
	total, subscribed := 0, 0
	for line := range strings.Lines(list) {
		if !strings.Contains(line, " name="+connectionClient+" ") {
			continue
		}
		total++
		if strings.Contains(line, " sub=1 ") {
			subscribed++
		}
	}
	if subscribed != connectionMaps || total <= subscribed {
		return fmt.Errorf("%d connections, %d of them subscribed to %d maps", total, subscribed, connectionMaps)
	}
	return s.Report(measure.Sample{
		Bench:  "connections",
		Params: map[string]any{"maps": connectionMaps, "callers_before": callers, "subscribed": subscribed},
		Count:  total,
	})
}
