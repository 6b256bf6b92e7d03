// Transactions.

import { type CallOptions, int64, items, known, number, revision, show, text } from "./check.js";
import type { Values } from "./codec.js";
import type { Edit, NativeMap, Step, When } from "./native.js";
import { call } from "./queue.js";

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
 * what those before it have done. One that is refused (a bound, a wrong type) refuses the whole.
 */
export class Txn<T> {
  readonly #native: NativeMap;
  readonly #values: Values<T>;
  readonly #compare: When[] = [];
  readonly #then: Step[] = [];
  readonly #otherwise: Step[] = [];
  #branch = this.#then;

  /** @internal */
  constructor(native: NativeMap, values: Values<T>) {
    this.#native = native;
    this.#values = values;
  }

  /** Adds a condition. */
  when(key: string, condition: Condition<T>): this {
    this.#compare.push({ key: text("the key", key), ...this.#when(condition) });
    return this;
  }

  /** From here on, operations are for the case that a condition does not hold. */
  otherwise(): this {
    this.#branch = this.#otherwise;
    return this;
  }

  /** Sets a key, for `ttlMs` milliseconds or for ever. */
  set(key: string, value: T, options: { ttlMs?: number | undefined } = {}): this {
    const { ttlMs } = known(options, ["ttlMs"]);
    const step: Omit<Step, "key"> = { op: "set", value: this.#values.encode(value) };
    if (ttlMs !== undefined) step.ttlMs = number("ttlMs", ttlMs);
    return this.#add(key, step);
  }

  /** Deletes a key. */
  delete(key: string): this {
    return this.#add(key, { op: "delete" });
  }

  /** Adds to an integer counter of 64 bits. */
  incr(key: string, by: number | bigint = 1): this {
    return this.#add(key, { op: "incr", by: int64("by", by) });
  }

  /** Adds to a floating-point counter. */
  incrFloat(key: string, by: number): this {
    return this.#add(key, { op: "incrFloat", byFloat: number("by", by) });
  }

  /** Appends items to a list. */
  listAppend(key: string, items: Iterable<T>): this {
    return this.#edit("listAppend", key, items);
  }

  /** Appends those items that a list does not hold yet. */
  listAppendUnique(key: string, items: Iterable<T>): this {
    return this.#edit("listAppendUnique", key, items);
  }

  /** Removes every occurrence of the items from a list. */
  listRemove(key: string, items: Iterable<T>): this {
    return this.#edit("listRemove", key, items);
  }

  /** Adds members to a set. */
  setAdd(key: string, items: Iterable<T>): this {
    return this.#edit("setAdd", key, items);
  }

  /** Removes members from a set. */
  setRemove(key: string, items: Iterable<T>): this {
    return this.#edit("setRemove", key, items);
  }

  /** Gives an entry a new time to live in milliseconds, or with `null` none. */
  touch(key: string, ttlMs: number | null): this {
    return this.#add(key, ttlMs === null ? { op: "touch" } : { op: "touch", ttlMs: number("ttlMs", ttlMs) });
  }

  /**
   * Does it.
   *
   * *Errors*: `invalid` if it is empty, has over 1,000 parts, or a part is bad; `conflict` or `invalid` if an
   * operation is refused: nothing has changed then. Else as {@link PonosMap.set}. *Consistency*: all of it
   * has one revision, and no reader sees half of it. *Cost*: one round trip.
   */
  async commit(options: CallOptions = {}): Promise<TxnDone> {
    known(options, ["signal"]);
    return call(() => this.#native.txn(this.#compare, this.#then, this.#otherwise), options);
  }

  #edit(op: Edit, key: string, given: Iterable<T>): this {
    return this.#add(key, { op, items: items(given).map((item) => this.#values.encode(item)) });
  }

  #add(key: string, step: Omit<Step, "key">): this {
    this.#branch.push({ key: text("the key", key), ...step });
    return this;
  }

  #when(condition: Condition<T>): When {
    if (condition === "absent" || condition === "present") return { is: condition };
    if (typeof condition === "object" && condition !== null && Object.keys(condition).length === 1) {
      if ("revision" in condition)
        return { is: "revision", revision: revision("revision", condition.revision) };
      if ("value" in condition) return { is: "value", value: this.#values.encode(condition.value) };
    }
    throw new TypeError(
      `a condition is "absent", "present", { revision } or { value }, not ${show(condition)}`,
    );
  }
}
