// Events as they come over the border, many in one buffer, each decoded when it is looked at.

import { inspect } from "node:util";
import type { Values } from "./codec.js";

/** A point in the history of a map: a revision inside a generation. */
export interface Position {
  readonly generation: bigint;
  readonly revision: bigint;
}

interface KeyEvent {
  readonly key: string;
  /** The revision that did it. */
  readonly revision: bigint;
  /** How many changes it stands for: 1, or more if the watcher fell behind its queue. */
  readonly coalesced: number;
}

/** A key has a new value. */
export interface SetEvent<T> extends KeyEvent {
  readonly kind: "set";
  readonly value: T;
  /** The value before; `undefined` if the key was absent, or if the event comes from the log of the past. */
  readonly old: T | undefined;
  readonly shape: Shape;
}

/** A key was deleted, or its time to live ended. */
export interface RemoveEvent<T> extends KeyEvent {
  readonly kind: "delete" | "expire";
  /** The last value, as far as it is known. */
  readonly old: T | undefined;
}

/** Every key was removed. */
export interface ClearEvent {
  readonly kind: "clear";
  readonly revision: bigint;
  readonly coalesced: number;
}

/** The watcher has seen all up to this revision, and is live from here on. */
export interface SyncedEvent {
  readonly kind: "synced";
  readonly revision: bigint;
}

/**
 * Changes one by one could not be had; the events that follow, up to the next change, are the difference
 * between what the local copy held and what the engine holds.
 */
export interface ResyncedEvent {
  readonly kind: "resynced";
  /** The log no longer had them; the engine's history is another; or the map was deleted or flushed. */
  readonly reason: "trimmed" | "forked" | "new_generation";
  readonly from: Position;
  readonly to: Position;
  readonly revision: bigint;
}

/**
 * What happened to a map. `kind` tells which of them it is.
 *
 * Its fields are decoded when they are first read, from a buffer that all events of a batch share; so keep
 * what you need of an event rather than the event. Printing shows all fields, copying by `{...event}` none.
 */
export type MapEvent<T> = SetEvent<T> | RemoveEvent<T> | ClearEvent | SyncedEvent | ResyncedEvent;

/** How the bytes of an entry are read: one value, or items in order, which in a set are there once. */
export type Shape = "plain" | "list" | "set";

// The format is that of `packed.rs` of bindings-core, as are these names, in its order.
const HEAD = 32;
const KINDS = ["set", "delete", "expire", "clear", "synced", "resynced"] as const;
const REASONS = ["trimmed", "forked", "new_generation"] as const;
export const SHAPES = ["plain", "list", "set"] as const;

/** One event in a buffer. */
class Packed<T> {
  readonly #data: Buffer;
  readonly #at: number;
  readonly #values: Values<T>;
  #value: { is: T | undefined } | undefined;
  #old: { is: T | undefined } | undefined;

  constructor(data: Buffer, at: number, values: Values<T>) {
    this.#data = data;
    this.#at = at;
    this.#values = values;
  }

  get kind() {
    return KINDS[this.#data[this.#at] as number];
  }

  get key(): string | undefined {
    const start = this.#at + HEAD;
    const length = this.#length(0);
    return length === 0 ? undefined : this.#data.toString("utf8", start, start + length);
  }

  get value(): T | undefined {
    this.#value ??= { is: this.kind === "set" ? this.#content(1) : undefined };
    return this.#value.is;
  }

  get old(): T | undefined {
    const flags = this.#data[this.#at + 2] as number;
    this.#old ??= { is: flags & 1 ? this.#content(2) : undefined };
    return this.#old.is;
  }

  get shape() {
    return this.kind === "set" ? SHAPES[this.#data[this.#at + 1] as number] : undefined;
  }

  get revision(): bigint {
    return this.#data.readBigUInt64LE(this.#at + 8);
  }

  get coalesced(): number {
    return this.#data.readUInt32LE(this.#at + 4);
  }

  get reason() {
    return this.kind === "resynced" ? REASONS[this.#data[this.#at + 1] as number] : undefined;
  }

  get from(): Position | undefined {
    return this.kind === "resynced" ? { generation: this.#word(0), revision: this.#word(1) } : undefined;
  }

  get to(): Position | undefined {
    return this.kind === "resynced" ? { generation: this.#word(2), revision: this.revision } : undefined;
  }

  [inspect.custom](): object {
    const names = [
      "kind",
      "key",
      "value",
      "old",
      "shape",
      "revision",
      "coalesced",
      "reason",
      "from",
      "to",
    ] as const;
    return Object.fromEntries(
      names.map((name) => [name, this[name]]).filter(([, value]) => value !== undefined),
    );
  }

  /** The length of key (0), value (1) or old value (2). */
  #length(part: number): number {
    return this.#data.readUInt32LE(this.#at + 16 + 4 * part);
  }

  /** Value (1) or old value (2). */
  #content(part: number): T {
    let start = this.#at + HEAD + this.#length(0);
    if (part === 2) start += this.#length(1);
    const data = this.#data.subarray(start, start + this.#length(part));
    return content(data, this.shape ?? "plain", this.#values);
  }

  /** A number of a resync, which stand where others have their value. */
  #word(index: number): bigint {
    return this.#data.readBigUInt64LE(this.#at + HEAD + this.#length(0) + 8 * index);
  }
}

/** Reads a packed value. */
function content<T>(data: Buffer, shape: Shape, values: Values<T>): T {
  // Copies: the buffer is shared, and a `Buffer` is not quite a `Uint8Array`.
  const own = (part: Buffer) => new Uint8Array(part);
  if (shape === "plain") return values.decode(own(data));
  const items: Uint8Array[] = [];
  for (let at = 0; at + 4 <= data.length; ) {
    const end = at + 4 + data.readUInt32LE(at);
    items.push(own(data.subarray(at + 4, end)));
    at = end;
  }
  return values.content(items, shape === "set");
}

/** Goes through the events of a buffer. */
export class Cursor<T> {
  readonly #data: Buffer;
  readonly #values: Values<T>;
  #at = 0;

  constructor(data: Uint8Array, values: Values<T>) {
    this.#data = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    this.#values = values;
  }

  /** The next event; `undefined` behind the last. */
  next(): MapEvent<T> | undefined {
    const at = this.#at;
    const data = this.#data;
    if (at >= data.length) return undefined;
    this.#at += HEAD + data.readUInt32LE(at + 16) + data.readUInt32LE(at + 20) + data.readUInt32LE(at + 24);
    return new Packed(data, at, this.#values) as unknown as MapEvent<T>;
  }

  /** All events from here on. */
  rest(): MapEvent<T>[] {
    const events: MapEvent<T>[] = [];
    for (let event = this.next(); event !== undefined; event = this.next()) events.push(event);
    return events;
  }
}

/** The entries of a snapshot, which come as the events that set them. */
export function* unpack<T>(data: Uint8Array, values: Values<T>): Generator<[string, T], undefined> {
  const cursor = new Cursor(data, values);
  for (let event = cursor.next(); event !== undefined; event = cursor.next()) {
    const { key, value } = event as SetEvent<T>;
    yield [key, value];
  }
}
