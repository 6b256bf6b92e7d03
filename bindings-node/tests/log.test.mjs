// The logger.

import assert from "node:assert/strict";
import { test } from "node:test";
import { open, setLogger } from "@ponos/ponos";

// Records alone do not keep a process alive.
setTimeout(() => {}, 500);

test("log records come when asked for, and stop", async () => {
  const records = [];
  const heard = new Promise((resolve) => {
    setLogger((record) => {
      records.push(record);
      if (record.message.startsWith("map is loaded")) resolve(record);
    }, "debug");
  });
  const client = await open("memory://log");
  await client.map("heard");
  const record = await heard;
  assert.equal(record.level, "debug");
  assert.match(record.target, /^ponos/);
  assert.match(record.message, /map="heard"/);
  setLogger();
  const count = records.length;
  const other = await client.map("unheard");
  await assert.rejects(other.waitFor(5, { signal: AbortSignal.timeout(20) }));
  assert.equal(records.filter(({ message }) => message.includes("unheard")).length, 0, String(count));
  await client.close();
});

test("levels and loggers are checked", () => {
  assert.throws(() => setLogger(console.log, "loud"), {
    name: "TypeError",
    message: /none of error to trace/,
  });
  assert.throws(() => setLogger("debug"), TypeError);
});
