// Merging: several streams read as one.

import { VALUES, type Values } from "./codec.js";
import { Feed } from "./feed.js";
import { StreamEvent, type StreamItem, unpackItems } from "./item.js";
import { type Handle, NATIVE } from "./native.js";
import { call } from "./queue.js";
import { begin, type Opening, opening, type ReaderOptions } from "./reader.js";
import type { Stream } from "./stream.js";

/** How to read several streams as one: each as {@link ReaderOptions} say. */
export interface MergeOptions extends ReaderOptions {
  /** How long an event waits for those of other streams. Default: 50. */
  maxWaitMs?: number | undefined;
}

/** What comes next of several streams. */
export interface Merged<T> {
  /** The number of its stream, in the order in which they were given. */
  readonly stream: number;
  /** Whether an event that comes after it in the order was given before it: it came too late to wait for. */
  readonly late: boolean;
  /** What it is, as a {@link Reader} gives it. */
  readonly item: StreamItem<T>;
}

/**
 * Several streams as one, until all of them or this are closed: their events by time, then by the number of the stream;
 * within one stream always in order, and news of a stream where they belong.
 *
 * Leaving a `for await` loop by `break`, `return` or an exception closes it, and so does its signal; the streams stay open.
 * While a call waits for events, the process stays alive.
 */
export class MergedReader<T> extends Feed<Merged<T>> {
  /** @internal */
  constructor(native: Handle, values: Values<T>[], signal?: AbortSignal) {
    const stream = (data: Buffer) => data.readUInt32LE(4);
    const event = (data: Buffer) => new StreamEvent(data, values[stream(data)] as Values<T>);
    const merged = (item: StreamItem<T>, data: Buffer) => ({
      stream: stream(data),
      late: data[1] === 6,
      item,
    });
    super(native, "merged", unpackItems(event, merged), signal);
  }
}

/** What the payloads of a stream are. */
type PayloadOf<S> = S extends Stream<infer T> ? T : never;

/**
 * Reads several streams as one. Loop over it at once, or await it. They may be of several clients, each with its own codec.
 *
 * An event waits until all other streams have shown a later one, at most `maxWaitMs`; what comes after that and belongs
 * before is given at once, and is `late`.
 *
 * *Errors*: `invalid` for no streams or a bad `maxWaitMs`; else as {@link Stream.reader}. *Consistency*: an order by the
 * engine's clock; of several engines, by the clock of each. *Cost*: a round trip for each stream to open, then as a reader
 * of each; up to 10,000 events that wait.
 *
 * @example
 * for await (const { stream, item } of merge([buys, sells], { from: "first" })) {
 *   if (item.kind === "event") console.log(stream === 0 ? "buy" : "sell", item.value);
 * }
 */
export function merge<S extends Stream<unknown>>(
  streams: Iterable<S>,
  options: MergeOptions = {},
): Opening<MergedReader<PayloadOf<S>>, Merged<PayloadOf<S>>> {
  return opening(merging([...streams], options));
}

async function merging<S extends Stream<unknown>>(streams: S[], options: MergeOptions) {
  const handles = streams.map((stream) => stream[NATIVE]);
  const values = streams.map((stream) => stream[VALUES] as Values<unknown> as Values<PayloadOf<S>>);
  const native = await call<Handle>(undefined, "stream.merge", [handles], begin(options));
  return new MergedReader(native, values, options.signal);
}
