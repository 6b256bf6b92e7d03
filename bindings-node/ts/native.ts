// The native half, as this package sees it: what `../src` exports, and where its library is.

import { join } from "node:path";

/**
 * A value on its way over the border: for codecs that read text it is text, or bytes if they are no UTF-8.
 * For others it is bytes, or, since Node makes strings faster, a string with a character for each byte.
 */
export type Payload = string | Uint8Array;

/** One value, the items of a list, or those of a set. */
export type Content = Payload | Payload[] | { set: Payload[] };

/** What is opened: a client, map, snapshot or stream, or what gives things one after the other. */
export interface Handle {
  /** Whether the codec of a map reads text. */
  text: boolean;
  get(key: string): Content | null;
  has(key: string): boolean;
  stamps(): ArrayBuffer | null;
}

/** Where a map or snapshot keeps its handle: under no name that a program could take for one of its own. */
export const NATIVE = Symbol("native");

/** The one way in for all else: the operations are those of `ops.rs` of bindings-core, by name. */
export interface EventLoop {
  /** The number under which an answer will come, or the answer; of a read it is the answer. */
  call(on: Handle | undefined, op: string, args: unknown[]): unknown;
  cancel(call: number): void;
  /** Sends log records up to a level, or none, to the loop; says whether there is such a level. */
  listen(level: string | undefined): boolean;
}

interface Native {
  EventLoop: new (settle: (batch: unknown[]) => void, note: Uint32Array) => EventLoop;
  Handle: abstract new () => Handle;
}

/** The library comes with this package, or as a package of its own for the platform and its C library. */
function load(): Native {
  const platforms = ["-gnu", "-musl", "-msvc", ""].map((abi) => `${process.platform}-${process.arch}${abi}`);
  const ours = platforms.map((platform) => join(__dirname, "..", "native", `ponos.${platform}.node`));
  const places = [...ours, ...platforms.map((platform) => `@ponos/ponos-${platform}`)];
  const causes: unknown[] = [];
  for (const place of places) {
    try {
      return require(place) as Native;
    } catch (cause) {
      causes.push(cause);
    }
  }
  const message = `@ponos/ponos has no native library for ${platforms[3]}, or it cannot be loaded`;
  throw new AggregateError(causes, message);
}

export const native: Native = load();
