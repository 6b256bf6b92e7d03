//go:build cgo

package ponos

import (
	"cmp"
	"context"
	"strings"
)

// Version is the version of the core.
func Version() string {
	start()
	return local(&nothing, "version", (*answer).text)
}

// Client is a client of one engine.
type Client struct {
	*handle
	scheme string
}

// String tells the engine's kind; the rest of the URL may have a password.
func (c *Client) String() string { return "ponos.Client(" + c.scheme + ")" }

// Open opens the engine that url names: "memory://name" in this process, or
// "redis://user:password@host:6379/0" ("rediss://" with TLS).
//
// Parameters, after "?": timeout (of each call, default 5s), max_value (bytes, default 1 MiB), log_len (log entries
// kept for repair, default 10,000); for Redis also prefix (of every key, default "ponos:") and connect_timeout
// (default 5s); for rediss also ca, cert and key (PEM files).
//
// Errors: [ErrInvalid] for a bad URL, an unknown parameter or a refused login; [ErrUnavailable] or [ErrTimeout] if the
// engine does not answer within connect_timeout. Cost: for Redis two connections, however many maps are opened.
func Open(ctx context.Context, url string) (*Client, error) {
	start()
	id, err := do(ctx, &nothing, "open", (*answer).handle, url)
	if err != nil {
		return nil, err
	}
	scheme, _, _ := strings.Cut(url, ":")
	return &Client{newHandle(id, ""), scheme}, nil
}

// MapOptions says how to open a map. The zero value has the defaults.
type MapOptions struct {
	// Codec is the name of the codec of the values, kept with the map: a client that opens it with another gets
	// ErrInvalid. Default "bytes". [MapOf] opens a map with a codec that encodes and decodes.
	Codec string
	// Ordered keeps a second, ordered index of the keys, for Prefix and Range in O(log n + results) at about 3 µs more
	// a change. Default false: they look at every key.
	Ordered bool
	// WatchQueue is how many events of a watcher wait one by one before those of one key are merged. Default 4,096.
	WatchQueue int
}

// Map opens a map: subscribes to its changes and loads its entries. A map that nobody has written to is empty; opening
// it creates nothing at the engine. nil stands for the default options.
//
// Opened twice by one client, a name gives the same local copy.
//
// Errors: [ErrInvalid] for a bad name (empty, over 200 bytes, with control characters or braces), another codec than
// the map has, or other options than the open handle's; [ErrClosed], [ErrTimeout], [ErrUnavailable]. Consistency: shows
// at least every write that had returned anywhere. Cost: a few round trips and one for each 1,000 keys; about 250
// bytes of memory per entry besides its key and value.
func (c *Client) Map(ctx context.Context, name string, options *MapOptions) (*Map, error) {
	return c.openMap(ctx, nil, name, options)
}

func (c *Client) openMap(ctx context.Context, scope any, name string, options *MapOptions) (*Map, error) {
	options = cmp.Or(options, &MapOptions{})
	codec := cmp.Or(options.Codec, "bytes")
	queue := unless(int64(options.WatchQueue), 0)
	read := func(a *answer) *Map {
		m := newHandle(a.handle(), name)
		return &Map{reads{m}, writes[[]byte]{to: m}, codec}
	}
	return do(ctx, c.handle, "client.map", read, name, codec, options.Ordered, queue, scope)
}

// Close closes every map and stream, draining writes in flight, and the connections. It waits for that as long as the
// URL's timeout at most for each of them. A second call does nothing. The error is always nil.
func (c *Client) Close() error { return tell(context.Background(), c.handle, "client.close") }
