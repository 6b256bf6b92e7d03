// Streams: publishing, what is known of a stream, and opening readers and sinks.

import { VALUES, type Values } from "./codec.js";
import { StreamEvent, type StreamItem } from "./item.js";
import { type Content, type Handle, NATIVE } from "./native.js";
import { type CallOptions, call } from "./queue.js";
import { begin, type Opening, opening, Reader, type ReaderOptions, type ReadFrom } from "./reader.js";
import { Sink, type SinkItem, type SinkOptions } from "./sink.js";
import { PARTS } from "./txn.js";

/** Names and values that go along with a payload: an object, or pairs where order or repetition matters. */
export type EventHeaders =
  | Readonly<Record<string, string | Uint8Array>>
  | Iterable<readonly [name: string, value: string | Uint8Array]>;

/** What an event may have besides its topic and payload. */
export interface EventOptions {
  /** What goes along with the payload, up to 16 KiB. */
  headers?: EventHeaders | undefined;
  /** Events of one key can be had one after the other, see {@link SinkOptions.order}. Up to 1 KiB. */
  key?: string | undefined;
  /** An id by which the stream recognises for at least two minutes that it has the event already. Up to 1 KiB. */
  dedupId?: string | undefined;
  /** How long to wait before it is appended, up to 365 days. Default: 0. */
  delayMs?: number | undefined;
}

/**
 * When to publish. An `expectLast` that is there but `undefined` is refused with a `TypeError`: it would be no
 * condition.
 */
export interface PublishConditions extends CallOptions {
  /** Only if the last event has this number; 0: if there is none. */
  expectLast?: bigint | number;
  /** Only if the stream exists. */
  ifExists?: boolean | undefined;
}

/** How to publish an event. */
export interface PublishOptions extends EventOptions, PublishConditions {}

/** How to ask. */
export interface RequestOptions extends CallOptions {
  /** How long to wait for the reply: 1 ms to 100 years. */
  timeoutMs: number;
}

/** An event of a batch or of a step. */
export interface Message<T> extends EventOptions {
  /** Where it belongs: 1 to 255 bytes, levels with dots between them, without white space. */
  topic: string;
  payload: T;
}

/** What became of an event that was published. */
export interface Published {
  /** Its id; `undefined` if it is delayed and has none yet. */
  readonly id: string | undefined;
  /** Its number in this life of the stream, as `expectLast` takes it. */
  readonly seq: bigint | undefined;
  /** Whether the stream had it already, by its `dedupId`: nothing was appended then. */
  readonly duplicate: boolean;
}

/** How a stream is. */
export interface StreamInfo {
  /** How many events it holds. */
  readonly len: number;
  /** How many bytes they take. */
  readonly bytes: number;
  /** The id of the first event that it holds. */
  readonly first: string | undefined;
  /** The id of the last event that was published. */
  readonly last: string | undefined;
  /** Its groups, by name. */
  readonly groups: GroupInfo[];
}

/** How a group is. */
export interface GroupInfo {
  readonly name: string;
  /** How many events it has not looked at yet. */
  readonly lag: number;
  /** How many it has taken and not settled. */
  readonly pending: number;
  /** For how long the one has been held that has been held for longest. */
  readonly oldestPendingMs: number | undefined;
  /** How many consumers it has. */
  readonly consumers: number;
}

/**
 * An ordered log of events with topics. Readers see all of it each, sinks of one group share the work; every event is
 * delivered to a group at least once. It exists from the first publish or sink on.
 *
 * *Errors* of all calls: `closed`, `timeout`, `unavailable` (see {@link PonosError.maybeApplied}); the signal's reason.
 */
export class Stream<T> implements AsyncDisposable {
  /** The stream's name. */
  readonly name: string;
  readonly #native: Handle;
  readonly #values: Values<T>;

  /** @internal */
  constructor(native: Handle, values: Values<T>, name: string) {
    this.#native = native;
    this.#values = values;
    this.name = name;
  }

  /** The name of the stream's codec. */
  get codec(): string {
    return this.#values.codec.name;
  }

