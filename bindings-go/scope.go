//go:build cgo

package ponos

import "context"

// Opener opens maps and streams: a [Client], or a [Scope] of one.
type Opener interface {
	Map(ctx context.Context, name string, options *MapOptions) (*Map, error)
	Stream(ctx context.Context, name string, options ...StreamOption) (*Stream[[]byte], error)
}

// Scope is a name in front of those of maps and streams: what has one scope can be changed together, in a [Step]. A map
// or stream that is opened by the client itself has a scope of its own.
type Scope struct {
	client *Client
	name   string
}

// Scope gives the scope of this name. A bad name (as [Client.Map] has it) is told when something is opened in it. Cost:
// none; nothing is created.
func (c *Client) Scope(name string) *Scope { return &Scope{c, name} }

// Name is the scope's name.
func (s *Scope) Name() string { return s.name }

// Map opens a map of this scope, as [Client.Map].
func (s *Scope) Map(ctx context.Context, name string, options *MapOptions) (*Map, error) {
	return s.client.openMap(ctx, s.name, name, options)
}

// Stream opens a stream of this scope, as [Client.Stream].
func (s *Scope) Stream(ctx context.Context, name string, options ...StreamOption) (*Stream[[]byte], error) {
	return s.client.openStream(ctx, s.name, name, options)
}
