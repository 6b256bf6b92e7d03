// Steps: what is done to several maps and streams at once.

import { type CallOptions, call } from "./queue.js";
import type { Message, Stream } from "./stream.js";
import { PARTS, type Txn } from "./txn.js";

/**
 * What is done to maps and streams in one step, all or nothing; nothing happens before {@link commit}, or before an event
 * is acknowledged with it ({@link Delivery.ackWith}). They are of one scope, that of the event: see {@link Client.scope}.
 * What is wrong with it is told then.
 */
export class Step {
  /** @internal */
  readonly [PARTS]: unknown[][] = [];

  /**
   * Writes to a map what a transaction says, which is not committed by itself; its conditions are conditions of the
   * step, and it has no `otherwise`. Once for each map.
   */
  map<T>(txn: Txn<T>): this {
    this[PARTS].push(txn[PARTS]);
    return this;
  }

  /** Publishes to a stream, one after the other. Once for each stream. */
  publish<T>(stream: Stream<T>, ...messages: Message<T>[]): this {
    this[PARTS].push(stream[PARTS](messages));
    return this;
  }

  /**
   * Does it, without an event.
   *
   * *Errors*: `invalid` if it is empty, leaves its scope or has a bad part; `conflict` if a condition does not hold:
   * nothing has changed then; those of its parts. *Consistency*: when it resolves, the maps show it here, and nobody
   * ever sees a part of it alone at the engine. *Cost*: one round trip.
   *
   * @example
   * await new Step().map(stock.txn().incr("pen", -1)).publish(sales, { topic: "sold", payload: "pen" }).commit();
   */
  async commit(options?: CallOptions): Promise<void> {
    await call(undefined, "step.commit", [this[PARTS]], options);
  }
}
