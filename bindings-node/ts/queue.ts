// The calls of this thread, and the native event loop that answers them.

import { thrown } from "./error.js";
import { type Handle, native } from "./native.js";
import { onAbort } from "./signal.js";

/** Options that every call takes which can wait. */
export interface CallOptions {
  /**
   * Cancels the call: it rejects with the signal's reason. A write that was under way may still be applied, and
   * is forgotten only when Node's loop turns: a program that starts calls without ever waiting keeps them all.
   */
  signal?: AbortSignal | undefined;
}

/** Who waits for an answer, by the number of the call; under 0, who hears of log records. */
export const waiting = new Map<number, (answer: never) => void>();

/** What `get` writes beside its answer: whether it may be kept, where its stamp is, and its stamp. */
export const note = new Uint32Array(3);

/** The way into the core. It keeps the process alive only while calls wait. */
export const loop = new native.EventLoop(settle, note);

/** Takes a batch: a number and its answer, again and again. */
function settle(batch: unknown[]): void {
  for (let at = 0; at < batch.length; at += 2) {
    const [call, answer] = [batch[at] as number, batch[at + 1] as never];
    const resolve = waiting.get(call);
    // By itself: an error of the listener's must not keep answers from their callers.
    if (call === 0) queueMicrotask(() => resolve?.(answer));
    else if (waiting.delete(call)) resolve?.(answer);
  }
}

/** How many ready answers may follow each other before timers and sockets have their turn. */
const TURN = 256;
let ready = 0;

/**
 * Starts an operation with its arguments and the options that the caller was given.
 *
 * An answer that is ready at once is returned without a promise, which would take as long as the call. A loop of such
 * calls would keep all else from running for ever, so now and then one comes a turn of Node's loop later.
 */
export function call<A>(
  on: Handle | undefined,
  op: string,
  args: unknown[],
  options?: CallOptions,
): A | Promise<A> {
  if (options === null || (options !== undefined && typeof options !== "object"))
    throw new TypeError(`options are an object, not ${options}`);
  const { signal, ...named } = options ?? {};
  // Also of calls that are not made, a loop is to let all else run.
  const given = options === undefined ? args : [...args, named];
  const answer: unknown = signal?.aborted ? { aborted: signal.reason } : loop.call(on, op, given);
  if (typeof answer === "number") return later(answer, signal);
  const pause = breath(1);
  return pause === undefined ? checked(answer) : pause.then(() => checked<A>(answer));
}

/** Counts work that was ready at once, by how much it is; now and then gives what to wait for, for all else to run. */
export function breath(weight: number): Promise<void> | undefined {
  ready += weight;
  if (ready < TURN) return undefined;
  ready = 0;
  return new Promise((resolve) => setImmediate(resolve));
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
  // What was opened all the same is given: nobody else could close it.
  if (signal?.aborted && !(answer instanceof native.Handle)) throw signal.reason;
  return checked(answer);
}

function checked<A>(answer: unknown): A {
  if (typeof answer === "object" && answer !== null) {
    if ("error" in answer) throw thrown(answer.error as Parameters<typeof thrown>[0]);
    if ("aborted" in answer) throw answer.aborted;
  }
  return answer as A;
}
