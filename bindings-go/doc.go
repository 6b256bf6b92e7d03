// Package ponos gives Go the same primitives for distributed programs that it gives Rust, Python and Node.
//
// A map is replicated: every node reads its own copy with no round trip, writes are atomic operations at the
// engine, and changes arrive in order, with data, without gaps. The same program runs embedded or on Redis, by
// changing a URL.
//
//	client, err := ponos.Open(ctx, "memory://") // redis://host:6379 runs the same program
//	if err != nil {
//		return err
//	}
//	defer client.Close()
//
//	prices, err := client.Map(ctx, "prices", nil)
//	if err != nil {
//		return err
//	}
//	if _, err := prices.Set(ctx, "btc", []byte("64000")); err != nil { // when it returns, Get shows it
//		return err
//	}
//	btc, ok := prices.Get("btc") // the local copy: no context, no error
//	for change, err := range prices.Watch(ctx, "btc*", nil) {
//		// set, delete, expire, clear, synced, resynced, until ctx is done
//	}
//
// # Contexts
//
// A method with a context returns when the context is done, with an error that [errors.Is] the context's. A write
// that had been sent by then may still be applied: [Error.MaybeApplied] says so. A nil context is a panic.
//
// # Handles
//
// Clients, maps and snapshots may be used from any number of goroutines, also while another closes them: calls
// on a closed one fail with [ErrClosed], local reads of a closed map go on showing its last state. What is never
// closed is freed once nothing reaches it.
//
// # Build
//
// The core is a static library inside the module, so cgo and a C compiler are needed.
package ponos
