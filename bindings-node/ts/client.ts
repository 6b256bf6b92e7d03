// The client: opens an engine by URL and gives out maps and streams by name.

import type { Handle } from "./native.js";
import { type CallOptions, call } from "./queue.js";
import { Scope } from "./scope.js";

/**
 * Opens the engine that `url` names: `memory://name` in this process, shared with its worker threads, or
 * `redis://user:password@host:6379/0` (`rediss://` with TLS).
 *
 * Parameters, after `?`: `timeout` (of each call, default `5s`), `max_value` (bytes, default 1 MiB),
 * `log_len` (log entries kept for repair, default 10,000); for Redis also `prefix` (of every key, default
 * `ponos:`) and `connect_timeout` (default `5s`); for `rediss` also `ca`, `cert` and `key` (PEM files).
 *
 * *Errors*: `invalid` for a bad URL, an unknown parameter or a refused login; `unavailable` or `timeout` if
 * the engine does not answer within `connect_timeout`. *Cost*: for Redis two connections, however many maps and
 * streams are opened.
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

/** A client of one engine: a {@link Scope} whose maps and streams are each by themselves. */
export class Client extends Scope implements AsyncDisposable {
  /** What kind of engine it has: the scheme of its URL. */
  readonly engine: string;
  readonly #native: Handle;

  /** @internal */
  constructor(native: Handle, engine: string) {
    super(native, {});
    this.#native = native;
    this.engine = engine;
  }

  /**
   * A scope: its maps and streams have it in front of their names, and can be changed together in one {@link Step}.
   * *Errors*: its maps and streams refuse a bad name when they are opened.
   *
   * @example
   * const shop = client.scope("shop");
   * const [orders, totals] = [await shop.stream("orders"), await shop.map("totals")];
   */
  scope(name: string): Scope {
    return new Scope(this.#native, { scope: name });
  }

  /** Closes every map and stream, waiting for writes in flight, and the connections. A second call does nothing. */
  async close(): Promise<void> {
    await call(this.#native, "client.close", []);
  }

  /** Closes the client: what `await using` calls. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
