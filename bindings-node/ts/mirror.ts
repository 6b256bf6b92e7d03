// Decoded values beside the core, so that reading one again that has not changed costs no crossing.

/** A value and the stamp that it holds under. */
interface Kept<T> {
  readonly value: T;
  /** Where its stamp is. */
  readonly at: number;
  readonly stamp: number;
  readonly size: number;
}

/** The most values, and the most characters or bytes of their encoded forms. The oldest make room. */
const MOST = 8_192;
const MOST_SIZE = 32 << 20;

/**
 * The values of one map. The core has a number for each of 1,024 groups of keys that rises when one of them
 * changes, in memory that JavaScript sees: a value holds as long as the number is the one it was read under.
 */
export class Mirror<T> {
  readonly #stamps: Uint32Array;
  readonly #kept = new Map<string, Kept<T>>();
  #size = 0;

  constructor(stamps: ArrayBuffer) {
    this.#stamps = new Uint32Array(stamps);
  }

  /** What is kept for `key`, if it still holds. */
  get(key: string): Kept<T> | undefined {
    const kept = this.#kept.get(key);
    // Another thread writes stamps: an atomic load is one that the compiler neither moves nor leaves out.
    return kept !== undefined && Atomics.load(this.#stamps, kept.at) === kept.stamp ? kept : undefined;
  }

  /** Keeps a value that was read when its stamp, which is at `at`, was `stamp`. */
  keep(key: string, kept: Kept<T>): void {
    this.#drop(key);
    if (kept.size > MOST_SIZE) return;
    this.#kept.set(key, kept);
    this.#size += kept.size;
    while (this.#kept.size > MOST || this.#size > MOST_SIZE) {
      this.#drop(this.#kept.keys().next().value as string);
    }
  }

  #drop(key: string): void {
    const kept = this.#kept.get(key);
    if (kept === undefined) return;
    this.#kept.delete(key);
    this.#size -= kept.size;
  }
}
