// AbortSignals.

import { setMaxListeners } from "node:events";

/** Has `abort` called when the signal fires; returns what ends that. */
export function onAbort(signal: AbortSignal, abort: () => void): () => void {
  // Each call that waits listens; Node takes more than ten of them for a leak and would warn.
  setMaxListeners(0, signal);
  signal.addEventListener("abort", abort, { once: true });
  return () => signal.removeEventListener("abort", abort);
}
