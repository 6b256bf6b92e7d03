// The client: opens an engine by URL and gives out maps by name.

import { bytes, type Codec, show, Values } from "./codec.js";
import { PonosMap } from "./map.js";
import type { Handle } from "./native.js";
import { type CallOptions, call } from "./queue.js";

/** How to open a map. */
export interface MapOptions<T = Uint8Array> extends CallOptions {
  /** How values are written and read. Default: {@link bytes}. */
  codec?: Codec<T> | undefined;
  /** Keep an index of the keys in order, for `prefix` and `range`; about 3 µs more a change. Default: `false`. */
  ordered?: boolean | undefined;
  /** How many events of a watcher wait one by one before those of one key are merged. Default: 4,096. */
  watchQueue?: number | undefined;
}

/**
 * Opens the engine that `url` names: `memory://name` in this process, shared with its worker threads, or
 * `redis://user:password@host:6379/0` (`rediss://` with TLS).
 *
 * Parameters, after `?`: `timeout` (of each call, default `5s`), `max_value` (bytes, default 1 MiB),
 * `log_len` (log entries kept for repair, default 10,000); for Redis also `prefix` (of every key, default
 * `ponos:`) and `connect_timeout` (default `5s`); for `rediss` also `ca`, `cert` and `key` (PEM files).
 *
 * *Errors*: `invalid` for a bad URL, an unknown parameter or a refused login; `unavailable` or `timeout` if
 * the engine does not answer within `connect_timeout`. *Cost*: for Redis two connections, however many maps
 * are opened.
 *
 * @example
 * const client = await open("memory://");
 * const greetings = await client.map("greetings", { codec: str });
 * await greetings.set("en", "hello");
 * await client.close();
 */
export async function open(url: string, options?: CallOptions): Promise<Client> {
  const native = await call<Handle>(undefined, "open", [url], options);
  return new Client(native, url.slice(0, url.indexOf(":")));
}

/** A client of one engine. */
export class Client implements AsyncDisposable {
  /** What kind of engine it has: the scheme of its URL. */
  readonly engine: string;
  readonly #native: Handle;

  /** @internal */
  constructor(native: Handle, engine: string) {
    this.#native = native;
    this.engine = engine;
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
    const { codec = bytes as Codec<unknown>, ...named } = options;
    if (typeof codec?.encode !== "function" || typeof codec.decode !== "function") {
      const hint = (codec as unknown) === "json" || typeof codec === "function" ? "; write json()" : "";
      throw new TypeError(`a codec has a name, encode and decode; ${show(codec)} has not${hint}`);
    }
    const map = await call<Handle>(this.#native, "client.map", [name, codec.name], named);
    map.text = codec.text === true;
    return new PonosMap(map, new Values(codec, name), name);
  }

  /** Closes every map, waiting for writes in flight, and the connections. A second call does nothing. */
  async close(): Promise<void> {
    await call(this.#native, "client.close", []);
  }

  /** Closes the client: what `await using` calls. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
