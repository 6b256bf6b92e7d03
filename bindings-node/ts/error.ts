// The one error of this package.

/**
 * What went wrong, by what to do about it.
 *
 * - `invalid`: the call itself is wrong, or meets a value of another type. Mend the call.
 * - `not_found`: what was asked for does not exist.
 * - `conflict`: a condition or bound of the write did not hold; nothing changed. Read again and decide anew.
 * - `closed`: the map or client is closed. Open a new one.
 * - `timeout`: the deadline passed. If `maybeApplied`, read before repeating a write that is not idempotent.
 * - `unavailable`: the engine cannot be reached now, or was lost during the call. Local reads go on; try again later.
 *   If `maybeApplied`, read before repeating a write that is not idempotent.
 * - `quorum`: too few peers answered.
 * - `limited`: a limit was reached. Wait, or ask for less.
 * - `fenced`: another owner has taken over; stop the work this call was for.
 * - `internal`: a fault of Ponos or of the engine. Please report it.
 */
export type ErrorKind = Refused | Failed;

type Refused = "invalid" | "not_found" | "conflict" | "closed" | "limited" | "fenced";
type Failed = "timeout" | "unavailable" | "quorum" | "internal";

/** {@link ErrorKind} in the manner of Node: `PONOS_CONFLICT`, `PONOS_NOT_FOUND`, … */
export type ErrorCode = `PONOS_${Uppercase<ErrorKind>}`;

/**
 * What every call of this package fails with, unless an argument is of a wrong type (`TypeError`,
 * `RangeError`) or its `AbortSignal` fired (the signal's reason).
 *
 * @example
 * try {
 *   await leaders.set("shard-1", "me", { ifAbsent: true });
 * } catch (error) {
 *   if (error.code !== "PONOS_CONFLICT") throw error;
 * }
 */
export class PonosError extends Error {
  /** What to do about it. */
  readonly kind: ErrorKind;
  /** The kind, in the manner of Node's own errors. */
  readonly code: ErrorCode;
  /** The operation that failed, such as `map.set`. */
  readonly operation: string;
  /** The name of the map it failed on; empty if there is none. */
  readonly object: string;
  /** Whether the write may have taken effect in spite of the error. `false` means that it surely did not. */
  readonly maybeApplied: boolean;

  /** @internal */
  constructor(failure: Failure, cause?: unknown) {
    super(describe(failure), cause === undefined ? undefined : { cause });
    [this.kind, , this.operation, this.object, this.maybeApplied] = failure;
    this.code = `PONOS_${this.kind.toUpperCase()}` as ErrorCode;
  }
}

const NAME = { value: "PonosError", configurable: true, writable: true };
Object.defineProperty(PonosError.prototype, "name", NAME);

/** What an error is made of: kind, message, operation, object, whether the write may have been applied. */
type Failure = [ErrorKind, string, string, string, boolean];

/** `map.set "prices": what happened (the write may have been applied)`, as in every language. */
function describe([, message, operation, object, maybeApplied]: Failure): string {
  const place = [operation, object && JSON.stringify(object)].filter(Boolean).join(" ");
  const end = maybeApplied ? " (the write may have been applied)" : "";
  return `${place && `${place}: `}${message}${end}`;
}

/** An error of the core, with its causes; for an argument of a wrong type one of JavaScript's own. */
export function thrown([...failure]: [...Failure, causes: string[], misuse?: "type" | "range"]): Error {
  const [kind, message, operation, object, maybeApplied, causes, misuse] = failure;
  const known: Failure = [kind, message, operation, object, maybeApplied];
  if (misuse !== undefined) return new (misuse === "type" ? TypeError : RangeError)(describe(known));
  return new PonosError(known, chain(causes));
}

/** The causes as errors, each the cause of the one before it. They come from the core and have no stack. */
function chain(causes: string[]): Error | undefined {
  return causes.reduceRight<Error | undefined>((cause, message) => {
    const error = new Error(message, cause && { cause });
    error.stack = String(error);
    return error;
  }, undefined);
}
