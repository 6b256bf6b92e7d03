// Streams: publishing and reading as Node does it. What they mean is the scenarios' to show.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { inspect } from "node:util";
import { json, open, Step, str } from "@ponos/ponos";

const client = await open("memory://stream");
const reason = new Error("enough");
let count = 0;
const fresh = (options) => client.stream(`s${count++}`, { codec: json(), ...options });

/** A stream that has so many events. */
async function filled(events) {
  const stream = await fresh();
  await stream.publishBatch(Array.from({ length: events }, (_, index) => ({ topic: "t", payload: index })));
  return stream;
}

/** The values of the next items. */
async function take(feed, wanted) {
  const values = [];
  while (values.length < wanted) values.push((await feed.next()).value?.value);
  return values;
}

test("a stream is published to and read, in a loop over what is being opened", async () => {
  const orders = await fresh();
  assert.equal(orders.codec, "json");
  const done = await orders.publish("created", { id: 7 });
  assert.deepEqual([typeof done.id, done.seq, done.duplicate], ["string", 1n, false]);
  assert.deepEqual(await orders.publish("created", {}, { delayMs: 3_600_000 }), {
    id: undefined,
    seq: undefined,
    duplicate: false,
  });
  for await (const item of orders.reader({ from: "first" })) {
    assert.deepEqual([item.kind, item.topic, item.value], ["event", "created", { id: 7 }]);
    break;
  }
});

test("an event has all it was published with", async () => {
  const stream = await fresh();
  const from = Date.now();
  const headers = [["a", "1"], ["b", Buffer.from([0, 255])], ["a", "2"]]; // biome-ignore format: a list
  const { id } = await stream.publish("a.b", { ä: 1 }, { key: "ké", headers });
  const { value: event } = await (await stream.reader({ from: "first" })).next();
  assert.deepEqual([event.id, event.seq, event.topic, event.key], [id, 1n, "a.b", "ké"]);
  assert.ok(Math.abs(event.at - from) < 5_000);
  const shown = event.headers.map(([name, value]) => [name, Buffer.from(value).toString("latin1")]);
  assert.deepEqual(shown, [["a", "1"], ["b", "\0\xff"], ["a", "2"]]); // biome-ignore format: a list
  assert.deepEqual([event.header("a"), event.header("c")], ["1", undefined]);
  assert.equal(Object.getPrototypeOf(event.payload), Uint8Array.prototype);
  assert.equal(Buffer.from(event.payload).toString(), '{"ä":1}');
  assert.equal(event.value, event.value, "decoded once");
  await stream.publish("c", 2, { headers: event.headers });
  await stream.publish("c", 3, { headers: { x: "y" } });
  await stream.publish("c", 4, { headers: new Map([["x", "z"]]) });
  const reader = await stream.reader({ from: { behind: id } });
  assert.deepEqual((await reader.next()).value.headers, event.headers);
  assert.equal((await reader.next()).value.header("x"), "y");
  const { value: last } = await reader.next();
  assert.equal(last.header("x"), "z");
  assert.match(inspect(last), /kind: 'event'.*topic: 'c',\s+headers: .*value: 4/s);
});

test("bytes and text are payloads of their codecs, and what cannot be read is told when it is read", async () => {
  const raw = await client.stream("raw");
  await raw.publish("t", new Uint8Array([0, 255]));
  await raw.publish("t", Buffer.alloc(0));
  const reader = await raw.reader({ from: "first" });
  assert.deepEqual(await take(reader, 2), [new Uint8Array([0, 255]), new Uint8Array(0)]);
  await assert.rejects(raw.publish("t", 5), TypeError);
  const text = await client.stream("text", { codec: str });
  await text.publish("t", "grün");
  assert.deepEqual(await take(await text.reader({ from: "first" }), 1), ["grün"]);
  const picky = { ...str, name: "picky", decode: () => assert.fail("no") };
  const stream = await client.stream("picky", { codec: picky });
  await stream.publish("t", "x");
  const { value: event } = await (await stream.reader({ from: "first" })).next();
  assert.throws(() => event.value, { code: "PONOS_INVALID", object: "picky", message: /of the stream/ });
  assert.equal(Buffer.from(event.payload).toString(), "x");
  assert.match(inspect(event), /payload/);
});

