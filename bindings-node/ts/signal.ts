// AbortSignals, with one listener for however many calls share one: Node warns of leaks from the eleventh on.

interface Watched {
  readonly calls: Set<() => void>;
  readonly listener: () => void;
}

const watched = new WeakMap<AbortSignal, Watched>();

/** Has `abort` called when the signal fires; returns what ends that. */
export function onAbort(signal: AbortSignal, abort: () => void): () => void {
  const { calls, listener } = watched.get(signal) ?? begin(signal);
  calls.add(abort);
  return () => {
    calls.delete(abort);
    if (calls.size > 0) return;
    signal.removeEventListener("abort", listener);
    watched.delete(signal);
  };
}

function begin(signal: AbortSignal): Watched {
  const calls = new Set<() => void>();
  const listener = () => {
    for (const abort of calls) abort();
  };
  signal.addEventListener("abort", listener, { once: true });
  const made = { calls, listener };
  watched.set(signal, made);
  return made;
}
