// Transactions.

import { VALUES } from "./codec.js";
import { NATIVE } from "./native.js";
import { type CallOptions, call } from "./queue.js";
import type { Reads } from "./snapshot.js";

/** What a transaction does, as a step takes it: to which map, and the parts. */
export const PARTS = Symbol("parts");

/** What must hold of a key. */
export type Condition<T> = "absent" | "present" | { revision: bigint | number } | { value: T };

/** Which branch of a transaction was taken. */
export interface TxnDone {
  /** The one revision of all that was done; if nothing changed, the one the local copy showed. */
  readonly revision: bigint;
  /** Whether all conditions held. */
  readonly matched: boolean;
  /** Whether anything changed. */
  readonly changed: boolean;
}

/**
 * A transaction being put together; nothing happens before {@link commit}.
 *
 * If all conditions hold, the operations before {@link otherwise} are done, else those after it. Each sees
 * what those before it have done. One that is refused (a bound, a wrong type) refuses the whole, when it is committed.
 */
export class Txn<T> {
  /** The conditions, and the operations of the two branches. */
  readonly #parts: unknown[][][] = [[], [], []];
  #branch = 1;

  readonly #map: Reads<T>;

  /** @internal */
  constructor(map: Reads<T>) {
    this.#map = map;
  }

  /** Adds a condition. */
  when(key: string, condition: Condition<T>): this {
    const named = typeof condition === "string" ? { [condition]: true } : { ...condition };
    if ("value" in named) named.value = this.#map[VALUES].encode(named.value as T) as T;
    this.#parts[0]?.push([key, named]);
    return this;
  }

  /** From here on, operations are for the case that a condition does not hold. */
  otherwise(): this {
    this.#branch = 2;
    return this;
  }

  /** Sets a key, for `ttlMs` milliseconds or for ever. */
  set(key: string, value: T, options: { ttlMs?: number | undefined } = {}): this {
    return this.#add("set", key, this.#map[VALUES].encode(value), options);
  }

  /** Deletes a key. */
  delete(key: string): this {
    return this.#add("delete", key);
  }

  /** Adds to an integer counter of 64 bits. */
  incr(key: string, by: number | bigint = 1): this {
    return this.#add("incr", key, by);
  }

  /** Adds to a floating-point counter. */
  incrFloat(key: string, by: number): this {
    return this.#add("incr_float", key, by);
  }

  /** Appends items to a list. */
  readonly listAppend = this.#edit("list_append");

  /** Appends those items that a list does not hold yet. */
  readonly listAppendUnique = this.#edit("list_append_unique");

  /** Removes every occurrence of the items from a list. */
  readonly listRemove = this.#edit("list_remove");

  /** Adds members to a set. */
  readonly setAdd = this.#edit("set_add");

  /** Removes members from a set. */
  readonly setRemove = this.#edit("set_remove");

  /** Gives an entry a new time to live in milliseconds, or with `null` none. */
  touch(key: string, ttlMs: number | null): this {
    return this.#add("touch", key, ttlMs);
  }

  /**
   * Does it.
   *
   * *Errors*: `invalid` if it is empty, has over 1,000 parts, or a part is bad; `conflict` or `invalid` if an
   * operation is refused: nothing has changed then. Else as {@link PonosMap.set}. *Consistency*: all of it
   * has one revision, and no reader sees half of it. *Cost*: one round trip.
   */
  async commit(options?: CallOptions): Promise<TxnDone> {
    const done = await call<[bigint, boolean, boolean]>(this.#map[NATIVE], "map.txn", this.#parts, options);
    const [revision, matched, changed] = done;
    return { revision, matched, changed };
  }

  /** @internal */
  get [PARTS](): unknown[] {
    return [this.#map[NATIVE], ...this.#parts];
  }

  #edit(op: string): { edit(key: string, items: Iterable<T>): Txn<T> }["edit"] {
    return (key, items) => this.#add(op, key, this.#map[VALUES].encodeAll(items));
  }

  #add(op: string, key: string, ...args: unknown[]): this {
    this.#parts[this.#branch]?.push([op, key, ...args]);
    return this;
  }
}