  /**
   * Publishes an event: once, even if the answer is lost.
   *
   * *Errors*: `invalid` for a bad topic, a payload over `max_value` of the URL, or a bad option; `conflict` if
   * `expectLast` does not hold, `not_found` if `ifExists` does not; `limited` if the stream is full of events that a
   * group has not settled (see {@link StreamOptions.whenBehind}). *Consistency*: when it resolves, the event has its
   * number, and every reader and sink will get it. *Cost*: one round trip; on Redis, calls that meet share it. A
   * cancelled one may still be published.
   *
   * @example
   * await orders.publish("created", { id: 7 });
   * await orders.publish("created.eu", { id: 8 }, { key: "ann", headers: { source: "web" }, dedupId: "8" });
   */
  async publish(topic: string, payload: T, options?: PublishOptions): Promise<Published> {
    const args = [topic, this.#values.encode(payload)];
    return published(await call(this.#native, "stream.publish", args, options && plain(options)));
  }

  /**
   * Publishes 1 to 1,000 events in one step, one after the other: all of them or none. As {@link publish}; what is
   * wrong with one event is wrong with the batch.
   *
   * @example
   * await orders.publishBatch([{ topic: "created", payload: 7 }, { topic: "paid", payload: 7, key: "ann" }]);
   */
  async publishBatch(messages: Iterable<Message<T>>, options?: PublishConditions): Promise<Published[]> {
    const [stream, ...args] = this[PARTS](messages);
    return (await call<Done[]>(stream, "stream.publish_batch", args, options)).map(published);
  }

  /**
   * Publishes an event and waits for a reply to it.
   *
   * *Errors*: as of {@link publish}; `invalid` for a bad `timeoutMs`; `timeout` if no reply came in time, and `closed` if
   * the stream was closed meanwhile: whether somebody works on it is open then. *Cost*: two round trips and the replier's
   * time.
   *
   * @example
   * const sum = await sums.request("add", [1, 2], { timeoutMs: 5_000 });
   */
  async request(topic: string, payload: T, options: RequestOptions): Promise<T> {
    const args = [topic, this.#values.encode(payload)];
    return this.#values.decode(await call<Content>(this.#native, "stream.request", args, options));
  }

  /**
   * Replies to an event that was published by {@link request}; whether the asker was there to hear it: on Redis its
   * client, even if the request has timed out, in memory whoever waits.
   *
   * *Errors*: `invalid` if the event is no request, or for a payload over `max_value`. *Cost*: one round trip.
   *
   * @example
   * if (event.kind === "event") await sums.reply(event, event.value[0] + event.value[1]);
   */
  async reply(event: StreamEvent<unknown>, payload: T, options?: CallOptions): Promise<boolean> {
    const asked = event instanceof StreamEvent ? event.headers : event;
    return call(this.#native, "stream.reply", [asked, this.#values.encode(payload)], options);
  }

  /**
   * Opens a reader. Loop over it at once, or await it: when it is open, it gives all that is published from then on,
   * and what {@link ReaderOptions.from} says.
   *
   * *Errors*: `invalid` for a bad start, pattern or speed; `not_found` if it is to begin behind an event of a life of
   * the stream that has ended. *Cost*: one round trip to open, one for each 500 events of the past, none for new ones.
   *
   * @example
   * for await (const item of orders.reader({ from: "first", topics: ["created.*"] })) {
   *   if (item.kind === "event") console.log(item.topic, item.value);
   *   else if (item.kind === "gap") console.log(item.count, "events are gone");
   * }
   */
  reader(options: ReaderOptions = {}): Opening<Reader<T>, StreamItem<T>> {
    return opening(this.#open("stream.reader", [], Reader<T>, options));
  }

  /**
   * Becomes a consumer of a group. Await it and close it at the end (`await using` does), or loop over it at once.
   *
   * *Errors*: `invalid` for a bad name or option, or if the group is set to something else; `not_found` as for
   * {@link reader}. *Consistency*: when it is open, a new group gets all that is published. *Cost*: two round trips.
   *
   * @example
   * await using billing = await orders.sink("billing", { ackWaitMs: 10_000, backoffMs: [1_000, 5_000] });
   * for await (const event of billing) {
   *   if (event.kind !== "event") continue; // a gap, or the stream was deleted
   *   console.log("bill", event.value);
   *   await event.ack();
   * }
   */
  sink(group: string, options: SinkOptions = {}): Opening<Sink<T>, SinkItem<T>> {
    return opening(this.#open("stream.sink", [group], Sink<T>, options));
  }

  /**
   * How the stream and its groups are; `undefined` if it does not exist. *Consistency*: as the engine has it, each
   * group for itself. *Cost*: two round trips.
   */
  async info(options?: CallOptions): Promise<StreamInfo | undefined> {
    const found = await call<Info | undefined>(this.#native, "stream.info", [], options);
    if (found === undefined) return undefined;
    const [len, bytes, first, last, groups] = found;
    return { len: Number(len), bytes: Number(bytes), first, last, groups: groups.map(group) };
  }

  /**
   * Takes an event out for all who have not read it; whether it was there. Its number stays taken.
   *
   * *Errors*: `invalid` for what is no id. *Cost*: one round trip.
   */
  async remove(id: string, options?: CallOptions): Promise<boolean> {
    return call(this.#native, "stream.remove", [id], options);
  }

  /**
   * Deletes the stream with its events and groups; whether there was one. Readers and sinks are told, and go on in its
   * next life. *Cost*: one round trip.
   */
  async destroy(options?: CallOptions): Promise<boolean> {
    return call(this.#native, "stream.destroy", [], options);
  }

  /**
   * Deletes a group with what it has not settled; whether there was one. Close its sinks before: one that is open
   * founds it anew at the first event. *Cost*: one round trip.
   */
  async disband(group: string, options?: CallOptions): Promise<boolean> {
    return call(this.#native, "stream.disband", [group], options);
  }

  /** Closes the stream in this client: readers are at their end, sinks leave their groups. A second does nothing. */
  async close(): Promise<void> {
    await call(this.#native, "stream.close", []);
  }

  /** Closes the stream: what `await using` calls. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** @internal What a step and a batch are made of: the stream, and the messages as they cross the border. */
  [PARTS](messages: Iterable<Message<T>>): [Handle, unknown[][]] {
    const values = this.#values;
    const message = ({ topic, payload, ...rest }: Message<T>) => [topic, values.encode(payload), plain(rest)];
    return [this.#native, [...messages].map(message)];
  }

  /** @internal */
  get [NATIVE](): Handle {
    return this.#native;
  }

  /** @internal */
  get [VALUES](): Values<T> {
    return this.#values;
  }

  async #open<F>(op: string, args: unknown[], Feed: Made<T, F>, options: ReadFrom): Promise<F> {
    return new Feed(await call(this.#native, op, args, begin(options)), this.#values, options.signal);
  }
}

/** What is made of a handle that was opened. */
type Made<T, F> = new (native: Handle, values: Values<T>, signal?: AbortSignal) => F;

/** Options with headers that have an order, if any. */
function plain<O extends EventOptions>(options: O): O {
  const { headers } = options;
  if (headers === undefined || !(Symbol.iterator in headers)) return options;
  return { ...options, headers: [...headers] };
}

type Done = [id: Id, duplicate: boolean];

function published([id, duplicate]: Done): Published {
  return { id, seq: id === undefined ? id : BigInt(id.slice(id.indexOf("-") + 1)), duplicate };
}

type Id = string | undefined;
type Group = [name: string, lag: bigint, pending: bigint, oldest: bigint | undefined, consumers: number];
type Info = [len: bigint, bytes: bigint, first: Id, last: Id, groups: Group[]];

function group([name, lag, pending, oldest, consumers]: Group): GroupInfo {
  const oldestPendingMs = oldest === undefined ? undefined : Number(oldest);
  return { name, lag: Number(lag), pending: Number(pending), oldestPendingMs, consumers };
}
