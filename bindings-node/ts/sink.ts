// Sinks: consumers of a group, which share its events; each event is answered for.

import { show, type Values } from "./codec.js";
import { Feed } from "./feed.js";
import { type Deleted, type Gap, HEAD, PACKED, StreamEvent, unpackItems } from "./item.js";
import { type Handle, NATIVE } from "./native.js";
import { type CallOptions, call, read } from "./queue.js";
import type { ReadFrom } from "./reader.js";
import type { Step } from "./step.js";
import { PARTS } from "./txn.js";

/**
 * How a sink works. All but `from`, `maxInFlight`, `prefetch` and `signal` are the group's: its first sink sets them,
 * and others must say the same. The signal closes the sink: what is not acknowledged goes to other consumers at once,
 * and calls for events fail with the signal's reason.
 */
export interface SinkOptions extends ReadFrom {
  /** Whether events come side by side, one after the other by `key`, or all one after the other. Default: `"none"`. */
  order?: "none" | "key" | "total" | undefined;
  /** Over how many partitions the keys are spread, with order by `key`: 1 to 1,024. Default: 64. */
  partitions?: number | undefined;
  /** How long an event may stay unanswered before it is delivered again. Default: 30,000. */
  ackWaitMs?: number | undefined;
  /** The pauses before the second, third … delivery; the last one is for all that follow. Default: none. */
  backoffMs?: readonly number[] | undefined;
  /** How often an event is delivered at most. Default: 0, any number of times. */
  maxDeliver?: number | undefined;
  /** The stream of the same scope that gets what is given up. Default: it is dropped. */
  deadLetter?: string | undefined;
  /** How many events may be handed out and unanswered at once. Default: 1,000. */
  maxInFlight?: number | undefined;
  /** How many events the core takes ahead; they count as not delivered. Default: 256. */
  prefetch?: number | undefined;
}

/** What a {@link Sink} gives: an event, which is to be answered, or a gap or news, which are not. */
export type SinkItem<T> = Delivery<T> | Gap | Deleted;

/**
 * An event that a sink has handed out, to be answered: with {@link ack}, {@link nack}, {@link term} or
 * {@link ackWith}. Unanswered it is delivered again when its `ackWaitMs` is over, or its sink is closed.
 *
 * *Errors* of all answers: `fenced` if it is not this consumer's any more, because it was answered before or not in
 * time, or its stream is deleted; `conflict` while an earlier answer is on its way; `closed`, `timeout`, `unavailable`
 * (see {@link PonosError.maybeApplied}); the signal's reason. *Cost*: a round trip, which all answers that meet share.
 * A cancelled answer may still count.
 */
export class Delivery<T> extends StreamEvent<T> {
  readonly #sink: Handle;

  /** @internal */
  constructor(data: Buffer, values: Values<T>, sink: Handle) {
    super(data, values);
    this.#sink = sink;
  }

  /** How often it has been delivered, this time included. */
  get count(): number {
    return this[PACKED].readUInt32LE(4);
  }

  /** The event is dealt with: when this resolves, it is not delivered again. */
  async ack(options?: CallOptions): Promise<void> {
    await call(this.#sink, "sink.ack", [ticket(this)], options);
  }

  /** The event could not be dealt with: it is delivered again after the group's next pause, or after `delayMs`. */
  async nack({ delayMs, ...options }: CallOptions & { delayMs?: number | undefined } = {}): Promise<void> {
    await call(this.#sink, "sink.nack", [ticket(this), delayMs], options);
  }

  /** The event can never be dealt with: it goes to the dead letter now, with the reason. */
  async term(reason: string, options?: CallOptions): Promise<void> {
    await call(this.#sink, "sink.term", [ticket(this), reason], options);
  }

  /** The event is being worked on: its `ackWaitMs` begins anew. *Errors*: as of all answers. *Cost*: no round trip. */
  progress(): void {
    read(this.#sink, "sink.progress", [ticket(this)]);
  }

  /**
   * Acknowledges the event and does what `step` says, in one: both happen, or neither.
   *
   * *Errors*: `conflict` if a condition of the step does not hold: the event is then as it was, and may be answered
   * otherwise; `invalid` if the step leaves the event's scope; those of its parts.
   *
   * @example
   * await event.ackWith(new Step().map(totals.txn().incr("orders")).publish(bills, { topic: "new", payload: bill }));
   */
  async ackWith(step: Step, options?: CallOptions): Promise<void> {
    await call(this.#sink, "sink.ack_with", [ticket(this), step[PARTS]], options);
  }
}

/** By what the core knows a delivery: the end of its head. */
const ticket = (event: Delivery<unknown>): Buffer => event[PACKED].subarray(HEAD - 32, HEAD);

/**
 * A consumer of a group, which share the events of a stream: loop over it, and answer each event.
 *
 * An event is handed out when `next` or a loop gets it, not before: only then its `ackWaitMs` begins; `batches` hands
 * out a batch at once. Leaving a `for await` loop by `break`, `return` or an exception closes the sink, and so does its
 * signal: answers that were given before are sent, then what is not acknowledged, also the event in hand, goes to other
 * consumers at once. (To take some events and go on, call `next`.) A process that ends without closing its sinks keeps
 * their events from others until it is taken for dead, after five seconds; so long out of reach of the engine, a sink
 * hands out nothing. While a call waits for events, the process stays alive.
 */
export class Sink<T> extends Feed<SinkItem<T>> {
  /** @internal */
  constructor(native: Handle, values: Values<T>, signal?: AbortSignal) {
    const event = (data: Buffer) => new Delivery(data, values, native);
    super(native, "sink", unpackItems(event), signal);
  }

  /**
   * Acknowledges several events of this sink; when it resolves, none of them is delivered again. Gaps and news among
   * them need no answer, and are passed over.
   *
   * *Errors*: the first of those that {@link Delivery.ack} would give; the other events are acknowledged all the same.
   * *Cost*: one round trip for all.
   *
   * @example
   * for await (const events of billing.batches(100)) await billing.ack(events);
   */
  async ack(events: Iterable<SinkItem<T>>, options?: CallOptions): Promise<void> {
    const tickets: Buffer[] = [];
    for (const event of events) {
      if (event instanceof Delivery) tickets.push(ticket(event));
      else if (event?.kind !== "gap" && event?.kind !== "deleted")
        throw new TypeError(`what is answered must be an event that this sink gave, not ${show(event)}`);
    }
    await call(this[NATIVE], "sink.ack", [Buffer.concat(tickets)], options);
  }

  /**
   * Leaves the group: answers that were given before are sent, then what is not acknowledged goes to other consumers
   * at once. A call that waits gets the end of the iteration. A second call does nothing.
   *
   * *Errors*: `timeout` or `unavailable` if the engine does not hear of it; then others get the events once this
   * consumer is taken for dead.
   */
  override async close(): Promise<void> {
    super.close();
    await call(this[NATIVE], "sink.close", []);
  }
}
