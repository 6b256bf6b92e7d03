// Worker threads: each has an event loop of its own, and may end at any moment.

import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { json, open } from "@ponos/ponos";

/** Runs a script in a worker, with the package at hand. */
function worker(script, workerData) {
  const start = `
    import { parentPort, workerData } from "node:worker_threads";
    import { json, open } from "${import.meta.resolve("@ponos/ponos")}";
    ${script}`;
  return new Worker(new URL(`data:text/javascript,${encodeURIComponent(start)}`), { workerData });
}

/** Waits until it has exited by itself; a failure in it fails the test. */
async function finished(thread) {
  const [code] = await once(thread, "exit", { signal: AbortSignal.timeout(20_000) });
  return code;
}

const BUSY = `
  const client = await open("memory://" + workerData.name);
  const map = await client.map("m", { codec: json(), watchQueue: 64 });
  const watcher = map.watch("*", { from: "snapshot" });
  (async () => { for await (const events of watcher.batches()) events.map((event) => event.value); })();
  for (let index = 0; index < 32; index++) {
    (async () => {
      for (;;) {
        await map.set("key" + index, index);
        map.get("key" + index);
        await map.waitFor(map.revision + BigInt(index));
      }
    })();
  }
  parentPort.postMessage("busy");
`;

test("a worker opens, writes, watches, and exits by itself when nothing waits", async () => {
  const script = `
    const client = await open("memory://worker-exit");
    const map = await client.map("m", { codec: json() });
    await map.set("from", "worker");
    const watcher = map.watch("*", { from: "snapshot" });
    await watcher.next();
    parentPort.postMessage(map.get("from"));`;
  const thread = worker(script);
  const [got] = await once(thread, "message");
  assert.equal(got, "worker");
  assert.equal(await finished(thread), 0);
});

test("threads share what is in memory, each with its own copy of a map", async () => {
  const client = await open("memory://worker-share");
  const map = await client.map("m", { codec: json() });
  const script = `
    const client = await open("memory://worker-share");
    const map = await client.map("m", { codec: json() });
    for (let count = 0; count < 1_000; count++) await map.incr("n");`;
  const threads = [worker(script), worker(script), worker(script)];
  assert.deepEqual(await Promise.all(threads.map(finished)), [0, 0, 0]);
  await map.sync();
  assert.equal(map.get("n"), 3_000);
  await client.close();
});

test("40 workers are terminated in the middle of their calls", { timeout: 120_000 }, async () => {
  const client = await open("memory://worker-terminate");
  const map = await client.map("m", { codec: json() });
  for (let round = 0; round < 10; round++) {
    const threads = Array.from({ length: 4 }, () => worker(BUSY, { name: "worker-terminate" }));
    await Promise.all(threads.map((thread) => once(thread, "message")));
    for (let write = 0; write < 100; write++) await map.set("main", write);
    assert.deepEqual(await Promise.all(threads.map((thread) => thread.terminate())), [1, 1, 1, 1]);
    await map.set("main", "alive");
    assert.equal(map.get("main"), "alive");
  }
  await client.close();
});

test("workers that exit in the middle of their calls end too", { timeout: 60_000 }, async () => {
  for (let round = 0; round < 5; round++) {
    const script = `${BUSY} setTimeout(() => process.exit(7), 5);`;
    const threads = Array.from({ length: 4 }, () => worker(script, { name: `worker-process-exit-${round}` }));
    assert.deepEqual(await Promise.all(threads.map(finished)), [7, 7, 7, 7]);
  }
});

test("a client is of use after another thread has ended", async () => {
  const client = await open("memory://worker-after");
  const map = await client.map("m", { codec: json() });
  const watcher = map.watch("n");
  await watcher.next();
  const waiting = watcher.next();
  const thread = worker(BUSY, { name: "worker-after" });
  await once(thread, "message");
  await thread.terminate();
  await map.set("n", 1);
  assert.equal((await waiting).value.value, 1);
  await client.close();
});

test("what a sink holds in a thread that is terminated goes to others", { timeout: 60_000 }, async () => {
  const client = await open("memory://worker-sink");
  const orders = await client.stream("orders", { codec: json() });
  for (let round = 0; round < 10; round++) {
    const script = `
      const client = await open("memory://worker-sink");
      const orders = await client.stream("orders", { codec: json() });
      const sink = await orders.sink("g", { ackWaitMs: 3_600_000 });
      parentPort.postMessage("open");
      for await (const event of sink) parentPort.postMessage(event.value);`;
    const thread = worker(script);
    await once(thread, "message");
    await orders.publish("t", round);
    const [held] = await once(thread, "message");
    assert.equal(held, round);
    await thread.terminate();
    for await (const event of orders.sink("g", { ackWaitMs: 3_600_000 })) {
      assert.deepEqual([event.value, event.count], [round, 2]);
      await event.ack();
      break;
    }
  }
  await client.close();
});

test("threads share the work of a group", { timeout: 60_000 }, async () => {
  const client = await open("memory://worker-group");
  const orders = await client.stream("orders", { codec: json() });
  const script = `
    const client = await open("memory://worker-group");
    const orders = await client.stream("orders", { codec: json() });
    const sink = await orders.sink("g", { prefetch: 10 });
    parentPort.postMessage([]);
    for await (const events of sink.batches(10)) {
      await sink.ack(events);
      parentPort.postMessage(events.map(({ value }) => value));
    }`;
  const threads = [worker(script), worker(script)];
  const seen = [];
  const all = new Promise((resolve) => {
    for (const thread of threads) {
      thread.on("message", (values) => {
        seen.push(...values);
        if (seen.length >= 1_000) resolve();
      });
    }
  });
  await Promise.all(threads.map((thread) => once(thread, "message")));
  for (let value = 0; value < 1_000; value++) await orders.publish("t", value);
  await all;
  assert.deepEqual(new Set(seen).size, 1_000);
  assert.equal((await orders.info()).groups[0].pending, 0);
  await Promise.all(threads.map((thread) => thread.terminate()));
  await client.close();
});
