// Watchers: the events of a map as an async iterator.

import type { Values } from "./codec.js";
import { type MapEvent, unpackEvents } from "./event.js";
import { Feed } from "./feed.js";
import type { Handle } from "./native.js";
import type { CallOptions } from "./queue.js";

/**
 * Which keys: a key; a pattern, where `*` stands for any characters, `?` for one, and `\` takes the next one
 * literally; `{ key }`, `{ prefix }` or `{ glob }`, which are taken as what they say they are; or several of
 * these.
 */
export type Filter = string | { key: string } | { prefix: string } | { glob: string } | readonly Filter[];

/** How to watch. */
export interface WatchOptions extends CallOptions {
  /**
   * Where to begin.
   * - `"now"` (default): with the next change.
   * - `"snapshot"`: with a `set` for every entry, by key, then `synced`, then the changes.
   * - a revision: with the change after it, from the engine's log, then `synced`, then the changes. If the
   *   log does not reach back so far: `resynced`, and a `set` for every entry.
   */
  from?: "now" | "snapshot" | bigint | number | undefined;
}

/**
 * The events of a map, in order and without gaps, until the map or the watcher is closed.
 *
 * A watcher that is slow gets the events of one key merged once more than `watchQueue` wait, and never loses
 * one silently. Leaving a `for await` loop by `break`, `return` or an exception closes it. While a call waits
 * for events, the process stays alive.
 */
export class Watcher<T> extends Feed<MapEvent<T>> {
  /** @internal */
  constructor(native: Handle, values: Values<T>, signal?: AbortSignal) {
    super(native, "watch", (data) => [...unpackEvents(data, values)], signal);
  }
}
