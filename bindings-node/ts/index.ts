/**
 * Ponos: the same primitives for distributed programs in Node, Python, Go and Rust.
 *
 * A **map** is replicated: every process reads its own copy with no round trip, writes are atomic operations,
 * and changes arrive in order, with data, without gaps. The same program runs embedded or on Redis, by
 * changing a URL.
 *
 * @example
 * import { json, open } from "@ponos/ponos";
 *
 * const client = await open("memory://"); // redis://host:6379 runs the same program
 * const prices = await client.map("prices", { codec: json<number>() });
 * await prices.set("btc", 64_000); // when it resolves, get() here shows it
 * prices.get("btc"); // 64000
 * await client.close();
 *
 * @packageDocumentation
 */

export { type Client, type MapOptions, open } from "./client.js";
export { type BytesCodec, bytes, type Codec, json, str, type TextCodec } from "./codec.js";
export { type ErrorCode, type ErrorKind, PonosError } from "./error.js";
export type * from "./event.js";
export type { Feed } from "./feed.js";
export { type LogLevel, type LogRecord, setLogger } from "./log.js";
export type { PonosMap, Status } from "./map.js";
export type { CallOptions } from "./queue.js";
export type { Entry, Snapshot } from "./snapshot.js";
export type { Condition, Txn, TxnDone } from "./txn.js";
export type { Filter, Watcher, WatchOptions } from "./watch.js";
export type { Changed, Conditions, Counted, Edited, IncrOptions, SetOptions, Written } from "./write.js";
