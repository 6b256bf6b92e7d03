// The replicated map: reads of the local copy, reads at the engine, watching.

import { bytes, VALUES, type Values } from "./codec.js";
import { Mirror } from "./mirror.js";
import { type Content, type Handle, NATIVE } from "./native.js";
import { type CallOptions, call, note, read } from "./queue.js";
import { type Entry, entryOf, type NativeEntry, Snapshot } from "./snapshot.js";
import { type Filter, Watcher, type WatchOptions } from "./watch.js";
import { Writes } from "./write.js";

/**
 * How far the local copy is to be trusted.
 *
 * - `live`: it follows the engine.
 * - `stale`: the engine is out of reach `since` then; reads show the last known state.
 * - `resyncing`: it is being loaded anew; reads show the state before.
 * - `closed`: reads show the last state.
 */
export type Status =
  | { readonly state: "live" | "resyncing" | "closed" }
  | { readonly state: "stale"; readonly since: Date };

/**
 * A replicated map: this process has its own copy, which it reads with no round trip; writes are atomic
 * operations at the engine, and changes arrive in order, with data, without gaps.
 *
 * Local reads are synchronous and do not fail. They go on, on the last known state, while the engine is out
 * of reach and after `close`.
 */
export class PonosMap<T> extends Writes<T> implements AsyncDisposable {
  /** The map's name. */
  readonly name: string;
  /** What is decoded already; bytes are not, which everyone may change. */
  readonly #mirror: Mirror<T> | undefined;

  /** @internal */
  constructor(native: Handle, values: Values<T>, name: string) {
    super(native, values);
    this.name = name;
    const stamps = (values.codec as unknown) === bytes ? null : native.stamps();
    this.#mirror = stamps === null ? undefined : new Mirror(stamps);
  }

  /** The name of the map's codec. */
  get codec(): string {
    return this[VALUES].codec.name;
  }

  /**
   * The value of `key` in the local copy; `undefined` if it is absent.
   *
   * Of a list it is an array of the items, of a set a `Set` of the members: say so in the map's type, or use
   * {@link itemsOf}, which is typed.
   *
   * *Consistency*: shows every write of this map that has resolved, and others' as they arrive; never a value
   * past its deadline, by the engine's clock as known here. *Cost*: no round trip; with a codec, a value that
   * has not changed is not decoded again, and the same object is returned (up to 8,192 values and 32 MiB are
   * kept so).
   *
   * @example
   * await prices.set("btc", 64_000);
   * prices.get("btc"); // 64000
   * prices.get("eth"); // undefined
   */
  get(key: string): T | undefined {
    const kept = this.#mirror?.get(key);
    return kept === undefined ? this.#load(key) : kept.value;
  }

  /**
   * The items of a list or the members of a set, in order; `undefined` if the key is absent or a plain value.
   * *Consistency* as {@link get}; decodes each time.
   */
  itemsOf(key: string): T[] | undefined {
    const content = this[NATIVE].get(key);
    if (content === null || typeof content === "string" || content instanceof Uint8Array) return undefined;
    return (Array.isArray(content) ? content : content.set).map((item) => this[VALUES].decode(item));
  }

  /** The whole map at one revision. *Cost*: O(1); it keeps what it shows in memory. */
  snapshot(): Snapshot<T> {
    return new Snapshot(read<Handle>(this[NATIVE], "map.snapshot"), this[VALUES]);
  }

  /** How far the local copy is to be trusted. */
  get status(): Status {
    const [state, since] = read<["live", undefined] | ["stale", Date]>(this[NATIVE], "map.status");
    return state === "stale" ? { state, since } : { state };
  }

  /**
   * The entry of `key` as the engine has it now.
   *
   * *Errors*: `invalid` for a bad key, `closed`, `timeout`, `unavailable`. *Consistency*: linearizable with
   * all writes, on an engine with one primary. *Cost*: one round trip.
   */
  async getLatest(key: string, options?: CallOptions): Promise<Entry<T> | undefined> {
    return entryOf(await call<NativeEntry>(this[NATIVE], "map.get_latest", [key], options), this[VALUES]);
  }

  /**
   * Waits until the local copy shows everything that the engine had accepted when this was called; resolves
   * to its revision.
   *
   * *Errors*: `closed`, `timeout`, `unavailable`. *Consistency*: reads that follow see every write that
   * returned anywhere before the call. *Cost*: one round trip, more if changes were missed.
   */
  async sync(options?: CallOptions): Promise<bigint> {
    return call(this[NATIVE], "map.sync", [], options);
  }

  /**
   * Waits until the local copy shows `revision` of its generation, or a later generation; resolves to the
   * revision it shows.
   *
   * *Errors*: `closed`, `timeout`. *Cost*: none, if it is reached already.
   */
  async waitFor(revision: bigint | number, options?: CallOptions): Promise<bigint> {
    return call(this[NATIVE], "map.wait_for", [revision], options);
  }

  /**
   * The changes, as an async iterator of {@link MapEvent}: of the keys that pass `filter`, or of all.
   *
   * It is registered when this returns. The first event is `synced`, unless `from` says to begin earlier.
   *
   * *Errors*: the signal's reason, here if it has fired already, else from the iterator. *Consistency*: an
   * event comes after the local copy shows its change. *Cost*: no round trip; memory as {@link Watcher} says.
   *
   * @example
   * for await (const event of prices.watch("btc*", { from: "snapshot" })) {
   *   if (event.kind === "set") console.log(event.key, event.value, event.revision);
   * }
   */
  watch(filter: Filter = "*", { signal, ...options }: WatchOptions = {}): Watcher<T> {
    signal?.throwIfAborted();
    return new Watcher(read<Handle>(this[NATIVE], "map.watch", [filter, options]), this[VALUES], signal);
  }

  /**
   * Waits for writes in flight, ends the watchers and stops following. Reads go on, on the last state. Closes
   * every handle to this map of its client; a second call does nothing.
   */
  async close(): Promise<void> {
    await call(this[NATIVE], "map.close", []);
  }

  /** Closes the map: what `await using` calls. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Reads a value that is not in the mirror, and puts it there if it may be kept. */
  #load(key: string): T | undefined {
    const content = this[NATIVE].get(key);
    if (content === null) return undefined;
    // Read before a codec runs, which might read another key.
    const [mayKeep, at, stamp] = note as unknown as [number, number, number];
    const value = this[VALUES].decode(content);
    if (mayKeep === 1) this.#mirror?.keep(key, { value, at, stamp, size: sizeOf(content) });
    return value;
  }
}

function sizeOf(content: Content): number {
  if (typeof content === "string" || content instanceof Uint8Array) return content.length;
  return (Array.isArray(content) ? content : content.set).reduce((size, item) => size + item.length, 0);
}
