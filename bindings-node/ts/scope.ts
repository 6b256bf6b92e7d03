// Scopes: what opens maps and streams by name.

import { bytes, type Codec, show, Values } from "./codec.js";
import { PonosMap } from "./map.js";
import type { Handle } from "./native.js";
import { type CallOptions, call } from "./queue.js";
import { Stream } from "./stream.js";

/** How to open a map. */
export interface MapOptions<T = Uint8Array> extends CallOptions {
  /** How values are written and read. Default: {@link bytes}. */
  codec?: Codec<T> | undefined;
  /** Keep an index of the keys in order, for `prefix` and `range`; about 3 µs more a change. Default: `false`. */
  ordered?: boolean | undefined;
  /** How many events of a watcher wait one by one before those of one key are merged. Default: 4,096. */
  watchQueue?: number | undefined;
}

/** How to open a stream. What is kept is what this client keeps when it publishes. */
export interface StreamOptions<T = Uint8Array> extends CallOptions {
  /** How payloads are written and read. Default: {@link bytes}. */
  codec?: Codec<T> | undefined;
  /** How many events are kept. Default: 1,000,000. */
  maxLen?: number | bigint | undefined;
  /** How many bytes of events are kept. Default: 256 MiB. */
  maxBytes?: number | bigint | undefined;
  /** How long events are kept; what is older goes with the next publish. Default: for any time. */
  maxAgeMs?: number | undefined;
  /**
   * What becomes of too many events that a group has not settled.
   * - `"keep"` (default): they are kept besides, up to four times as much as `maxLen` and `maxBytes` say.
   * - `"skip"`: they go, which the group is told as a {@link Gap}.
   * - `"reject"`: publishing fails with `limited` until the group has gone on.
   */
  whenBehind?: "keep" | "skip" | "reject" | undefined;
}

/** What opens maps and streams: a {@link Client}, or what {@link Client.scope} gives. */
export class Scope {
  readonly #native: Handle;
  readonly #scope: { scope?: string };

  /** @internal */
  constructor(native: Handle, scope: { scope?: string }) {
    this.#native = native;
    this.#scope = scope;
  }

  /**
   * Opens a map: subscribes to its changes and loads its entries. A map that nobody has written to is empty;
   * opening it creates nothing at the engine. Opened twice by one client, a name gives the same local copy.
   *
   * *Errors*: `invalid` for a bad name (empty, over 200 bytes, with control characters or braces), another
   * codec than the map has, or other options than it is open with; `closed`, `timeout`, `unavailable`.
   * *Consistency*: shows at least every write that had returned anywhere. *Cost*: a few round trips and one
   * for each 1,000 keys; about 250 bytes of memory per entry besides its key and value.
   *
   * @example
   * const prices = await client.map("prices", { codec: json<number>() });
   */
  map(name: string, options?: MapOptions<Uint8Array>): Promise<PonosMap<Uint8Array>>;
  map<T>(name: string, options: MapOptions<T> & { codec: Codec<T> }): Promise<PonosMap<T>>;
  async map(name: string, options: MapOptions<unknown> = {}): Promise<PonosMap<unknown>> {
    return this.#open("map", name, PonosMap<unknown>, options);
  }

  /**
   * Opens a stream. The first publish or sink creates it; opening it creates nothing at the engine. Opened twice by one
   * client, a name gives the same stream.
   *
   * *Errors*: `invalid` for a bad name (empty, over 200 bytes, with control characters or braces), another codec than
   * the stream has, or other options than it is open with; `closed`, `timeout`, `unavailable`. *Cost*: two round trips;
   * up to 1 MiB of memory for the events heard of last.
   *
   * @example
   * const orders = await client.stream("orders", { codec: json<Order>(), maxLen: 10_000 });
   */
  stream(name: string, options?: StreamOptions<Uint8Array>): Promise<Stream<Uint8Array>>;
  stream<T>(name: string, options: StreamOptions<T> & { codec: Codec<T> }): Promise<Stream<T>>;
  async stream(name: string, options: StreamOptions<unknown> = {}): Promise<Stream<unknown>> {
    return this.#open("stream", name, Stream<unknown>, options);
  }

  async #open<O>(kind: "map" | "stream", name: string, Opened: Made<O>, options: Options): Promise<O> {
    const { codec = bytes as Codec<unknown>, ...named } = options;
    if (typeof codec?.encode !== "function" || typeof codec.decode !== "function") {
      const hint = (codec as unknown) === "json" || typeof codec === "function" ? "; write json()" : "";
      throw new TypeError(`a codec has a name, encode and decode; ${show(codec)} has not${hint}`);
    }
    const args = [name, codec.name];
    const handle = await call<Handle>(this.#native, `client.${kind}`, args, { ...named, ...this.#scope });
    handle.text = codec.text === true;
    return new Opened(handle, new Values(codec, kind, name), name);
  }
}

type Options = CallOptions & { codec?: Codec<unknown> | undefined };

/** What is made of a handle that was opened. */
type Made<O> = new (native: Handle, values: Values<unknown>, name: string) => O;
