// What gives things one after the other: watchers of maps, readers and sinks of streams, readers of several streams.

import { type Handle, NATIVE } from "./native.js";
import { breath, call, read } from "./queue.js";
import { onAbort } from "./signal.js";

/** How many things cross the border at once, unless the caller says. */
const BATCH = 256;

/** How many are fetched for who wants one. Of a sink one: what lies here would have to be answered in time. */
const AHEAD = { watch: BATCH, reader: BATCH, merged: BATCH, sink: 1 };
type Kind = keyof typeof AHEAD;

/** How many of what was fetched has not been given yet. */
export const LEFT = Symbol("left");

/**
 * What a {@link Watcher}, a {@link Reader}, a {@link MergedReader} and a {@link Sink} have all: an async iterator, also in batches.
 *
 * Leaving a `for await` loop by `break`, `return` or an exception closes it; so does its signal, and then calls fail
 * with the signal's reason. While a call waits, the process stays alive.
 */
export abstract class Feed<I> implements AsyncIterableIterator<I, undefined>, AsyncDisposable {
  readonly #native: Handle;
  readonly #kind: Kind;
  readonly #unpack: (data: Uint8Array) => I[];
  readonly #signal: AbortSignal | undefined;
  readonly #forget: (() => void) | undefined;
  #items: I[] = [];
  #at = 0;
  #loading: Promise<void> | undefined;
  #state: "open" | "closed" | "aborted" = "open";

  /** @internal */
  constructor(native: Handle, kind: Kind, unpack: (data: Uint8Array) => I[], signal?: AbortSignal) {
    this.#native = native;
    this.#kind = kind;
    this.#unpack = unpack;
    this.#signal = signal;
    this.#forget = signal && onAbort(signal, () => this.#end("aborted"));
    if (signal?.aborted) this.#end("aborted");
  }

  /**
   * The next one.
   *
   * *Errors*: the reason of its signal, once that has fired.
   */
  async next(): Promise<IteratorResult<I, undefined>> {
    for (;;) {
      if (this.#atEnd()) return { done: true, value: undefined };
      if (this[LEFT] > 0) return { done: false, value: this.#items[this.#at++] as I };
      await this.#load(AHEAD[this.#kind]);
    }
  }

  /**
   * The same in arrays of up to `max`, 256 if nothing is said: the fast way, for thousands a second.
   *
   * @example
   * for await (const events of prices.watch().batches()) console.log(events.length);
   */
  async *batches(max: number = BATCH): AsyncGenerator<I[], undefined> {
    try {
      while (!this.#atEnd()) {
        const items = this.#items.slice(this.#at, this.#at + max);
        this.#at += items.length;
        if (items.length > 0) yield items;
        else await this.#load(max);
      }
    } finally {
      await this.close();
    }
  }

  /** Ends it at once. A call that waits gets the end of the iteration. A second call does nothing. */
  close(): void {
    this.#end("closed");
  }

  /** Closes it: what leaving a `for await` loop calls. */
  async return(): Promise<IteratorResult<I, undefined>> {
    await this.close();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Closes it: what `await using` calls. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** @internal */
  get [NATIVE](): Handle {
    return this.#native;
  }

  /** @internal */
  get [LEFT](): number {
    return this.#items.length - this.#at;
  }

  #end(state: "closed" | "aborted"): void {
    if (this.#state !== "open") return;
    this.#state = state;
    this.#forget?.();
    // Nobody may want to know how that ends; who closes a sink asks.
    (async () => call(this.#native, `${this.#kind}.close`, []))().catch(() => {});
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

  /** Waiting takes nothing: what is taken is here at once, and is not lost to who closes it meanwhile. */
  async #fetch(max: number): Promise<void> {
    await breath(Math.min(max, 32));
    for (;;) {
      const data = read<Uint8Array | undefined>(this.#native, `${this.#kind}.take`, [max]);
      if (data === undefined) return this.#end("closed");
      if (data.length > 0) {
        this.#items = this.#unpack(data);
        this.#at = 0;
        return;
      }
      await call(this.#native, `${this.#kind}.wait`, [max]);
    }
  }
}
