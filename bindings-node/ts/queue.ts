// The calls of this thread that wait, and the native event loop that answers them.

import type { CallOptions } from "./check.js";
import { PonosError } from "./error.js";
import { type Failure, native, type Started } from "./native.js";
import { onAbort } from "./signal.js";

const waiting = new Map<number, (answer: unknown) => void>();
const log: { listener?: ((record: never) => void) | undefined } = {};

/** What `get` writes beside its answer: the shape, whether it may be kept, where its stamp is, and its stamp. */
export const note = new Uint32Array(4);

/** The way into the core. It keeps the process alive only while calls wait. */
export const loop = new native.EventLoop(settle, note.buffer);

/** Has log records given to `listener`. */
export function listenWith(listener: ((record: never) => void) | undefined): void {
  log.listener = listener;
}

/** Takes a batch: a number and its answer, again and again; the number of a log record is 0. */
function settle(batch: unknown[]): void {
  for (let at = 0; at < batch.length; at += 2) {
    const call = batch[at] as number;
    if (call === 0) {
      const { listener } = log;
      // By itself: an error of the listener's must not keep answers from their callers.
      if (listener) queueMicrotask(() => listener(batch[at + 1] as never));
    } else {
      const resolve = waiting.get(call);
      waiting.delete(call);
      resolve?.(batch[at + 1]);
    }
  }
}

/** How many ready answers may follow each other before timers and sockets have their turn. */
const TURN = 256;
let ready = 0;

/**
 * Starts a call. An answer that is ready at once is returned without a promise, which would take as long as
 * the call. A loop of such calls would keep all else from running for ever, so now and then one comes a turn
 * of Node's loop later; `weight` says how much work of the caller's follows an answer.
 */
export function call<A>(start: () => Started<A>, { signal }: CallOptions = {}, weight = 1): A | Promise<A> {
  signal?.throwIfAborted();
  const answer = start();
  if (typeof answer === "number") return later(answer, signal);
  ready += weight;
  if (ready < TURN) return checked(answer);
  ready = 0;
  return new Promise((resolve) => setImmediate(resolve, answer)).then(() => checked(answer));
}

/** Waits for an answer or a signal. The error is made here so that its stack has those who wait for it. */
async function later<A>(number: number, signal: AbortSignal | undefined): Promise<A> {
  return checked(await pending<A>(number, signal));
}

function checked<A>(answer: Started<A>): A {
  if (isFailure(answer)) throw new PonosError(answer);
  return answer as A;
}

function pending<A>(number: number, signal: AbortSignal | undefined): Promise<A | Failure> {
  return new Promise((resolve, reject) => {
    if (!signal) {
      waiting.set(number, resolve as (answer: unknown) => void);
      return;
    }
    const forget = onAbort(signal, () => {
      forget();
      waiting.delete(number);
      loop.cancel(number);
      reject(signal.reason);
    });
    waiting.set(number, (answer) => {
      forget();
      resolve(answer as A | Failure);
    });
  });
}

function isFailure(answer: unknown): answer is Failure {
  return typeof answer === "object" && answer !== null && "maybeApplied" in answer;
}
