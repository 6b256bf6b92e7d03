// Events as they come over the border, many in one buffer, each decoded when it is looked at.

import { inspect } from "node:util";
import type { Values } from "./codec.js";
import type { Content } from "./native.js";

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
 * `value` and `old` are decoded when they are first read, from a buffer that all events of a batch share; so keep
 * what you need of an event rather than the event. Printing shows them, copying by `{...event}` does not.
 */
export type MapEvent<T> = SetEvent<T> | RemoveEvent<T> | ClearEvent | SyncedEvent | ResyncedEvent;

/** How the bytes of an entry are read: one value, or items in order, which in a set are there once. */
export type Shape = "plain" | "list" | "set";

// The format is that of `packed.rs` of bindings-core, as are these names, in its order.
const HEAD = 40;
const KINDS = ["set", "delete", "expire", "clear", "synced", "resynced"] as const;
const REASONS = ["trimmed", "forked", "new_generation"] as const;
const SHAPES = ["plain", "list", "set"] as const;

/** One event in a buffer: what is cheap at once, its values when they are looked at. */
class Packed<T> {
  readonly kind: string | undefined;
  declare readonly key?: string;
  declare readonly shape?: Shape | undefined;
  readonly revision: bigint;
  readonly coalesced: number;
  declare readonly reason?: string | undefined;
  declare readonly from?: Position;
  declare readonly to?: Position;
  readonly #data: Buffer;
  readonly #values: Values<T>;
  readonly #seen: (T | undefined)[] = [];

  constructor(data: Buffer, values: Values<T>) {
    const detail = data[1] as number;
    this.#data = data;
    this.#values = values;
    this.kind = KINDS[data[0] as number];
    this.revision = data.readBigUInt64LE(8);
    this.coalesced = data.readUInt32LE(4);
    const key = data.readUInt32LE(24);
    if (key > 0) this.key = data.toString("utf8", HEAD, HEAD + key);
    if (this.kind === "set") this.shape = SHAPES[detail];
    if (this.kind !== "resynced") return;
    this.reason = REASONS[detail];
    this.from = { generation: data.readBigUInt64LE(HEAD), revision: data.readBigUInt64LE(HEAD + 8) };
    this.to = { generation: data.readBigUInt64LE(HEAD + 16), revision: this.revision };
  }

  get value(): T | undefined {
    return this.kind === "set" ? this.#decoded(1) : undefined;
  }

  get old(): T | undefined {
    return this.#data[3] === 1 ? this.#decoded(2) : undefined;
  }

  [inspect.custom](): object {
    const { value, old } = this;
    return Object.assign({ ...this }, value !== undefined && { value }, old !== undefined && { old });
  }

  /** Value (1) or old value (2), with its shape at that place of the head. */
  #decoded(part: 1 | 2): T {
    if (!(part in this.#seen)) {
      const data = this.#data;
      const value = HEAD + data.readUInt32LE(24);
      const old = value + data.readUInt32LE(28);
      const bytes = part === 1 ? data.subarray(value, old) : data.subarray(old);
      this.#seen[part] = this.#values.decode(content(bytes, data[part] as number));
    }
    return this.#seen[part] as T;
  }
}

/** A packed value of a shape. */
function content(data: Buffer, shape: number): Content {
  // Copies: the buffer is shared, and a `Buffer` is not quite a `Uint8Array`.
  if (shape === 0) return new Uint8Array(data);
  const items: Uint8Array[] = [];
  for (let at = 0; at + 4 <= data.length; ) {
    const end = at + 4 + data.readUInt32LE(at);
    items.push(new Uint8Array(data.subarray(at + 4, end)));
    at = end;
  }
  return shape === 1 ? items : { set: items };
}

/** @internal Goes through the events of a buffer. */
export function* unpackEvents<T>(packed: Uint8Array, values: Values<T>): Generator<MapEvent<T>, undefined> {
  const data = Buffer.from(packed.buffer, packed.byteOffset, packed.byteLength);
  for (let at = 0, end = 0; at < data.length; at = end) {
    end = at + HEAD + data.readUInt32LE(at + 24) + data.readUInt32LE(at + 28) + data.readUInt32LE(at + 32);
    yield new Packed(data.subarray(at, end), values) as unknown as MapEvent<T>;
  }
}

/** @internal The entries of a snapshot, which come as the events that set them. */
export function* unpack<T>(packed: Uint8Array, values: Values<T>): Generator<[string, T], undefined> {
  for (const event of unpackEvents(packed, values))
    yield [(event as SetEvent<T>).key, (event as SetEvent<T>).value];
}
