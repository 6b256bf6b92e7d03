// Sinks: answering events, and what leaving a loop, an exception and a signal mean for those that are not answered.

import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { inspect } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { json, open, Step } from "@ponos/ponos";

setFlagsFromString("--expose-gc");
const gc = runInNewContext("gc");
const client = await open("memory://sink");
const reason = new Error("enough");
let count = 0;

/** A stream that has the events 1 to so many, and a sink of its group that begins with the first. */
async function filled(events, options = {}) {
  const stream = await client.stream(`s${count++}`, { codec: json() });
  const messages = Array.from({ length: events }, (_, index) => ({ topic: "t", payload: index + 1 }));
  if (events > 0) await stream.publishBatch(messages);
  return { stream, sink: await stream.sink("g", { from: "first", ...options }) };
}

const pending = async (stream) => (await stream.info()).groups[0].pending;

/** The next events of a group, as `[value, count]`, by a sink that has them at once and not when some time is over. */
async function others(stream, wanted) {
  const sink = await stream.sink("g", { signal: AbortSignal.timeout(10_000) });
  const events = [];
  while (events.length < wanted) {
    const { value } = await sink.next();
    events.push([value.value, value.count]);
  }
  await sink.close();
  return events.sort(([a], [b]) => a - b);
}

test("events are answered in a loop", async () => {
  const { stream, sink } = await filled(3);
  for await (const event of sink) {
    await event.ack();
    if (event.value === 3) break;
  }
  assert.equal(await pending(stream), 0);
});

test("batches are answered at once", async () => {
  const { stream, sink } = await filled(500);
  let done = 0;
  for await (const events of sink.batches(100)) {
    assert.ok(events.length <= 100);
    await sink.ack(events);
    done += events.length;
    if (done === 500) break;
  }
  assert.equal(await pending(stream), 0);
});

test("leaving a loop closes the sink, and gives back the event in hand and all others at once", async () => {
  const { stream, sink } = await filled(3);
  for await (const event of sink) {
    assert.equal(event.value, 1);
    break;
  }
  assert.deepEqual(await sink.next(), { done: true, value: undefined });
  assert.deepEqual(await others(stream, 3), [
    [1, 2],
    [2, 1],
    [3, 1],
  ]);
});

test("an exception in a loop does so too, and an answer before it counts", async () => {
  const { stream, sink } = await filled(3);
  let held;
  await assert.rejects(
    async () => {
      for await (const event of sink) {
        held = event;
        if (event.value === 2) throw reason;
        await event.ack();
      }
    },
    (error) => error === reason,
  );
  await assert.rejects(held.ack(), { code: "PONOS_CLOSED", operation: "sink.ack", object: "g" });
  assert.deepEqual(await others(stream, 2), [
    [2, 2],
    [3, 1],
  ]);
});

test("leaving a loop over batches gives the batch back", async () => {
  const { stream, sink } = await filled(3);
  for await (const events of sink.batches()) {
    assert.ok(events.length > 0);
    break;
  }
  assert.deepEqual((await others(stream, 3)).map(([value]) => value), [1, 2, 3]); // biome-ignore format: short
});

test("a signal closes the sink: the loop throws its reason, and what is not answered goes to others at once", async () => {
  const controller = new AbortController();
  const { stream, sink } = await filled(2, { signal: controller.signal });
  await assert.rejects(
    async () => {
      for await (const event of sink) if (event.value === 2) controller.abort(reason);
    },
    (error) => error === reason,
  );
  assert.deepEqual(await others(stream, 2), [
    [1, 2],
    [2, 2],
  ]);
  await sink.close();
  await assert.rejects(sink.next(), (error) => error === reason);
  assert.equal(getEventListeners(controller.signal, "abort").length, 0);
});

test("a signal ends who waits, and an answer has one of its own", async () => {
  const controller = new AbortController();
  const { sink } = await filled(0, { signal: controller.signal });
  const waiting = sink.next();
  setImmediate(() => controller.abort(reason));
  await assert.rejects(waiting, (error) => error === reason);
  const { sink: other } = await filled(1);
  const { value: event } = await other.next();
  await assert.rejects(event.ack({ signal: AbortSignal.abort(reason) }), (error) => error === reason);
  await event.ack();
  await other.close();
});

