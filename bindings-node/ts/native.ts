// The native half, as this package sees it: what `../src` exports, and where its library is.

import { join } from "node:path";

/**
 * A value on its way over the border: for codecs that read text it is text, or bytes if they are no UTF-8.
 * For others it is bytes, or, since Node makes strings faster, a string with a character for each byte.
 */
export type Payload = string | Uint8Array;

/** One value, or the items of a list or set. */
export type Content = Payload | Payload[];

/** The number under which an answer will come, or the answer. */
export type Started<A> = number | A | Failure;

export interface Failure {
  kind: string;
  operation: string;
  object: string;
  message: string;
  maybeApplied: boolean;
  causes: string[];
}

/** What a write did: of each kind of write, its part. */
export interface Done {
  revision: bigint;
  changed: boolean;
  previous?: Payload;
  value: number | bigint;
  size: number;
  matched: boolean;
}

export interface NativeEntry {
  content: Content;
  revision: bigint;
  shape: "plain" | "list" | "set";
  deadline?: number;
}

export interface When {
  key?: string;
  is: "absent" | "present" | "revision" | "value";
  revision?: bigint;
  value?: Payload;
}

export type Edit = "listAppend" | "listAppendUnique" | "listRemove" | "setAdd" | "setRemove";

export interface Step {
  op: Edit | "set" | "delete" | "incr" | "incrFloat" | "touch";
  key: string;
  value?: Payload;
  items?: Payload[];
  by?: bigint;
  byFloat?: number;
  ttlMs?: number;
}

export interface Part {
  kind: "pattern" | "key" | "prefix" | "glob";
  text: string;
}

/** Reads that a map and a snapshot of it have both. */
interface Reads {
  entry(key: string): NativeEntry | null;
  has(key: string): boolean;
  size(): number;
  /** Generation and revision. */
  position(): [bigint, bigint];
}

export interface NativeSnapshot extends Reads {
  keys(): string[];
  entries(): Uint8Array;
  prefix(prefix: string): Uint8Array;
  range(from?: string, to?: string): Uint8Array;
}

export interface NativeWatcher {
  next(max: number): Started<Uint8Array> | null;
  close(): void;
}

export interface NativeMap extends Reads {
  get(key: string): Content | null;
  status(): { state: "live" | "stale" | "resyncing" | "closed"; since?: number };
  snapshot(): NativeSnapshot;
  stamps(): ArrayBuffer | null;
  watch(parts: Part[] | undefined, snapshot: boolean, revision?: bigint): NativeWatcher;
  set(key: string, value: Payload, when?: When, ttlMs?: number): Started<Done>;
  delete(key: string, when?: When): Started<Done>;
  incr(key: string, by: bigint, min?: bigint, max?: bigint): Started<Done>;
  incrFloat(key: string, by: number, min?: number, max?: number): Started<Done>;
  edit(op: Edit, key: string, items: Payload[]): Started<Done>;
  touch(key: string, ttlMs?: number): Started<Done>;
  txn(compare: When[], then: Step[], otherwise: Step[]): Started<Done>;
  getLatest(key: string): Started<NativeEntry | null>;
  waitFor(revision: bigint): Started<bigint>;
  run(op: "clear" | "destroy"): Started<Done>;
  run(op: "sync"): Started<bigint>;
  run(op: "close"): Started<null>;
}

export interface NativeClient {
  map(name: string, codec: string, text: boolean, ordered: boolean, watchQueue?: number): Started<NativeMap>;
  close(): Started<null>;
}

export interface EventLoop {
  open(url: string): Started<NativeClient>;
  cancel(call: number): void;
  listen(level: string): number | null;
  unlisten(listener: number): void;
}

interface Native {
  EventLoop: new (settle: (batch: unknown[]) => void, note: ArrayBuffer) => EventLoop;
}

/** The C library that this Node runs on, as it stands in the names of platforms. */
function abi(): string {
  if (process.platform === "win32") return "-msvc";
  if (process.platform !== "linux") return "";
  // Without this the report asks the network for the names of hosts.
  const report = process.report as NodeJS.ProcessReport & { excludeNetwork: boolean };
  const before = report.excludeNetwork;
  report.excludeNetwork = true;
  const { header } = report.getReport() as { header: { glibcVersionRuntime?: string } };
  report.excludeNetwork = before;
  return header.glibcVersionRuntime === undefined ? "-musl" : "-gnu";
}

/** The library comes with this package, or as a package of its own for the platform. */
function load(): Native {
  const platform = `${process.platform}-${process.arch}${abi()}`;
  const places = [join(__dirname, "..", "native", `ponos.${platform}.node`), `@ponos/ponos-${platform}`];
  const causes: unknown[] = [];
  for (const place of places) {
    try {
      return require(place) as Native;
    } catch (cause) {
      causes.push(cause);
    }
  }
  const cause = new AggregateError(causes, places.join(", "));
  throw new Error(`@ponos/ponos has no native library for ${platform}, or it cannot be loaded`, { cause });
}

export const native: Native = load();
