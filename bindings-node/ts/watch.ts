// Watchers: the events of a map as an async iterator.

import type { Values } from "./codec.js";
import { type MapEvent, unpackEvents } from "./event.js";
import type { Handle } from "./native.js";
import { type CallOptions, call, read } from "./queue.js";
import { onAbort } from "./signal.js";

/**
 * Which keys: a key; a pattern, where `*` stands for any characters, `?` for one, and `\` takes the next one
 * literally; `{ key }`, `{ prefix }` or `{ glob }`, which are taken as what they say they are; or several of
 * these.
 */
export type Filter = string | { key: string } | { prefix: string } | { glob: string } | readonly Filter[];

/** How to watch. */
export interface WatchOptions extends CallOptions {
  /**
   * Where to begin.
   * - `"now"` (default): with the next change.
   * - `"snapshot"`: with a `set` for every entry, by key, then `synced`, then the changes.
   * - a revision: with the change after it, from the engine's log, then `synced`, then the changes. If the
   *   log does not reach back so far: `resynced`, and a `set` for every entry.
   */
  from?: "now" | "snapshot" | bigint | number | undefined;
}

/** How many events cross the border at once, unless the caller says. */
const BATCH = 256;

/**
 * The events of a map, in order and without gaps, until the map or the watcher is closed.
 *
 * A watcher that is slow gets the events of one key merged once more than `watchQueue` wait, and never loses
 * one silently. Leaving a `for await` loop by `break`, `return` or an exception closes it. While a call waits
 * for events, the process stays alive.
 */
export class Watcher<T> implements AsyncIterableIterator<MapEvent<T>, undefined>, AsyncDisposable {
  readonly #native: Handle;
  readonly #values: Values<T>;
  readonly #signal: AbortSignal | undefined;
  readonly #forget: (() => void) | undefined;
  #fetched: Generator<MapEvent<T>, undefined> | undefined;
  #loading: Promise<void> | undefined;
  #state: "open" | "closed" | "aborted" = "open";

  /** @internal */
  constructor(map: Handle, values: Values<T>, filter: Filter, { signal, ...options }: WatchOptions) {
    signal?.throwIfAborted();
    this.#native = read(map, "map.watch", [filter, options]);
    this.#values = values;
    this.#signal = signal;
    this.#forget = signal && onAbort(signal, () => this.#end("aborted"));
  }

  /**
   * The next event.
   *
   * *Errors*: the reason of the watcher's signal, once it has fired.
   */
  async next(): Promise<IteratorResult<MapEvent<T>, undefined>> {
    for (;;) {
      const event = this.#fetched?.next();
      if (event?.done === false) return event;
      if (this.#atEnd()) return { done: true, value: undefined };
      await this.#load(BATCH);
    }
  }

  /**
   * The events in arrays of up to `max`, 256 if nothing is said: the fast way, for thousands a second.
   *
   * @example
   * for await (const events of prices.watch().batches()) console.log(events.length);
   */
  async *batches(max: number = BATCH): AsyncGenerator<MapEvent<T>[], undefined> {
    try {
      for (;;) {
        const events = [...(this.#fetched ?? [])];
        if (events.length > 0) yield events;
        else if (this.#atEnd()) return;
        else await this.#load(max);
      }
    } finally {
      this.close();
    }
  }

  /** Unsubscribes at once. A call that waits gets the end of the iteration. A second call does nothing. */
  close(): void {
    this.#end("closed");
  }

  /** Closes the watcher: what leaving a `for await` loop calls. */
  async return(): Promise<IteratorResult<MapEvent<T>, undefined>> {
    return { done: true, value: this.close() as undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Closes the watcher: what `await using` calls. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  #end(state: "closed" | "aborted"): void {
    if (this.#state !== "open") return;
    this.#state = state;
    this.#fetched = undefined;
    this.#forget?.();
    read(this.#native, "watch.close");
  }

  #atEnd(): boolean {
    if (this.#state === "aborted") throw this.#signal?.reason;
    return this.#state === "closed";
  }

  /** Fetches a batch; whoever wants one meanwhile waits for the same. */
  #load(max: number): Promise<void> {
    this.#loading ??= this.#fetch(max).finally(() => {
      this.#loading = undefined;
    });
    return this.#loading;
  }

  async #fetch(max: number): Promise<void> {
    const data = await call<Uint8Array>(this.#native, "watch.next", [max], { signal: this.#signal }, 32);
    if (this.#state !== "open") return;
    if (data.length === 0) this.close();
    else this.#fetched = unpackEvents(data, this.#values);
  }
}
