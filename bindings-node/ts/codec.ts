// Codecs: what the values of a map or stream are in JavaScript, and what bytes they are for everyone else.

import { inspect } from "node:util";
import { PonosError } from "./error.js";
import type { Content, Payload } from "./native.js";

/** A codec that writes and reads bytes. */
export interface BytesCodec<T> {
  /** Kept with the map or stream, 1 to 64 bytes: who opens it with another codec is refused. */
  readonly name: string;
  readonly text?: false;
  encode(value: T): Uint8Array;
  /** What it returns is shared by everyone who reads the key until it changes: it should not be changed. */
  decode(data: Uint8Array): T;
}

/** A codec that writes and reads text, which Node handles faster than bytes. */
export interface TextCodec<T> {
  /** Kept with the map or stream, 1 to 64 bytes: who opens it with another codec is refused. */
  readonly name: string;
  readonly text: true;
  encode(value: T): string;
  /** What it returns is shared by everyone who reads the key until it changes: it should not be changed. */
  decode(text: string): T;
}

/**
 * How values are written and read: {@link bytes}, {@link str}, {@link json}, or one of your own.
 *
 * @example
 * import { decode, encode } from "@msgpack/msgpack";
 * const msgpack: Codec<Order> = { name: "msgpack", encode, decode: (data) => decode(data) as Order };
 */
export type Codec<T> = BytesCodec<T> | TextCodec<T>;

/** Values are bytes: what a map or stream has that is opened without a codec. Each read gives a copy. */
export const bytes: BytesCodec<Uint8Array> = { name: "bytes", encode: same, decode: same };

/** Values are strings, in UTF-8. */
export const str: TextCodec<string> = { name: "str", text: true, encode: same, decode: same };

function same<V>(value: V): V {
  return value;
}

/**
 * Values are what JSON can hold, in UTF-8 without spaces, as in every language. What is read is frozen, since
 * all readers share it: `structuredClone` gives a copy to change. Counters read as numbers, exact up to 2^53.
 *
 * `NaN` and the infinities, which JSON does not have, are refused with a `TypeError`.
 */
export function json<T>(): TextCodec<T> {
  return JSON_CODEC as TextCodec<T>;
}

const JSON_CODEC: TextCodec<unknown> = {
  name: "json",
  text: true,
  encode(value) {
    const text = JSON.stringify(value);
    if (text === undefined) throw new TypeError(`json has no ${typeof value}`);
    // A number that JSON does not have becomes null there; so only a text with a null has to be looked at
    // again.
    if (text.includes("null")) JSON.stringify(value, refuse);
    return text;
  },
  decode: (text) => freeze(JSON.parse(text)),
};

function refuse(key: string, value: unknown): unknown {
  if (typeof value === "number" && !Number.isFinite(value)) {
    throw new TypeError(`json has no ${value}${key && `, which is at "${key}"`}`);
  }
  return value;
}

function freeze<V>(value: V): V {
  if (typeof value === "object" && value !== null) {
    for (const each of Object.values(value)) freeze(each);
    Object.freeze(value);
  }
  return value;
}

// `ignoreBOM` keeps the mark: it is part of the text.
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Where a map, snapshot or stream keeps its values' codec. */
export const VALUES = Symbol("values");

/** The codec of a map or stream with the checks around it. */
export class Values<T> {
  constructor(
    readonly codec: Codec<T>,
    /** What it is of, and its name. */
    readonly of: "map" | "stream",
    readonly name: string,
  ) {}

  encode(value: T): Payload {
    const data: unknown = this.codec.encode(value);
    const { name, text } = this.codec;
    if (text === true ? typeof data === "string" : data instanceof Uint8Array) return data as Payload;
    const wanted = text === true ? "text" : "a Uint8Array";
    throw new TypeError(`the codec "${name}" of the ${this.of} wants ${wanted}, not ${show(data)}`);
  }

  /** Items as an array; a string, whose characters nobody means, is left for the core to refuse. */
  encodeAll(items: Iterable<T>): unknown {
    if (typeof items !== "object" || items === null || !(Symbol.iterator in items)) return items;
    return Array.from(items, (item) => this.encode(item));
  }

  /** A plain value; of a list an array, of a set a `Set`. The types say `T`, see `PonosMap.get`. */
  decode(content: Content): T {
    if (typeof content === "string" || content instanceof Uint8Array) return this.#decode(content);
    if (Array.isArray(content)) return content.map((item) => this.#decode(item)) as T;
    return new Set(content.set.map((item) => this.#decode(item))) as T;
  }

  #decode(data: Payload): T {
    const { codec } = this;
    try {
      if (codec.text === true) return codec.decode(typeof data === "string" ? data : utf8.decode(data));
      return codec.decode(typeof data === "string" ? new Uint8Array(Buffer.from(data, "latin1")) : data);
    } catch (cause) {
      const message = `the codec "${codec.name}" cannot read a value of the ${this.of}`;
      throw new PonosError(["invalid", message, "decode", this.name, false], cause);
    }
  }
}

/** A value for a message, short. */
export const show = (value: unknown): string => inspect(value, { depth: -1, maxStringLength: 40 });
