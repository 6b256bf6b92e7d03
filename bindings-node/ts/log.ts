// What the core has to say, for the program's own logger.

import { show } from "./codec.js";
import { loop, waiting } from "./queue.js";

/** How much to hear: `error` is the least, `trace` the most. */
export type LogLevel = "error" | "warn" | "info" | "debug" | "trace";

/** One log record. */
export interface LogRecord {
  readonly level: LogLevel;
  /** Which part of the core speaks. */
  readonly target: string;
  /** What it says, with its fields behind it as `name=value`. */
  readonly message: string;
}

/**
 * Gives the core's log records up to `level` to `logger`, in place of the logger before; without one it is
 * silent again, which it is at first. For this thread; each worker thread may have its own.
 *
 * At most 10,000 records wait for a thread that is busy; what comes on top of them is dropped. Records do not
 * keep the process alive: the last ones before its end may not come.
 *
 * @example
 * setLogger((record) => console.error(record.level, record.message), "debug");
 */
export function setLogger(logger?: (record: LogRecord) => void, level: LogLevel = "info"): void {
  if (logger !== undefined && typeof logger !== "function") {
    throw new TypeError(`the logger must be a function, not ${show(logger)}`);
  }
  if (!loop.listen(logger && level)) throw new TypeError(`level=${show(level)} is none of error to trace`);
  waiting.set(0, ([level, target, message]: [LogLevel, string, string]) =>
    logger?.({ level, target, message }),
  );
}
