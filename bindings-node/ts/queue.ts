// The calls of this thread, and the native event loop that answers them.

import { thrown } from "./error.js";
import type { LogLevel } from "./log.js";
import { type Handle, native } from "./native.js";
import { onAbort } from "./signal.js";

/** Options that every call takes which can wait. */
export interface CallOptions {
  /**
   * Cancels the call: it rejects with the signal's reason. A write that was under way may still be applied.
   */
  signal?: AbortSignal | undefined;
}

const waiting = new Map<number, (answer: unknown) => void>();
let listener: Listener | undefined;

/** What `get` writes beside its answer: whether it may be kept, where its stamp is, and its stamp. */
export const note = new Uint32Array(3);

/** The way into the core. It keeps the process alive only while calls wait. */
export const loop = new native.EventLoop(settle, note);

type Listener = (record: [LogLevel, string, string]) => void;

/** Has log records given to `heard`: level, target and message. */
export function listenWith(heard: Listener | undefined): void {
  listener = heard;
}

/** Takes a batch: a number and its answer, again and again; the number of a log record is 0. */
function settle(batch: unknown[]): void {
  for (let at = 0; at < batch.length; at += 2) {
    const call = batch[at] as number;
    if (call === 0) {
      const heard = listener;
      // By itself: an error of the listener's must not keep answers from their callers.
      if (heard) queueMicrotask(() => heard(batch[at + 1] as Parameters<Listener>[0]));
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

/** An operation: on what, which, and with which arguments in order. */
export interface Call {
  on?: Handle;
  op: string;
  args: unknown[];
  /** Of a map that is opened: whether its codec reads text. */
  text?: boolean;
  /** How much work of the caller's follows an answer. */
  weight?: number;
}

/**
 * Starts an operation with the options that the caller was given. An answer that is ready at once is returned
 * without a promise, which would take as long as the call. A loop of such calls would keep all else from running
 * for ever, so now and then one comes a turn of Node's loop later.
 */
export function call<A>({ on, op, args, text, weight = 1 }: Call, options?: CallOptions): A | Promise<A> {
  let signal: AbortSignal | undefined;
  if (options !== undefined) {
    if (typeof options !== "object" || options === null)
      throw new TypeError(`options are an object, not ${options}`);
    const { signal: given, ...named } = options;
    signal = given;
    signal?.throwIfAborted();
    args.push(named);
  }
  const answer = loop.call(on, op, args, text);
  if (typeof answer === "number") return later(answer, signal);
  ready += weight;
  if (ready < TURN) return checked(answer);
  ready = 0;
  return new Promise((resolve) => setImmediate(resolve, answer)).then(checked<A>);
}

/** A read of the local copy, which never waits. */
export function read<A>(on: Handle, op: string, args: unknown[] = []): A {
  return checked(loop.call(on, op, args));
}

/** Waits for an answer or a signal. The error is made here so that its stack has those who wait for it. */
async function later<A>(number: number, signal: AbortSignal | undefined): Promise<A> {
  const forget = signal && onAbort(signal, () => loop.cancel(number));
  const answer = await new Promise((resolve) => waiting.set(number, resolve));
  forget?.();
  if (signal?.aborted) throw signal.reason;
  return checked(answer);
}

function checked<A>(answer: unknown): A {
  if (typeof answer === "object" && answer !== null && "error" in answer)
    throw thrown(answer.error as Parameters<typeof thrown>[0]);
  return answer as A;
}
