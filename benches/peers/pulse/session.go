package main

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
	"goa.design/pulse/rmap"
	"ponos-bench/measure"
)

// mapPrefix keeps our maps apart from whatever else the server holds.
const mapPrefix = "ponos-bench-pulse:"

// waitLimit bounds every wait for a replica: when it passes, an update was lost.
const waitLimit = 10 * time.Second

// session is what a bench needs: the server, the time for each point, and where results go.
type session struct {
	ctx      context.Context
	addr     string
	duration time.Duration
	*measure.Reporter
}

// client opens a Redis client of its own. It connects when it is first used.
func (s *session) client(poolSize int) *redis.Client {
	return redis.NewClient(&redis.Options{Addr: s.addr, PoolSize: poolSize})
}

// node is one member of a replicated map: a client and the replica joined through it.
type node struct {
	rdb *redis.Client
	m   *rmap.Map
}

// join opens a node; a pool size of 0 means the default of go-redis.
func (s *session) join(mapName string, poolSize int) (*node, error) {
	rdb := s.client(poolSize)
	m, err := rmap.Join(s.ctx, mapName, rdb)
	if err != nil {
		_ = rdb.Close()
		return nil, err
	}
	return &node{rdb, m}, nil
}

func (n *node) close() {
	n.m.Close()
	_ = n.rdb.Close()
}
