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
// A stream is an ordered log of events. A reader sees each of them; the consumers of a group share them, and each event is
// delivered until it is acknowledged:
//
//	orders, err := client.Stream(ctx, "orders")
//	if err != nil {
//		return err
//	}
//	if _, err := orders.Publish(ctx, "created.eu", []byte("7"), ponos.Key("ann")); err != nil {
//		return err
//	}
//	billing, err := orders.Sink(ctx, "billing", ponos.FromFirst())
//	if err != nil {
//		return err
//	}
//	defer billing.Close()
//	for event, err := range billing.Events(ctx) {
//		if err != nil {
//			return err
//		}
//		if event.Kind == ponos.ItemEvent { // or news: a gap, or that the stream was deleted
//			bill(event.Payload)
//		}
//		if err := event.Ack(ctx); err != nil {
//			return err
//		}
//	}
//
// # Contexts
//
// A method with a context returns when the context is done, with an error that [errors.Is] the context's. A write
// that had been sent by then may still be applied: [Error.MaybeApplied] says so. A nil context is a panic.
//
// A loop over a reader or a sink may be left at any moment, by break, by a panic or because its context is done: it takes
// nothing that it does not yield, so the next loop goes on where it was, and [Reader.Position] is exact.
//
// # Handles
//
// Clients, maps, snapshots, streams, readers and sinks may be used from any number of goroutines, also while another
// closes them: calls on a closed one fail with [ErrClosed], local reads of a closed map go on showing its last state. What is never
// closed is freed once nothing reaches it.
//
// # Build
//
// The core is a static library inside the module, so cgo and a C compiler are needed.
package ponos