test("next takes an event and the sink stays open; nobody has what is not asked for", async () => {
  const { stream, sink } = await filled(3);
  const { value: event } = await sink.next();
  assert.deepEqual([event.kind, event.value, event.count], ["event", 1, 1]);
  await event.ack();
  await sink.close();
  await sink.close();
  assert.deepEqual(await others(stream, 2), [
    [2, 1],
    [3, 1],
  ]);
});

test("events are refused, given up, kept, and answered once", async () => {
  const { sink } = await filled(1, { backoffMs: [1, 2], maxDeliver: 0, ackWaitMs: 60_000 });
  const { value: first } = await sink.next();
  first.progress();
  await first.nack();
  const { value: second } = await sink.next();
  assert.deepEqual([second.value, second.count], [1, 2]);
  await second.nack({ delayMs: 1 });
  const { value: third } = await sink.next();
  assert.equal(third.count, 3);
  await third.term("no good");
  assert.throws(() => third.progress(), { code: "PONOS_FENCED" });
  await assert.rejects(third.ack(), { code: "PONOS_FENCED", maybeApplied: false });
  await assert.rejects(third.nack({ delay: 5 }), TypeError);
  await assert.rejects(third.term(5), TypeError);
  assert.match(inspect(third), /count: 3/);
  await sink.close();
});

test("what is answered must be an event of a sink; gaps and news among them are passed over", async () => {
  const { stream, sink } = await filled(1);
  for (const wrong of [undefined, 5, {}, (await (await stream.reader({ from: "first" })).next()).value]) {
    await assert.rejects(sink.ack([wrong]), TypeError);
  }
  const { value: event } = await sink.next();
  await sink.ack([{ kind: "gap" }, event, { kind: "deleted" }]);
  assert.equal(await pending(stream), 0);
  const other = await stream.sink("g");
  await assert.rejects(other.ack([event]), { code: "PONOS_FENCED" });
});

test("an event is acknowledged with a step over its scope", async () => {
  const shop = client.scope("shop");
  const [orders, bills] = [await shop.stream("orders", { codec: json() }), await shop.stream("bills")];
  const totals = await shop.map("totals", { codec: json() });
  const sink = await orders.sink("billing");
  await orders.publish("created", 7);
  const { value: event } = await sink.next();
  const step = () =>
    new Step()
      .map(totals.txn().when("stop", "absent").incr("n"))
      .publish(bills, { topic: "new", payload: Buffer.from("7"), headers: { by: "test" } });
  await totals.set("stop", 1);
  await assert.rejects(event.ackWith(step()), { code: "PONOS_CONFLICT", operation: "sink.ack_with" });
  await totals.delete("stop");
  await event.ackWith(step());
  assert.equal(totals.get("n"), 1);
  const { value: bill } = await (await bills.reader({ from: "first" })).next();
  assert.deepEqual([bill.topic, bill.header("by")], ["new", "test"]);
  await orders.publish("created", 8);
  const { value: next } = await sink.next();
  const outside = await client.map("totals", { codec: json() });
  await assert.rejects(next.ackWith(new Step().map(outside.txn().incr("n"))), { code: "PONOS_INVALID" });
  await assert.rejects(next.ackWith({}), TypeError);
  await sink.close();
});

test("sinks are disposable: what is not answered goes to others", async () => {
  const { stream, sink } = await filled(1);
  await sink.next();
  await sink[Symbol.asyncDispose]();
  assert.deepEqual(await others(stream, 1), [[1, 2]]);
});

test("a sink that nobody has any more leaves its group", async () => {
  const { stream } = await filled(1);
  for (const end = Date.now() + 10_000; (await stream.info()).groups[0].consumers > 0; await pause(5)) {
    gc();
    assert.ok(Date.now() < end);
  }
});
