// Writing to a map: each method is one atomic operation at the engine.

import { inspect } from "node:util";
import { VALUES } from "./codec.js";
import { type Content, NATIVE } from "./native.js";
import { type CallOptions, call } from "./queue.js";
import { Reads } from "./snapshot.js";
import { Txn } from "./txn.js";

/**
 * When to refuse a write; at most one of them. A revision or value that is there but `undefined` is refused with a
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
export abstract class Writes<T> extends Reads<T> {
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
  async set(key: string, value: T, options?: SetOptions<T>): Promise<Written<T>> {
    return this.#written(
      await call(this[NATIVE], "map.set", [key, this[VALUES].encode(value)], this.#encoded(options)),
    );
  }

  /**
   * Removes `key`; if it is absent nothing changes.
   *
   * *Errors*: `conflict` if a condition does not hold: nothing has changed then.
   */
  async delete(key: string, options?: Conditions<T>): Promise<Written<T>> {
    return this.#written(await call(this[NATIVE], "map.delete", [key], this.#encoded(options)));
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
  async incr(key: string, by: Sum = 1, options?: IncrOptions<Sum>): Promise<Counted<Sum>> {
    return counted(await call(this[NATIVE], "map.incr", [key, by], options));
  }

  /**
   * Adds to a floating-point counter (decimal text); an absent key counts as 0. Keeps the time to live.
   *
   * *Errors*: `conflict` if the sum would leave its bounds or not be finite; `invalid` if `by` is not finite
   * or the value is no number.
   */
  async incrFloat(key: string, by: number, options?: IncrOptions<number>): Promise<Counted<number>> {
    return counted(await call(this[NATIVE], "map.incr_float", [key, by], options));
  }

  /**
   * Appends items to a list, an absent key being an empty one, without sending the rest of it.
   *
   * *Errors*: `invalid` if there are no items, if the value is no list, or would outgrow `max_value`.
   */
  readonly listAppend = this.#edit("map.list_append");

  /** As {@link listAppend}, for those items that the list does not hold yet. */
  readonly listAppendUnique = this.#edit("map.list_append_unique");

  /**
   * Removes every occurrence of the items from a list; a list that becomes empty is deleted.
   *
   * *Errors*: `invalid` if there are no items, or if the value is no list.
   */
  readonly listRemove = this.#edit("map.list_remove");

  /**
   * Adds members to a set, an absent key being an empty one. Members are the same if their encoded forms are.
   *
   * *Errors*: `invalid` if there are no items, if the value is no set, or would outgrow `max_value`.
   */
  readonly setAdd = this.#edit("map.set_add");

  /**
   * Removes members from a set; a set that becomes empty is deleted.
   *
   * *Errors*: `invalid` if there are no items, or if the value is no set.
   */
  readonly setRemove = this.#edit("map.set_remove");

  /**
   * Gives an entry a new time to live from now on, or with `null` none; if the key is absent nothing changes.
   * Watchers get no event: the value is the same.
   */
  async touch(key: string, ttlMs: number | null, options?: CallOptions): Promise<Changed> {
    return changed(await call(this[NATIVE], "map.touch", [key, ttlMs], options));
  }

  /** Removes every key, in one revision. */
  async clear(options?: CallOptions): Promise<Changed> {
    return changed(await call(this[NATIVE], "map.clear", [], options));
  }

  /** Removes the map with its history and codec; its next write starts a new generation. It stays usable. */
  async destroy(options?: CallOptions): Promise<Changed> {
    return changed(await call(this[NATIVE], "map.destroy", [], options));
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
    return new Txn(this);
  }

  #edit(op: string): Edit<T>["edit"] {
    return async (key, items, options) => {
      const args = [key, this[VALUES].encodeAll(items)];
      const [revision, changed, size] = await call<Done<number>>(this[NATIVE], op, args, options);
      return { revision, changed, size };
    };
  }

  #encoded(options: Conditions<T> | undefined): CallOptions | undefined {
    if (!options || !("ifValue" in options)) return options;
    return { ...options, ifValue: this[VALUES].encode(options.ifValue as T) } as CallOptions;
  }

  #written([revision, changed, previous]: Done): Written<T> {
    if (previous === undefined) return { revision, changed, previous };
    const values = this[VALUES];
    const written = {
      revision,
      changed,
      // Read lazily: a value that the codec cannot read must not make a write that is done look failed.
      get previous() {
        return values.decode(previous);
      },
    };
    const shown = () => {
      try {
        return { ...written };
      } catch (error) {
        return { revision, changed, previous: error };
      }
    };
    // Not to be enumerated, or it would be one of the record's fields.
    return Object.defineProperty(written, inspect.custom, { value: shown });
  }
}

type Sum = number | bigint;

/** An edit, written as a method so that a map of more special values passes for one of more general ones. */
interface Edit<T> {
  edit(key: string, items: Iterable<T>, options?: CallOptions): Promise<Edited>;
}

/** A write as it crosses the border. */
type Done<P = Content | undefined> = [revision: bigint, changed: boolean, previous: P];

const changed = ([revision, changed]: Done): Changed => ({ revision, changed });

const counted = <N>([revision, value]: [bigint, N]): Counted<N> => ({ revision, value });
