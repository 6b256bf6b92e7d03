// Writing to a map: each method is one atomic operation at the engine.

import { type CallOptions, int64, items, known, number, revision, text } from "./check.js";
import type { Values } from "./codec.js";
import type { Done, Edit, NativeMap, When } from "./native.js";
import { call } from "./queue.js";
import { Txn } from "./txn.js";

/**
 * When to refuse a write; at most one of them. A revision or value that is there but `undefined` is a
 * `TypeError`: the write would be one without a condition.
 */
export interface Conditions<T> extends CallOptions {
  /** Only if the key is present. */
  ifPresent?: boolean | undefined;
  /** Only if this revision was the last to change the key. */
  ifRevision?: bigint | number;
  /** Only if the key has exactly this value. */
  ifValue?: T;
}

/** How to set a key. */
export interface SetOptions<T> extends Conditions<T> {
  /** Only if the key is absent. */
  ifAbsent?: boolean | undefined;
  /** How long the entry lives, in milliseconds from the write on: from 1 to 100 years. Default: for ever. */
  ttlMs?: number | undefined;
}

/** How to count. */
export interface IncrOptions<N> extends CallOptions {
  /** The smallest sum that is accepted. */
  min?: N | undefined;
  /** The largest sum that is accepted. */
  max?: N | undefined;
}

/** What a write did. */
export interface Changed {
  /**
   * The revision that the map has with this write; if nothing changed, the one the local copy showed. A
   * bigint, as all revisions: for `JSON.stringify` make it a string.
   */
  readonly revision: bigint;
  /** Whether anything changed. */
  readonly changed: boolean;
}

/** What `set` or `delete` did. */
export interface Written<T> extends Changed {
  /**
   * The value before, if there was one; decoded when it is read. `undefined` also in one rare case: the local
   * copy was loaded anew, which watchers are told, while the write was under way.
   */
  readonly previous: T | undefined;
}

/** What a counter shows now. */
export interface Counted<N> {
  /** The revision of the write. */
  readonly revision: bigint;
  /** The sum. */
  readonly value: N;
}

/** What an edit of a list or set did. */
export interface Edited extends Changed {
  /** How many items it has now. */
  readonly size: number;
}

/**
 * The writes of a map: atomic at the engine, at most once even if the answer is lost, visible here when they
 * resolve.
 *
 * *Errors* of all of them: `invalid` for a bad key (empty, over 64 KiB) or value (over `max_value` of the
 * URL, 1 MiB by default), `closed`, `timeout`, `unavailable` (see {@link PonosError.maybeApplied}); the
 * signal's reason. *Consistency*: after a write, reads on this map show it or something later; other nodes
 * see it when the change arrives. *Cost*: one round trip; on Redis, writes that meet share it. A cancelled
 * write may still be applied.
 */
export abstract class Writes<T> {
  /** @internal */
  protected constructor(
    /** @internal */ protected readonly native: NativeMap,
    /** @internal */ protected readonly values: Values<T>,
  ) {}

  /**
   * Sets `key`, and drops its time to live unless one is given.
   *
   * *Errors*: `conflict` if a condition does not hold: nothing has changed then.
   *
   * @example
   * await prices.set("btc", 64_000);
   * const { previous } = await prices.set("btc", 64_100); // 64000
   * await leaders.set("shard-1", "me", { ifAbsent: true, ttlMs: 30_000 }); // or a PonosError: conflict
   */
  async set(key: string, value: T, options: SetOptions<T> = {}): Promise<Written<T>> {
    known(options, ["ifAbsent", "ifPresent", "ifRevision", "ifValue", "ttlMs", "signal"]);
    const name = text("the key", key);
    const payload = this.values.encode(value);
    const when = this.#when(options);
    const ttlMs = options.ttlMs === undefined ? undefined : number("ttlMs", options.ttlMs);
    return this.#written(await call(() => this.native.set(name, payload, when, ttlMs), options));
  }

  /**
   * Removes `key`; if it is absent nothing changes.
   *
   * *Errors*: `conflict` if a condition does not hold: nothing has changed then.
   */
  async delete(key: string, options: Conditions<T> = {}): Promise<Written<T>> {
    known(options, ["ifPresent", "ifRevision", "ifValue", "signal"]);
    const name = text("the key", key);
    const when = this.#when(options);
    return this.#written(await call(() => this.native.delete(name, when), options));
  }

  /**
   * Adds to an integer counter (decimal text), 1 if nothing is said; an absent key counts as 0. Keeps the
   * time to live.
   *
   * With a `number` the sum is a `number`, and one that a number cannot hold exactly (beyond 2^53) is out of
   * bounds: it is refused, not rounded. With a `bigint` the sum is a `bigint`, of 64 bits.
   *
   * *Errors*: `conflict` if the sum would leave its bounds, when nothing has changed; `invalid` if the value
   * is no integer.
   *
   * @example
   * await hits.incr("home"); // { revision: 1n, value: 1 }
   * await stock.incr("bolts", -3, { min: 0 });
   * await ids.incr("next", 1n); // { revision: 1n, value: 1n }
   */
  incr(key: string, by?: number, options?: IncrOptions<number>): Promise<Counted<number>>;
  incr(key: string, by: bigint, options?: IncrOptions<bigint>): Promise<Counted<bigint>>;
  async incr(
    key: string,
    by: number | bigint = 1,
    options: IncrOptions<number | bigint> = {},
  ): Promise<Counted<number | bigint>> {
    const { min, max } = known(options, ["min", "max", "signal"]);
    const name = text("the key", key);
    const small = typeof by === "number";
    const bound = (which: string, given: number | bigint | undefined, none: number) =>
      given === undefined && !small ? undefined : int64(which, given ?? none);
    const amount = int64("by", by);
    const from = bound("min", min, Number.MIN_SAFE_INTEGER);
    const to = bound("max", max, Number.MAX_SAFE_INTEGER);
    const { revision, value } = await call(() => this.native.incr(name, amount, from, to), options);
    return { revision, value: small ? Number(value) : (value as bigint) };
  }

