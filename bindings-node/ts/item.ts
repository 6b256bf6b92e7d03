// What readers and sinks give, as it comes over the border: many in one buffer, each read when it is looked at.

import { inspect } from "node:util";
import type { Values } from "./codec.js";

/**
 * Events that were to come were trimmed before they could be read: `count` of them, from `firstMissing` on. The event
 * `next` is the first one that is still there.
 */
export interface Gap {
  readonly kind: "gap";
  readonly firstMissing: string;
  readonly next: string;
  readonly count: number;
}

/** The stream was deleted; what comes next belongs to its next life, with other ids. */
export interface Deleted {
  readonly kind: "deleted";
}

/** What a {@link Reader} gives. `kind` tells which of them it is. */
export type StreamItem<T> = StreamEvent<T> | Gap | Deleted;

// The format is that of `items.rs` of bindings-core; its head ends with the ticket of a delivery.
export const HEAD = 80;
const LENGTHS = 32;
const [TOPIC, KEY, HEADERS, PAYLOAD] = [0, 1, 2, 3];

/** An event's buffer, which begins with its head. */
export const PACKED = Symbol("packed");

/**
 * An event of a stream.
 *
 * Everything in it is read when it is looked at, from a buffer that all events of a batch share; so keep what you need
 * of an event rather than the event. Printing shows it, copying by `{...event}` does not.
 */
export class StreamEvent<T> {
  readonly kind: "event" = "event";
  /** @internal */
  readonly [PACKED]: Buffer;
  readonly #values: Values<T>;
  #value: { readonly value: T } | undefined;

  /** @internal */
  constructor(data: Buffer, values: Values<T>) {
    this[PACKED] = data;
    this.#values = values;
  }

  /** Its name, of the stream's life and its number there: where a reader may begin, and what `remove` takes. */
  get id(): string {
    return idAt(this[PACKED], 8);
  }

  /** Its number in this life of the stream: contiguous, from 1 on. A bigint, as revisions are. */
  get seq(): bigint {
    return this[PACKED].readBigUInt64LE(16);
  }

  /** When it was appended, on the engine's clock. */
  get at(): Date {
    return new Date(Number(this[PACKED].readBigUInt64LE(24)));
  }

  /** Where it was published. */
  get topic(): string {
    return this.#part(TOPIC).toString();
  }

  /** The key that it was published with. */
  get key(): string | undefined {
    return this.#part(KEY).toString() || undefined;
  }

  /** What was published along with the payload, in that order: as `publish` takes it. */
  get headers(): [name: string, value: Uint8Array][] {
    const [data, headers]: [Buffer, [string, Uint8Array][]] = [this.#part(HEADERS), []];
    for (let at = 0; at < data.length; ) {
      const value = at + 8 + data.readUInt32LE(at);
      const end = value + data.readUInt32LE(at + 4);
      headers.push([data.toString("utf8", at + 8, value), new Uint8Array(data.subarray(value, end))]);
      at = end;
    }
    return headers;
  }

  /** The first header of this name, as text. */
  header(name: string): string | undefined {
    const found = this.headers.find(([other]) => other === name);
    return found && Buffer.from(found[1]).toString();
  }

  /** The payload as the stream's codec reads it. *Errors*: `invalid` if the codec cannot read it. */
  get value(): T {
    const { codec } = this.#values;
    this.#value ??= { value: this.#values.decode(codec.text ? this.#part(PAYLOAD) : this.payload) };
    return this.#value.value;
  }

  /** The payload as it was published: a copy of its bytes. */
  get payload(): Uint8Array {
    return new Uint8Array(this.#part(PAYLOAD));
  }

  /** @internal */
  [inspect.custom](): object {
    const { kind, id, topic, key, headers, count } = this as StreamEvent<T> & { count?: number };
    const some = { ...(key && { key }), ...(headers.length > 0 && { headers }), ...(count && { count }) };
    const shown = { kind, id, topic, ...some };
    try {
      return { ...shown, value: this.value };
    } catch {
      // Of all events, one that cannot be read is to be printed.
      return { ...shown, payload: this.payload };
    }
  }

  #part(part: number): Buffer {
    const data = this[PACKED];
    let from = HEAD;
    for (let before = 0; before < part; before++) from += data.readUInt32LE(LENGTHS + 4 * before);
    return data.subarray(from, from + data.readUInt32LE(LENGTHS + 4 * part));
  }
}

/** The id of an event that is packed there. */
const idAt = (data: Buffer, at: number): string =>
  `${data.readBigUInt64LE(at)}-${data.readBigUInt64LE(at + 8)}`;

/**
 * @internal What makes items of a buffer: `event` makes an event of its part of it, and `made` what is given of an item.
 */
export function unpackItems<E, I = E | Gap | Deleted>(
  event: (data: Buffer) => E,
  made = (item: E | Gap | Deleted, _data: Buffer) => item as I,
): (packed: Uint8Array) => I[] {
  return (packed) => {
    const data = Buffer.from(packed.buffer, packed.byteOffset, packed.byteLength);
    const items: I[] = [];
    for (let at = 0, end = 0; at < data.length; at = end) {
      end = at + HEAD;
      for (let part = TOPIC; part <= PAYLOAD; part++) end += data.readUInt32LE(at + LENGTHS + 4 * part);
      const item = data.subarray(at, end);
      items.push(made(item[0] === 0 ? event(item) : item[0] === 1 ? gap(item) : { kind: "deleted" }, item));
    }
    return items;
  };
}

function gap(data: Buffer): Gap {
  const count = Number(data.readBigUInt64LE(HEAD + 16));
  return { kind: "gap", firstMissing: idAt(data, 8), next: idAt(data, HEAD), count };
}
