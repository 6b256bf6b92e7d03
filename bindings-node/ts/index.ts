/**
 * Ponos: the same primitives for distributed programs in Node, Python, Go and Rust.
 *
 * A **map** is replicated: every process reads its own copy with no round trip, writes are atomic operations,
 * and changes arrive in order, with data, without gaps. A **stream** is a log of events: readers see all of it, and
 * sinks share the work and answer for each event. The same program runs embedded or on Redis, by changing a URL.
 *
 * @example
 * import { json, open } from "@ponos/ponos";
 *
 * const client = await open("memory://"); // redis://host:6379 runs the same program
 * const prices = await client.map("prices", { codec: json<number>() });
 * await prices.set("btc", 64_000); // when it resolves, get() here shows it
 * prices.get("btc"); // 64000
 *
 * const orders = await client.stream("orders", { codec: json<{ id: number }>() });
 * await using billing = await orders.sink("billing");
 * await orders.publish("created", { id: 7 });
 * for await (const event of billing) {
 *   if (event.kind === "event") await event.ack();
 *   break; // gives back what is not acknowledged
 * }
 * await client.close();
 *
 * @packageDocumentation
 */

export { type Client, open } from "./client.js";
export { type BytesCodec, bytes, type Codec, json, str, type TextCodec } from "./codec.js";
export { type ErrorCode, type ErrorKind, PonosError } from "./error.js";
export type * from "./event.js";
export type { Feed } from "./feed.js";
export type { Deleted, Gap, StreamEvent, StreamItem } from "./item.js";
export { type LogLevel, type LogRecord, setLogger } from "./log.js";
export type { PonosMap, Status } from "./map.js";
export { type Merged, type MergedReader, type MergeOptions, merge } from "./merge.js";
export type { CallOptions } from "./queue.js";
export type { Opening, Reader, ReaderOptions, ReadFrom, StreamStart } from "./reader.js";
export type { MapOptions, Scope, StreamOptions } from "./scope.js";
export type { Delivery, Sink, SinkItem, SinkOptions } from "./sink.js";
export type { Entry, Snapshot } from "./snapshot.js";
export { Step } from "./step.js";
export type * from "./stream.js";
export type { Condition, Txn, TxnDone } from "./txn.js";
export type { Filter, Watcher, WatchOptions } from "./watch.js";
export type { Changed, Conditions, Counted, Edited, IncrOptions, SetOptions, Written } from "./write.js";
