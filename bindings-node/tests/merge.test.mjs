// Merging as Node does it. What it means is the scenarios' to show.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { inspect } from "node:util";
import { json, merge, open, str } from "@ponos/ponos";

const client = await open("memory://merge");
const reason = new Error("enough");
let count = 0;
const fresh = (options) => client.stream(`m${count++}`, { codec: json(), ...options });

/** Two streams that have so many events, in turn, each a moment after the one before it. */
async function filled(events) {
  const streams = [await fresh(), await fresh()];
  for (let number = 0; number < events; number++) {
    await streams[number % 2].publish("t", number);
    await pause(2);
  }
  return streams;
}

test("each stream has its codec and its number, in a loop over what is being opened", async () => {
  const other = await open("memory://merge-other");
  const streams = [await fresh(), await other.stream("text", { codec: str }), await client.stream("raw")];
  const payloads = [{ a: 1 }, "text", new Uint8Array([0, 255])];
  for (const [number, payload] of payloads.entries()) await streams[number].publish("t", payload);
  const seen = [];
  for await (const { stream, late, item } of merge(streams, { from: "first", maxWaitMs: 500 })) {
    seen[stream] = [late, item.kind, item.topic, item.value];
    if (seen.filter(Boolean).length === 3) break;
  }
  assert.deepEqual(
    seen,
    payloads.map((payload) => [false, "event", "t", payload]),
  );
  const merged = await merge(streams);
  assert.equal(inspect(merged), "MergedReader {}");
  await streams[2].destroy();
  assert.deepEqual(await merged.next(), {
    value: { stream: 2, late: false, item: { kind: "deleted" } },
    done: false,
  });
  await other.close();
});

test("leaving a loop closes it, and next and batches go on where the program was", async () => {
  const streams = await filled(8);
  const merged = await merge(streams, { from: "first", topics: ["t"], maxWaitMs: 200 });
  const first = (await merged.next()).value;
  assert.deepEqual([first.stream, first.item.value], [0, 0]);
  const seen = [];
  for await (const batch of merged.batches(3)) {
    assert.ok(batch.length <= 3, "also of what was fetched before");
    seen.push(...batch.map(({ item }) => item.value));
    if (seen.length >= 7) break;
  }
  assert.deepEqual(seen, [1, 2, 3, 4, 5, 6, 7]);
  assert.deepEqual(await merged.next(), { value: undefined, done: true });
  for (const leave of [(loop) => loop.return(), (loop) => loop[Symbol.asyncDispose]()]) {
    const loop = await merge(streams);
    await leave(loop);
    assert.equal((await loop.next()).done, true);
  }
  assert.equal((await streams[0].publish("t", 9)).seq, 5n, "the streams stay open");
});

test("closing ends who waits, and so does closing all streams", async () => {
  const streams = [await fresh(), await fresh()];
  const [one, two] = [await merge(streams), await merge(streams)];
  const [first, second] = [one.next(), two.next()];
  one.close();
  assert.equal((await first).done, true);
  await streams[0].close();
  assert.equal(await Promise.race([second, pause(20, "waits")]), "waits");
  await streams[1].close();
  assert.equal((await second).done, true);
  await assert.rejects(merge(streams), { code: "PONOS_CLOSED", operation: "stream.reader" });
});

test("a signal ends it: the loop throws its reason", async () => {
  const streams = await filled(3);
  const controller = new AbortController();
  const seen = [];
  await assert.rejects(
    async () => {
      for await (const { item } of merge(streams, { from: "first", signal: controller.signal })) {
        seen.push(item.value);
        if (item.value === 1) controller.abort(reason);
      }
    },
    (error) => error === reason,
  );
  assert.deepEqual(seen, [0, 1]);
  const waits = new AbortController();
  const waiting = (await merge(streams, { signal: waits.signal })).next();
  setImmediate(() => waits.abort(reason));
  await assert.rejects(waiting, (error) => error === reason);
  await assert.rejects(merge(streams, { signal: AbortSignal.abort(reason) }), (error) => error === reason);
});

test("what is wrong is refused", async () => {
  const stream = await fresh();
  await assert.rejects(merge([]), {
    code: "PONOS_INVALID",
    operation: "stream.merge",
    message: /no streams/,
  });
  const map = await client.map("m");
  for (const wrong of [7, map]) await assert.rejects(merge([stream, wrong]), TypeError);
  await assert.rejects(merge([stream], { maxWait: 5 }), TypeError);
  await assert.rejects(merge([stream], { maxWaitMs: -1 }), { code: "PONOS_INVALID", message: /from 0 ms/ });
  await assert.rejects(merge([stream], { from: "last" }), { code: "PONOS_INVALID" });
  await assert.rejects((await merge([stream])).batches(0).next(), RangeError);
  assert.throws(() => merge(stream), TypeError);
});
