// Steps: what is done together with the acknowledgement of an event.

import type { Message, Stream } from "./stream.js";
import { PARTS, type Txn } from "./txn.js";

/**
 * What is done in one step with the acknowledgement of an event; nothing happens before {@link Delivery.ackWith}. Its
 * maps and streams are of one scope, that of the event: see {@link Client.scope}. What is wrong with it is told then.
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
}