test("arguments of a wrong type are a TypeError or RangeError of the call", async () => {
  const stream = await fresh();
  const wrong = [
    () => client.stream("x", { codec: "json" }),
    () => client.stream("x", { codec: json(), maxAge: 1 }),
    () => client.stream(5),
    () => stream.publish(5, 1),
    () => stream.publish("t", undefined),
    () => stream.publish("t", 1, null),
    () => stream.publish("t", 1, { ttlMs: 5 }),
    () => stream.publish("t", 1, { key: 5 }),
    () => stream.publish("t", 1, { headers: { a: 5 } }),
    () => stream.publish("t", 1, { headers: 5 }),
    () => stream.publish("t", 1, { expectLast: undefined }),
    () => stream.publishBatch(5),
    () => stream.publishBatch([5]),
    () => stream.publishBatch([{ topic: "t", payload: 1, expectLast: 1n }]),
    () => stream.reader({ since: "first" }),
    () => stream.reader({ from: 5 }),
    () => stream.reader({ topics: "a" }),
    () => stream.sink(5),
    () => stream.sink("g", { ackWait: 5 }),
    () => stream.remove(5),
  ];
  for (const call of wrong) await assert.rejects(async () => await call(), TypeError, String(call));
  await assert.rejects(stream.sink("g", { prefetch: -1 }), RangeError);
  await assert.rejects(stream.sink("g", { order: "rising" }), { code: "PONOS_INVALID" });
  await assert.rejects(stream.reader({ from: "last" }), { code: "PONOS_INVALID" });
});

test("a reader begins at a date", async () => {
  const stream = await filled(3);
  const past = new Date(Date.now() - 3_600_000);
  for (const time of [past, past.getTime()]) {
    assert.deepEqual(await take(await stream.reader({ from: { time } }), 3), [0, 1, 2]);
  }
  assert.deepEqual(await take(await stream.reader({ from: { last: 1 } }), 1), [2]);
});

test("the position is where the program is, also in a batch that was fetched, and after closing", async () => {
  const stream = await filled(10);
  const reader = await stream.reader({ from: "first" });
  assert.match(reader.position, /-0$/);
  await take(reader, 4);
  assert.match(reader.position, /-4$/);
  reader.close();
  assert.match(reader.position, /-4$/);
  assert.deepEqual(await reader.next(), { done: true, value: undefined });
  const second = await stream.reader({ from: { behind: reader.position } });
  for await (const item of second) if (item.value === 5) break;
  assert.match(second.position, /-6$/);
  const third = await stream.reader({ from: { behind: second.position } });
  await assert.rejects(async () => {
    for await (const items of third.batches(2)) if (items[0].value === 8) throw reason;
  }, reason);
  assert.match(third.position, /-10$/, "the whole batch was given");
});

test("a signal ends a reader: the loop throws its reason, and the position stays", async () => {
  const stream = await filled(3);
  const controller = new AbortController();
  const reader = await stream.reader({ from: "first", signal: controller.signal });
  const seen = [];
  await assert.rejects(
    async () => {
      for await (const item of reader) {
        seen.push(item.value);
        if (item.value === 1) controller.abort(reason);
      }
    },
    (error) => error === reason,
  );
  assert.deepEqual(seen, [0, 1]);
  assert.match(reader.position, /-2$/);
  const waits = new AbortController();
  const waiting = (await stream.reader({ signal: waits.signal })).next();
  setImmediate(() => waits.abort(reason));
  await assert.rejects(waiting, (error) => error === reason);
  await assert.rejects(stream.reader({ signal: AbortSignal.abort(reason) }), (error) => error === reason);
});

test("batches give what is there, up to so many", async () => {
  const stream = await filled(600);
  const sizes = [];
  for await (const items of (await stream.reader({ from: "first" })).batches(250)) {
    sizes.push(items.length);
    if (sizes.reduce((sum, size) => sum + size) === 600) break;
  }
  assert.ok(sizes.every((size) => size <= 250) && sizes.length <= 5, `${sizes}`);
  await assert.rejects((await stream.reader()).batches(0).next(), RangeError);
});

