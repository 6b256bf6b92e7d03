// Decoded values are kept as long as they hold, and not a moment longer.

import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { json, open } from "@ponos/ponos";

const client = await open("memory://cache");

/** A codec that counts how often it decodes. */
function counting() {
  const codec = { ...json(), decoded: 0 };
  codec.decode = (text) => {
    codec.decoded++;
    return JSON.parse(text);
  };
  return codec;
}

test("a value that has not changed is decoded once, and is the same object", async () => {
  const codec = counting();
  const map = await client.map("once", { codec });
  await map.set("k", { n: 1 });
  const first = map.get("k");
  for (let read = 0; read < 100; read++) assert.equal(map.get("k"), first);
  assert.equal(codec.decoded, 1);
});

test("every kind of write is seen by the next read", async () => {
  const map = await client.map("kinds", { codec: json() });
  const sees = async (write, value) => {
    map.get("k");
    await write;
    assert.deepEqual(map.get("k"), value);
  };
  await sees(map.set("k", 1), 1);
  await sees(map.incr("k", 2), 3);
  await sees(map.incrFloat("k", 0.5), 3.5);
  await sees(map.delete("k"), undefined);
  await sees(map.listAppend("k", [1]), [1]);
  await sees(map.listAppendUnique("k", [1, 2]), [1, 2]);
  await sees(map.listRemove("k", [1]), [2]);
  await sees(map.set("k", "x"), "x");
  await sees(map.txn().set("k", "y").commit(), "y");
  await sees(map.clear(), undefined);
  await sees(map.set("k", "z"), "z");
  await sees(map.destroy(), undefined);
  await sees(map.set("k", "new generation"), "new generation");
});

test("what another client writes is seen too", async () => {
  const other = await (await open("memory://cache")).map("other", { codec: json() });
  const map = await client.map("other", { codec: json() });
  for (let round = 0; round < 100; round++) {
    const { revision } = await other.set("k", round);
    await map.waitFor(revision);
    assert.equal(map.get("k"), round);
  }
});

test("a value with a time to live is gone when its time is", async () => {
  const map = await client.map("ttl", { codec: json() });
  await map.set("k", 1, { ttlMs: 50 });
  const end = Date.now() + 5_000;
  while (map.get("k") !== undefined) assert.ok(Date.now() < end, "it never went");
  assert.equal(map.has("k"), false);
  await map.set("k", 2);
  map.get("k");
  await map.touch("k", 50);
  while (map.get("k") !== undefined) assert.ok(Date.now() < end, "it never went after touch");
});

test("values fall out of the cache, never out of the map", async () => {
  const codec = counting();
  const map = await client.map("bound", { codec, watchQueue: 1 });
  const count = 10_000;
  for (let index = 0; index < count; index++) await map.set(`k${index}`, index);
  for (let index = 0; index < count; index++) assert.equal(map.get(`k${index}`), index);
  assert.equal(codec.decoded, count);
  for (let index = count - 1_000; index < count; index++) assert.equal(map.get(`k${index}`), index);
  assert.equal(codec.decoded, count, "the latest are kept");
  for (let index = 0; index < 1_000; index++) assert.equal(map.get(`k${index}`), index);
  assert.equal(codec.decoded, count + 1_000, "the oldest made room");
});

test("large values make room for each other", async () => {
  const codec = counting();
  const large = await open("memory://cache-large?max_value=20000000");
  const map = await large.map("m", { codec });
  const value = "x".repeat(15_000_000);
  for (const key of ["a", "b", "c"]) await map.set(key, value);
  for (const key of ["a", "b", "c", "b", "c", "a"]) assert.equal(map.get(key).length, value.length);
  assert.equal(codec.decoded, 4, "two of them fit");
  await large.close();
});

test("a codec that reads the map while it decodes does not mix values up", async () => {
  const map = await client.map("nested", {
    codec: {
      name: "nested",
      text: true,
      encode: String,
      decode: (text) => (text === "outer" ? [text, map.get("in")] : text),
    },
  });
  await map.set("in", "inner");
  await map.set("out", "outer");
  for (let read = 0; read < 3; read++)
    assert.deepEqual([map.get("out"), map.get("in")], [["outer", "inner"], "inner"]);
});

test("a value is never stale after another thread's write has returned there", {
  timeout: 60_000,
}, async () => {
  const rounds = 10_000;
  const turn = new Int32Array(new SharedArrayBuffer(8));
  const map = await client.map("threads", { codec: json() });
  await map.set("k", 0);
  const script = `
    import { parentPort, workerData } from "node:worker_threads";
    import { json, open } from "${import.meta.resolve("@ponos/ponos")}";
    const client = await open("memory://cache");
    const map = await client.map("threads", { codec: json() });
    parentPort.postMessage("ready");
    for (let round = 1; round <= ${rounds}; round++) {
      while (Atomics.load(workerData, 0) !== round);
      await map.set("k", round);
      Atomics.store(workerData, 1, round);
    }`;
  const thread = new Worker(new URL(`data:text/javascript,${encodeURIComponent(script)}`), {
    workerData: turn,
  });
  const ended = once(thread, "exit");
  await once(thread, "message");
  let stale = 0;
  for (let round = 1; round <= rounds; round++) {
    Atomics.store(turn, 0, round);
    while (Atomics.load(turn, 1) !== round) map.get("k");
    if (map.get("k") !== map.entry("k").value) stale++;
  }
  await ended;
  assert.equal(stale, 0);
});
