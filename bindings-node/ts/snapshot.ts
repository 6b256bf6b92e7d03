// Reads: what a map and a snapshot of it have both.

import { inspect } from "node:util";
import { VALUES, type Values } from "./codec.js";
import { type Shape, unpack } from "./event.js";
import { type Content, type Handle, NATIVE } from "./native.js";
import { read } from "./queue.js";

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

/** An entry as it crosses the border. */
export type NativeEntry = [Content, bigint, Shape, Date | undefined] | undefined;

/**
 * Reads that are synchronous and do not fail: of a map's local copy as it is now, or of a snapshot as it was when it
 * was taken.
 */
export abstract class Reads<T> implements Iterable<[string, T]> {
  /** @internal */
  readonly [NATIVE]: Handle;
  /** @internal */
  readonly [VALUES]: Values<T>;

  /** @internal */
  constructor(native: Handle, values: Values<T>) {
    this[NATIVE] = native;
    this[VALUES] = values;
  }

  /** The value of `key`; `undefined` if it is absent. */
  abstract get(key: string): T | undefined;

  /** The value of `key` with its revision, shape and deadline. As {@link get}, but decodes each time. */
  entry(key: string): Entry<T> | undefined {
    return entryOf(read(this[NATIVE], "map.entry", [key]), this[VALUES]);
  }

  /** Whether `key` is there. As {@link get}. */
  has(key: string): boolean {
    return this[NATIVE].has(key);
  }

  /** How many keys there are. *Cost*: O(1); a key that has expired in the last moments may still count. */
  get size(): number {
    return read(this[NATIVE], "map.len");
  }

  /** All keys, in no order. *Consistency*: those of one revision. *Cost*: O(keys). */
  keys(): string[] {
    return read(this[NATIVE], "map.keys");
  }

  /**
   * All keys and values, in no order; values are decoded one by one. *Consistency*: those of one revision. *Cost*:
   * copies the map once.
   */
  entries(): IterableIterator<[string, T]> {
    return unpack(read(this[NATIVE], "map.entries"), this[VALUES]);
  }

  [Symbol.iterator](): IterableIterator<[string, T]> {
    return this.entries();
  }

  /**
   * The keys that begin with `prefix` and their values, by key. *Consistency*: those of one revision. *Cost*:
   * O(keys), or O(log keys + results) for a map opened with `ordered`.
   */
  prefix(prefix: string): [string, T][] {
    return [...unpack(read(this[NATIVE], "map.prefix", [prefix]), this[VALUES])];
  }

  /**
   * The keys from `from` up to, but without, `to`, in the order of their UTF-8 bytes, and their values;
   * without a bound it is open there. As {@link prefix}.
   */
  range(from?: string, to?: string): [string, T][] {
    return [...unpack(read(this[NATIVE], "map.range", [from, to]), this[VALUES])];
  }

  /** The revision of the last change that is shown; 0 for a map that nobody has written yet. */
  get revision(): bigint {
    return read<[bigint, bigint]>(this[NATIVE], "map.position")[1];
  }

  /** Which life of the map is shown; 0 for a map that does not exist at the engine. */
  get generation(): bigint {
    return read<[bigint, bigint]>(this[NATIVE], "map.position")[0];
  }

  /** @internal */
  [inspect.custom](): string {
    const { codec, name } = this[VALUES];
    return `${this.constructor.name}("${name}", ${codec.name}, ${this.size} keys, revision ${this.revision})`;
  }
}

/** The entry that has crossed the border. */
export function entryOf<T>(entry: NativeEntry, values: Values<T>): Entry<T> | undefined {
  if (entry === undefined) return undefined;
  const [content, revision, shape, deadline] = entry;
  return { value: values.decode(content), revision, shape, deadline };
}

/**
 * A map as it was at one revision; it never changes. Keys that had expired when it was taken are not shown.
 *
 * It keeps what it shows in memory until it is collected. Its methods are those of {@link PonosMap}, and
 * their *cost* is the same.
 */
export class Snapshot<T> extends Reads<T> {
  /** The value of `key`. */
  get(key: string): T | undefined {
    return this.entry(key)?.value;
  }
}