test("calls side by side get each event once", async () => {
  const stream = await fresh();
  const reader = await stream.reader();
  const calls = Array.from({ length: 20 }, () => reader.next());
  for (let index = 0; index < 20; index++) await stream.publish("t", index);
  const got = (await Promise.all(calls)).map(({ value }) => value.value);
  assert.deepEqual(
    got,
    Array.from({ length: 20 }, (_, index) => index),
  );
});

test("other work goes on beside a reader that always has something", async () => {
  const stream = await filled(1_000);
  let [fired, seen] = [false, 0];
  setTimeout(() => {
    fired = true;
  }, 0);
  const keep = setInterval(() => {}, 1_000);
  while (!fired && seen < 1_000_000) {
    for await (const _ of stream.reader({ from: "first" })) {
      seen += 1;
      if (fired || seen % 1_000 === 0) break;
    }
  }
  clearInterval(keep);
  assert.ok(fired);
});

test("what is gone is a gap, and a deleted stream is told", async () => {
  const stream = await fresh({ maxLen: 2, whenBehind: "skip" });
  const { id } = await stream.publish("t", 1);
  for (let index = 2; index <= 9; index++) await stream.publish("t", index);
  const other = await (await open("memory://stream")).stream(stream.name, { codec: json() });
  const reader = await other.reader({ from: { behind: id } });
  const { value: gap } = await reader.next();
  const life = id.split("-")[0];
  assert.deepEqual(gap, { kind: "gap", firstMissing: `${life}-2`, next: `${life}-8`, count: 6 });
  assert.deepEqual(await take(reader, 2), [8, 9]);
  assert.equal(await stream.destroy(), true);
  assert.deepEqual(await reader.next(), { value: { kind: "deleted" }, done: false });
});

test("a step is committed without an event, and may be again", async () => {
  const shop = client.scope("commit");
  const [stock, sales] = [
    await shop.map("stock", { codec: json() }),
    await shop.stream("sales", { codec: str }),
  ];
  const step = new Step().map(stock.txn().when("stop", "absent").incr("pen", -1));
  step.publish(sales, { topic: "sold", payload: "pen" });
  await step.commit();
  await step.commit();
  assert.deepEqual([stock.get("pen"), (await sales.info()).len], [-2, 2]);
  await stock.set("stop", true);
  await assert.rejects(step.commit(), { code: "PONOS_CONFLICT", operation: "step.commit" });
  await assert.rejects(new Step().commit(), { code: "PONOS_INVALID", message: /the step is empty/ });
  await assert.rejects(step.commit({ signal: AbortSignal.abort(reason) }), reason);
  assert.deepEqual([stock.get("pen"), (await sales.info()).len], [-2, 2]);
});

test("requests get their replies, as the codec has them", async () => {
  const sums = await fresh();
  const adders = await sums.sink("adders");
  const asked = Promise.all(
    Array.from({ length: 20 }, (_, number) => sums.request("add", [number, 1], { timeoutMs: 10_000 })),
  );
  for (let count = 0; count < 20; count++) {
    const { value: event } = await adders.next();
    assert.equal(await sums.reply(event, { sum: event.value[0] + event.value[1] }), true);
    await event.ack();
  }
  assert.deepEqual(
    await asked,
    Array.from({ length: 20 }, (_, number) => ({ sum: number + 1 })),
  );
  await adders.close();
  const raw = await client.stream("asked");
  const reader = await raw.reader();
  const reply = raw.request("t", new Uint8Array([1]), { timeoutMs: 10_000 });
  await raw.reply((await reader.next()).value, new Uint8Array([0, 255]));
  assert.deepEqual(await reply, new Uint8Array([0, 255]));
});

test("a request ends by its signal, in time, or with the stream", async () => {
  const stream = await fresh();
  const reader = await stream.reader();
  const controller = new AbortController();
  const asked = stream.request("t", 1, { timeoutMs: 60_000, signal: controller.signal });
  const { value: event } = await reader.next();
  controller.abort(reason);
  await assert.rejects(asked, (error) => error === reason);
  while (await stream.reply(event, 1)) await pause(1); // it is gone in its own time
  const late = { code: "PONOS_TIMEOUT", maybeApplied: true, operation: "stream.request" };
  await assert.rejects(stream.request("t", 2, { timeoutMs: 20 }), late);
  const waiting = stream.request("t", 3, { timeoutMs: 60_000 });
  assert.deepEqual(await take(reader, 2), [2, 3]);
  // It may be rejected before the stream says that it is closed.
  const rejected = assert.rejects(waiting, { code: "PONOS_CLOSED", maybeApplied: true });
  await stream.close();
  await rejected;
});

