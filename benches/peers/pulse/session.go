package main

import (
	"context"
	"encoding/json"
	"math"
	"time"

	"github.com/redis/go-redis/v9"
	"goa.design/pulse/rmap"
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
	out      *json.Encoder
}

// measurement is one line of output. Fields that do not apply stay zero and are left out.
type measurement struct {
	Bench  string         `json:"bench"`
	Params map[string]any `json:"params"`
	Ops    float64        `json:"ops_per_s,omitempty"`
	NsOp   float64        `json:"ns_per_op,omitempty"`
	P50    float64        `json:"p50_us,omitempty"`
	P99    float64        `json:"p99_us,omitempty"`
	Ms     float64        `json:"ms,omitempty"`
	Count  int            `json:"count,omitempty"`
}

func (s *session) report(m measurement) error {
	for _, field := range []*float64{&m.Ops, &m.NsOp, &m.P50, &m.P99, &m.Ms} {
		*field = math.Round(*field*100) / 100
	}
	return s.out.Encode(m)
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
