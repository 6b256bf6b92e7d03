// Watchers: the events of a map as an async iterator.

import { type CallOptions, count, known, revision, show, text } from "./check.js";
import type { Values } from "./codec.js";
import { Cursor, type MapEvent } from "./event.js";
import type { NativeMap, NativeWatcher, Part } from "./native.js";
import { call } from "./queue.js";
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

const NOTHING = new Uint8Array(0);
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
  readonly #native: NativeWatcher;
  readonly #values: Values<T>;
  readonly #signal: AbortSignal | undefined;
  #cursor: Cursor<T> | undefined;
  #loading: Promise<void> | undefined;
  #state: "open" | "closed" | "aborted" = "open";
  readonly #forget: (() => void) | undefined;

  /** @internal */
  constructor(native: NativeWatcher, values: Values<T>, signal: AbortSignal | undefined) {
    this.#native = native;
    this.#values = values;
    this.#signal = signal;
    this.#forget = signal && onAbort(signal, () => this.#end(true));
  }

  /**
   * The next event.
   *
   * *Errors*: the reason of the watcher's signal, once it has fired.
   */
  next(): Promise<IteratorResult<MapEvent<T>, undefined>> {
    const event = this.#cursor?.next();
    return event === undefined ? this.#wait() : Promise.resolve({ done: false, value: event });
  }

  /**
   * The events in arrays of up to `max`, 256 if nothing is said: the fast way, for thousands a second.
   *
   * @example
   * for await (const events of prices.watch().batches()) console.log(events.length);
   */
  async *batches(max: number = BATCH): AsyncGenerator<MapEvent<T>[], undefined> {
    count("max", max, 1 << 16);
    try {
      for (;;) {
        const events = this.#cursor?.rest() ?? [];
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
    this.#end(false);
  }

  /** Closes the watcher: what leaving a `for await` loop calls. */
  return(): Promise<IteratorResult<MapEvent<T>, undefined>> {
    this.#end(false);
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Closes the watcher: what `await using` calls. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#end(false);
  }

  #end(aborted: boolean): void {
    if (this.#state !== "open") return;
    this.#state = aborted ? "aborted" : "closed";
    this.#cursor = undefined;
    this.#forget?.();
    this.#native.close();
  }

  #atEnd(): boolean {
    if (this.#state === "aborted") throw this.#signal?.reason;
    return this.#state === "closed";
  }

  async #wait(): Promise<IteratorResult<MapEvent<T>, undefined>> {
    for (;;) {
      const event = this.#cursor?.next();
      if (event !== undefined) return { done: false, value: event };
      if (this.#atEnd()) return { done: true, value: undefined };
      await this.#load(BATCH);
    }
  }

  /** Fetches a batch; whoever wants one meanwhile waits for the same. */
  #load(max: number): Promise<void> {
    this.#loading ??= this.#fetch(max).finally(() => {
      this.#loading = undefined;
    });
    return this.#loading;
  }

  async #fetch(max: number): Promise<void> {
    const data = await call(() => this.#native.next(max) ?? NOTHING, { signal: this.#signal }, 32);
    if (this.#state !== "open") return;
    if (data.length === 0) this.#end(false);
    else this.#cursor = new Cursor(data, this.#values);
  }
}

/** Registers a watcher. */
export function watch<T>(
  map: NativeMap,
  values: Values<T>,
  filter: Filter | undefined,
  options: WatchOptions,
): Watcher<T> {
  const { signal, from = "now" } = known(options, ["signal", "from"]);
  signal?.throwIfAborted();
  const after = from === "now" || from === "snapshot" ? undefined : revision("from", from);
  const parts = filter === undefined ? undefined : partsOf(filter);
  return new Watcher(map.watch(parts, from === "snapshot", after), values, signal);
}

/** A filter as a list of what may pass. */
function partsOf(filter: Filter): Part[] {
  if (typeof filter === "string") return [{ kind: "pattern", text: text("the filter", filter) }];
  if (Array.isArray(filter)) return filter.flatMap(partsOf);
  const [entry, ...others] = Object.entries((filter as object) ?? {});
  const kinds = ["key", "prefix", "glob"] as const;
  const kind = kinds.find((each) => each === entry?.[0]);
  if (kind === undefined || others.length > 0) {
    throw new TypeError(
      `a filter is a string, { key }, { prefix }, { glob } or an array of them, not ${show(filter)}`,
    );
  }
  return [{ kind, text: text(kind, entry?.[1]) }];
}
