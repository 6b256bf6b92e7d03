// The types of arguments. Their values (sizes, names, bounds) are for the core to judge.

/** Options that every call takes which can wait. */
export interface CallOptions {
  /**
   * Cancels the call: it rejects with the signal's reason. A write that was under way may still be applied.
   */
  signal?: AbortSignal | undefined;
}

/** Refuses options that nobody knows: a misspelt one would be ignored. */
export function known<O extends object>(options: O, names: readonly (keyof O & string)[]): O {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`options are an object, not ${show(options)}`);
  }
  for (const name in options) {
    if (!names.includes(name)) {
      throw new TypeError(`unknown option "${name}"; known are ${names.join(", ")}`);
    }
  }
  return options;
}

/** A string that survives UTF-8: half a surrogate pair does not. */
export function text(name: string, value: unknown): string {
  if (typeof value !== "string") throw new TypeError(`${name} must be a string, not ${show(value)}`);
  if (!value.isWellFormed()) throw new TypeError(`${name} has half of a surrogate pair: ${show(value)}`);
  return value;
}

/** A whole number of 64 bits, with a sign. */
export function int64(name: string, value: unknown): bigint {
  const number = whole(name, value);
  if (BigInt.asIntN(64, number) !== number) throw new RangeError(`${name}=${number} has more than 64 bits`);
  return number;
}

/** A revision. */
export function revision(name: string, value: unknown): bigint {
  const number = whole(name, value);
  if (BigInt.asUintN(64, number) !== number) throw new RangeError(`${name}=${number} is no revision`);
  return number;
}

function whole(name: string, value: unknown): bigint {
  if (typeof value === "bigint") return value;
  if (Number.isSafeInteger(value)) return BigInt(value as number);
  throw new TypeError(`${name} must be a bigint or a safe integer, not ${show(value)}`);
}

/** A number; what is no time, bound or summand is for the core to refuse. */
export function number(name: string, value: unknown): number {
  if (typeof value !== "number") throw new TypeError(`${name} must be a number, not ${show(value)}`);
  return value;
}

/** A count from 1 to `most`. */
export function count(name: string, value: unknown, most: number): number {
  if (!Number.isSafeInteger(value)) throw new TypeError(`${name} must be a whole number, not ${show(value)}`);
  const found = value as number;
  if (found < 1 || found > most) throw new RangeError(`${name}=${found} must be from 1 to ${most}`);
  return found;
}

/** Something to iterate that is no string, whose characters nobody means. */
export function items<T>(value: Iterable<T>): T[] {
  if (typeof value !== "object" || value === null || !(Symbol.iterator in value)) {
    throw new TypeError(`items must be an array or another iterable, not ${show(value)}`);
  }
  return Array.from(value);
}

/** A value for a message, short. */
export function show(value: unknown): string {
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "string")
    return value.length > 40 ? `${JSON.stringify(value.slice(0, 40))}…` : JSON.stringify(value);
  if (typeof value === "object" && value !== null) return value.constructor?.name ?? "an object";
  return String(value);
}
