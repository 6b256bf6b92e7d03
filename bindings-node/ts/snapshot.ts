// Reads of a map at one revision.

import { text } from "./check.js";
import type { Values } from "./codec.js";
import { type Shape, unpack } from "./event.js";
import type { NativeEntry, NativeSnapshot } from "./native.js";

/** A key's value with what the map knows of it. */
export interface Entry<T> {
  /** The value: of a list an array, of a set a `Set` of its members. */
  readonly value: T;
  /** The revision of its last change. */
  readonly revision: bigint;
  readonly shape: Shape;
  /** When it stops to exist, on the engine's clock; `undefined` for never. */
  readonly deadline: Date | undefined;
}

/** The entry in JavaScript. */
export function entryOf<T>(entry: NativeEntry | null, values: Values<T>): Entry<T> | undefined {
  if (entry === null) return undefined;
  const { content, revision, shape, deadline } = entry;
  const value = values.content(content, shape === "set");
  return { value, revision, shape, deadline: deadline === undefined ? undefined : new Date(deadline) };
}

/**
 * A map as it was at one revision; it never changes. Keys that had expired when it was taken are not shown.
 *
 * It keeps what it shows in memory until it is collected. Its methods are those of {@link PonosMap}, and
 * their *cost* is the same.
 */
export class Snapshot<T> implements Iterable<[string, T]> {
  readonly #native: NativeSnapshot;
  readonly #values: Values<T>;

  /** @internal */
  constructor(native: NativeSnapshot, values: Values<T>) {
    this.#native = native;
    this.#values = values;
  }

  /** The value of `key`. */
  get(key: string): T | undefined {
    return this.entry(key)?.value;
  }

  /** The value of `key` with its revision, shape and deadline. */
  entry(key: string): Entry<T> | undefined {
    return entryOf(this.#native.entry(text("the key", key)), this.#values);
  }

  /** Whether `key` is there. */
  has(key: string): boolean {
    return this.#native.has(text("the key", key));
  }

  /** How many keys there are; one that had just expired may still count. */
  get size(): number {
    return this.#native.size();
  }

  /** The revision of the last change it holds. */
  get revision(): bigint {
    return this.#native.position()[1];
  }

  /** Which life of the map it shows. */
  get generation(): bigint {
    return this.#native.position()[0];
  }

  /** All keys, in no order. */
  keys(): string[] {
    return this.#native.keys();
  }

  /** All keys and values, in no order; values are decoded one by one. *Cost*: copies the map once. */
  entries(): IterableIterator<[string, T]> {
    return unpack(this.#native.entries(), this.#values);
  }

  [Symbol.iterator](): IterableIterator<[string, T]> {
    return this.entries();
  }

  /** The keys that begin with `prefix` and their values, by key. */
  prefix(prefix: string): [string, T][] {
    return [...unpack(this.#native.prefix(text("prefix", prefix)), this.#values)];
  }

  /** The keys from `from` up to, but without, `to`, in the order of their UTF-8 bytes, and their values. */
  range(from?: string, to?: string): [string, T][] {
    const [start, end] = [from, to].map((bound) => (bound === undefined ? bound : text("a bound", bound)));
    return [...unpack(this.#native.range(start, end), this.#values)];
  }
}