  /**
   * Adds to a floating-point counter (decimal text); an absent key counts as 0. Keeps the time to live.
   *
   * *Errors*: `conflict` if the sum would leave its bounds or not be finite; `invalid` if `by` is not finite
   * or the value is no number.
   */
  async incrFloat(key: string, by: number, options: IncrOptions<number> = {}): Promise<Counted<number>> {
    const { min, max } = known(options, ["min", "max", "signal"]);
    const name = text("the key", key);
    const bound = (which: string, given: number | undefined) =>
      given === undefined ? given : number(which, given);
    const [amount, from, to] = [number("by", by), bound("min", min), bound("max", max)];
    const { revision, value } = await call(() => this.native.incrFloat(name, amount, from, to), options);
    return { revision, value: value as number };
  }

  /**
   * Appends items to a list, an absent key being an empty one, without sending the rest of it.
   *
   * *Errors*: `invalid` if there are no items, if the value is no list, or would outgrow `max_value`.
   */
  listAppend(key: string, items: Iterable<T>, options?: CallOptions): Promise<Edited> {
    return this.#edit("listAppend", key, items, options);
  }

  /** As {@link listAppend}, for those items that the list does not hold yet. */
  listAppendUnique(key: string, items: Iterable<T>, options?: CallOptions): Promise<Edited> {
    return this.#edit("listAppendUnique", key, items, options);
  }

  /**
   * Removes every occurrence of the items from a list; a list that becomes empty is deleted.
   *
   * *Errors*: `invalid` if there are no items, or if the value is no list.
   */
  listRemove(key: string, items: Iterable<T>, options?: CallOptions): Promise<Edited> {
    return this.#edit("listRemove", key, items, options);
  }

  /**
   * Adds members to a set, an absent key being an empty one. Members are the same if their encoded forms are.
   *
   * *Errors*: `invalid` if there are no items, if the value is no set, or would outgrow `max_value`.
   */
  setAdd(key: string, items: Iterable<T>, options?: CallOptions): Promise<Edited> {
    return this.#edit("setAdd", key, items, options);
  }

  /**
   * Removes members from a set; a set that becomes empty is deleted.
   *
   * *Errors*: `invalid` if there are no items, or if the value is no set.
   */
  setRemove(key: string, items: Iterable<T>, options?: CallOptions): Promise<Edited> {
    return this.#edit("setRemove", key, items, options);
  }

  /**
   * Gives an entry a new time to live from now on, or with `null` none; if the key is absent nothing changes.
   * Watchers get no event: the value is the same.
   */
  async touch(key: string, ttlMs: number | null, options: CallOptions = {}): Promise<Changed> {
    known(options, ["signal"]);
    const name = text("the key", key);
    const ttl = ttlMs === null ? undefined : number("ttlMs", ttlMs);
    return changed(await call(() => this.native.touch(name, ttl), options));
  }

  /** Removes every key, in one revision. */
  async clear(options: CallOptions = {}): Promise<Changed> {
    known(options, ["signal"]);
    return changed(await call(() => this.native.run("clear"), options));
  }

  /** Removes the map with its history and codec; its next write starts a new generation. It stays usable. */
  async destroy(options: CallOptions = {}): Promise<Changed> {
    known(options, ["signal"]);
    return changed(await call(() => this.native.run("destroy"), options));
  }

  /**
   * Begins a transaction: conditions, and what to do if they hold or not, in one revision.
   *
   * @example
   * const { matched } = await accounts.txn()
   *   .when("a", { value: 10 }).incr("a", -4).incr("b", 4)
   *   .commit();
   */
  txn(): Txn<T> {
    return new Txn(this.native, this.values);
  }

  async #edit(edit: Edit, key: string, given: Iterable<T>, options: CallOptions = {}): Promise<Edited> {
    known(options, ["signal"]);
    const name = text("the key", key);
    const payloads = items(given).map((item) => this.values.encode(item));
    return call(() => this.native.edit(edit, name, payloads), options);
  }

  #when(options: SetOptions<T>): When | undefined {
    const conditions: When[] = [];
    if (options.ifAbsent) conditions.push({ is: "absent" });
    if (options.ifPresent) conditions.push({ is: "present" });
    if ("ifRevision" in options) {
      conditions.push({ is: "revision", revision: revision("ifRevision", options.ifRevision) });
    }
    if ("ifValue" in options) {
      conditions.push({ is: "value", value: this.values.encode(options.ifValue as T) });
    }
    if (conditions.length > 1) {
      throw new TypeError(`a write has one condition, not ${conditions.map(({ is }) => is).join(" and ")}`);
    }
    return conditions[0];
  }

  #written({ revision, changed, previous }: Done): Written<T> {
    if (previous === undefined) return { revision, changed, previous };
    const { values } = this;
    return {
      revision,
      changed,
      // Read lazily: a value that the codec cannot read must not make a write that is done look failed.
      get previous() {
        return values.decode(previous);
      },
    };
  }
}

function changed({ revision, changed }: Changed): Changed {
  return { revision, changed };
}