test("requests and replies that are wrong are refused", async () => {
  const stream = await fresh({ maxLen: 1, whenBehind: "skip" });
  for (const timeoutMs of [0, -1, 1e14]) {
    const range = { code: "PONOS_INVALID", message: /must be from 1 ms to 100 years/ };
    await assert.rejects(stream.request("t", 1, { timeoutMs }), range);
  }
  const wrong = [undefined, {}, { timeoutMs: "soon" }, { timeout: 5 }, null];
  for (const options of wrong) await assert.rejects(stream.request("t", 1, options), TypeError);
  const { id } = await stream.publish("t", 1);
  for (let number = 2; number < 5; number++) await stream.publish("t", number);
  const reader = await stream.reader({ from: { behind: id } });
  const [{ value: gap }, { value: event }] = [await reader.next(), await reader.next()];
  assert.equal(gap.kind, "gap");
  await assert.rejects(stream.reply(event, 1), { code: "PONOS_INVALID", message: /is no request/ });
  const none = { name: "TypeError", message: /must be an event that a reader or sink gave/ };
  for (const other of [gap, 7, undefined]) await assert.rejects(stream.reply(other, 1), none);
});

test("info says how the stream and its groups are", async () => {
  const stream = await fresh();
  assert.equal(await stream.info(), undefined);
  const sink = await stream.sink("g");
  const [{ id: first }, { id: last }] = [await stream.publish("t", 1), await stream.publish("t", 2)];
  await sink.next();
  let info = await stream.info();
  for (const end = Date.now() + 10_000; info.groups[0].pending < 1 && Date.now() < end; ) {
    await pause(5);
    info = await stream.info();
  }
  const { bytes, groups, ...rest } = info;
  assert.deepEqual(rest, { len: 2, first, last });
  assert.ok(bytes > 0);
  const [{ oldestPendingMs, pending, ...group }] = groups;
  assert.deepEqual(group, { name: "g", lag: 0, consumers: 1 });
  assert.ok(pending >= 1 && oldestPendingMs >= 0);
  await sink.close();
  assert.equal(await stream.disband("g"), true);
  assert.equal(await stream.remove(first), true);
});

test("objects print what they are, without their inner parts", async () => {
  const stream = await client.stream("shown", { codec: str });
  const [reader, sink] = [await stream.reader(), await stream.sink("g")];
  assert.deepEqual(
    [client.scope("s"), stream, reader, sink].map((object) => inspect(object)),
    ["Scope {}", "Stream { name: 'shown' }", "Reader {}", "Sink {}"],
  );
  await sink.close();
});

test("streams are disposable, and one that is closed ends its readers", async () => {
  const stream = await fresh();
  const reader = await stream.reader();
  const waiting = reader.next();
  await stream[Symbol.asyncDispose]();
  assert.deepEqual(await waiting, { done: true, value: undefined });
  await assert.rejects(stream.publish("t", 1), { code: "PONOS_CLOSED" });
  await assert.rejects(
    async () => {
      for await (const _ of stream.reader());
    },
    { code: "PONOS_CLOSED", operation: "stream.reader" },
  );
});

test("what is opened with a signal that fires meanwhile fails with its reason, or is closed by it", async () => {
  const stream = await fresh();
  for (let round = 0; round < 200; round++) {
    const controller = new AbortController();
    const opening = stream.sink("g", { signal: controller.signal });
    if (round % 2 === 0) controller.abort(reason);
    else setImmediate(() => controller.abort(reason));
    await assert.rejects(async () => {
      for await (const _ of opening);
    }, reason);
  }
  const [group] = (await stream.info()).groups;
  for (const end = Date.now() + 10_000; (await stream.info()).groups[0].consumers > 0; ) {
    assert.ok(Date.now() < end, `${inspect(group)}`);
    await pause(5);
  }
});
