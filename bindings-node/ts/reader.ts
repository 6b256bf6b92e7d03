// Readers: every event of a stream, in order, as an async iterator.

import type { Values } from "./codec.js";
import { Feed, LEFT } from "./feed.js";
import { StreamEvent, type StreamItem, unpackItems } from "./item.js";
import { type Handle, NATIVE } from "./native.js";
import { type CallOptions, read } from "./queue.js";

/**
 * Where to begin.
 * - `"first"`: with the first event that the stream holds.
 * - `"end"`: with what is published from the opening on.
 * - `{ behind }`: after the event of this id, or where a reader was, by its `position`.
 * - `{ time }`: with the first event of this moment or later, a `Date` or milliseconds since 1970.
 * - `{ last }`: with the last so many events.
 */
export type StreamStart = "first" | "end" | { behind: string } | { time: Date | number } | { last: number };

/** Which events to read. */
export interface ReadFrom extends CallOptions {
  /** Where to begin; a group begins there when it is new. Default: `"end"`. */
  from?: StreamStart | undefined;
  /** Patterns of the topics that are wanted: `*` stands for one level, `>` for the rest. Default: all. */
  topics?: readonly string[] | undefined;
}

/** How to read. Its signal ends the reader: calls fail with the signal's reason then. */
export interface ReaderOptions extends ReadFrom {
  /** Gives the events of the past as far apart as they were published, so many times as fast. Default: at once. */
  replay?: number | undefined;
}

/**
 * Every event of a stream from its start on, in order, each once, until the stream or the reader is closed.
 *
 * An item is an event, a gap (events were trimmed before they could be read), or news that the stream was deleted.
 * While the engine is out of reach it waits. Leaving a `for await` loop by `break`, `return` or an exception closes it,
 * and so does its signal; what was fetched ahead then is not lost, for {@link position} is where the program was:
 * another reader goes on from there. While a call waits for events, the process stays alive.
 */
export class Reader<T> extends Feed<StreamItem<T>> {
  /** @internal */
  constructor(native: Handle, values: Values<T>, signal?: AbortSignal) {
    const event = (data: Buffer) => new StreamEvent(data, values);
    super(native, "reader", unpackItems(event), signal);
  }

  /**
   * Where the program is: `{ from: { behind: reader.position } }` goes on after the item that it was given last, also
   * when the reader is closed.
   */
  get position(): string {
    return read(this[NATIVE], "reader.position", [this[LEFT]]);
  }
}

/** @internal Options as they cross the border. */
export function begin<O extends ReadFrom>({ from, ...options }: O): object & CallOptions {
  const time = typeof from === "object" && from !== null && "time" in from;
  return { ...options, from: time ? { time: Number(from.time) } : from };
}

/** What is being opened: `await` it, or loop over it at once, which closes it at the end. */
export interface Opening<F, I> extends Promise<F>, AsyncIterable<I> {}

/** @internal Makes it so. */
export function opening<I, F extends Feed<I>>(opened: Promise<F>): Opening<F, I> {
  return Object.assign(opened, {
    async *[Symbol.asyncIterator]() {
      yield* await opened;
    },
  });
}
