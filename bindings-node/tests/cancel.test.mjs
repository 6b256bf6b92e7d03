// AbortSignal, disposal, and what is closed.

import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import { json, open } from "@ponos/ponos";

const client = await open("memory://cancel?timeout=60s");
const map = await client.map("m", { codec: json() });
const reason = new Error("enough");

test("a signal rejects a call that waits with its reason", async () => {
  const controller = new AbortController();
  const waiting = map.waitFor(1_000_000, { signal: controller.signal });
  setImmediate(() => controller.abort(reason));
  await assert.rejects(waiting, (error) => error === reason);
  await assert.rejects(map.waitFor(1_000_000, { signal: AbortSignal.timeout(10) }), { name: "TimeoutError" });
});

test("a signal that has fired starts nothing", async () => {
  const signal = AbortSignal.abort(reason);
  const before = map.revision;
  const calls = [
    () => map.set("k", 1, { signal }),
    () => map.delete("k", { signal }),
    () => map.incr("k", 1, { signal }),
    () => map.listAppend("k", [1], { signal }),
    () => map.txn().set("k", 1).commit({ signal }),
    () => map.sync({ signal }),
    () => open("memory://", { signal }),
    () => client.map("other", { signal }),
  ];
  for (const call of calls) await assert.rejects(call, (error) => error === reason);
  assert.equal(map.revision, before);
  assert.throws(
    () => map.watch("k", { signal }),
    (error) => error === reason,
  );
});

test("a loop of calls whose signal has fired lets timers run", async () => {
  const signal = AbortSignal.abort(reason);
  let fired = false;
  setTimeout(() => {
    fired = true;
  }, 0);
  // Each turn of Node's loop takes some hundred of them: more than all of these is to hang.
  for (let calls = 0; calls < 10_000_000 && !fired; calls += 1) {
    await assert.rejects(map.set("k", 1, { signal }), (error) => error === reason);
  }
  assert.ok(fired);
});

test("a signal for many calls is left as it was", async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const warnings = [];
  process.on("warning", (warning) => warnings.push(warning));
  const next = map.revision + 1n;
  const waiting = Array.from({ length: 100 }, () => map.waitFor(next, { signal }));
  await map.set("k", 1, { signal });
  await Promise.all(waiting);
  const watcher = map.watch("k", { signal });
  await watcher.next();
  watcher.close();
  assert.equal(getEventListeners(signal, "abort").length, 0);
  await new Promise((resolve) => setTimeout(resolve, 10));
  assert.deepEqual(warnings, []);
});

test("a signal ends a watcher: the loop throws its reason", async () => {
  const controller = new AbortController();
  const seen = [];
  await assert.rejects(
    async () => {
      for await (const event of map.watch("w", { signal: controller.signal })) {
        seen.push(event.kind);
        setImmediate(() => controller.abort(reason));
      }
    },
    (error) => error === reason,
  );
  assert.deepEqual(seen, ["synced"]);
  const batches = new AbortController();
  const watcher = map.watch("w", { signal: batches.signal });
  await assert.rejects(
    async () => {
      for await (const events of watcher.batches()) if (events) batches.abort(reason);
    },
    (error) => error === reason,
  );
  await assert.rejects(watcher.next(), (error) => error === reason);
});

test("thousands of cancelled calls leave nothing behind", async () => {
  for (let round = 0; round < 20; round++) {
    const controller = new AbortController();
    const calls = Array.from({ length: 200 }, () => map.waitFor(1_000_000, { signal: controller.signal }));
    controller.abort(reason);
    const ended = await Promise.allSettled(calls);
    assert.ok(ended.every(({ status, reason: got }) => status === "rejected" && got === reason));
  }
  assert.deepEqual(await map.set("after", 1).then(({ changed }) => changed), true);
});

test("what is closed says so, may be closed again, and is still read", async () => {
  const own = await open("memory://cancel-closed?timeout=100ms");
  const closing = await own.map("m", { codec: json() });
  await closing.set("k", 1);
  const waiting = closing.waitFor(1_000_000);
  await closing.close();
  await closing.close();
  await assert.rejects(waiting, { name: "PonosError" });
  await assert.rejects(closing.set("k", 2), { code: "PONOS_CLOSED", maybeApplied: false });
  assert.equal(closing.get("k"), 1);
  assert.deepEqual(closing.status, { state: "closed" });
  const again = await own.map("m", { codec: json() });
  await again.set("k", 2);
  await own.close();
  await own.close();
  await assert.rejects(again.set("k", 3), { code: "PONOS_CLOSED" });
  await assert.rejects(own.map("m"), { code: "PONOS_CLOSED" });
  const kinds = [];
  for await (const event of closing.watch()) kinds.push(event.kind);
  assert.deepEqual(kinds, ["synced"], "a watcher of what is closed ends");
});

test("clients and maps are disposable", async () => {
  const own = await open("memory://cancel-dispose");
  const disposed = await own.map("m");
  await disposed[Symbol.asyncDispose]();
  assert.equal(disposed.status.state, "closed");
  await own[Symbol.asyncDispose]();
  await assert.rejects(own.map("m"), { code: "PONOS_CLOSED" });
});
