// Codecs: what they write, what they refuse, and what becomes of values that they cannot read.

import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { bytes, json, open, PonosError, str } from "@ponos/ponos";

const client = await open("memory://codec");
const other = await open("memory://codec");

/** The bytes of `key` as everyone else sees them. */
async function raw(name, key, codec) {
  const map = await other.map(name, {
    codec: { name: codec, encode: (value) => value, decode: (data) => data },
  });
  await map.sync();
  return Buffer.from(map.get(key)).toString();
}

test("json is compact, in UTF-8, as in every language", async () => {
  const map = await client.map("json", { codec: json() });
  const value = { name: "Zoë 👩‍🚀", list: [1, 1.5, null, true], nested: { "": '\u0001"\\' } };
  await map.set("k", value);
  assert.deepEqual(map.get("k"), value);
  assert.equal(
    await raw("json", "k", "json"),
    '{"name":"Zoë 👩‍🚀","list":[1,1.5,null,true],"nested":{"":"\\u0001\\"\\\\"}}',
  );
  await map.incr("n", 5);
  assert.equal(map.get("n"), 5);
});

test("json refuses what JSON has not, and says where", async () => {
  const map = await client.map("refused", { codec: json() });
  for (const value of [Number.NaN, [1, Number.NEGATIVE_INFINITY], { a: null, deep: { at: Number.NaN } }]) {
    await assert.rejects(map.set("k", value), { name: "TypeError", message: /json has no/ });
  }
  await assert.rejects(map.set("k", { deep: { at: Number.NaN } }), {
    message: 'json has no NaN, which is at "at"',
  });
  await assert.rejects(map.set("k", undefined), { message: "json has no undefined" });
  await assert.rejects(map.set("k", 1n), TypeError);
  assert.equal(map.size, 0);
  await map.set("k", { fine: null, text: "null" });
  assert.deepEqual(map.get("k"), { fine: null, text: "null" });
});

test("what json reads is frozen, for all readers share it", async () => {
  const map = await client.map("frozen", { codec: json() });
  await map.set("k", { list: [1] });
  assert.throws(() => map.get("k").list.push(2), TypeError);
  const mine = structuredClone(map.get("k"));
  mine.list.push(2);
  await map.set("k", mine);
  assert.deepEqual(map.get("k"), { list: [1, 2] });
});

test("a codec wants its own kind of value", async () => {
  const text = await client.map("str", { codec: str });
  await assert.rejects(text.set("k", 5), { name: "TypeError", message: /wants text, not 5/ });
  const data = await client.map("bytes", { codec: bytes });
  await assert.rejects(data.set("k", "text"), {
    name: "TypeError",
    message: /wants a Uint8Array, not 'text'/,
  });
});

test("codecs of one's own write bytes or text", async () => {
  const date = {
    name: "date",
    text: true,
    encode: (value) => value.toISOString(),
    decode: (text) => new Date(text),
  };
  const dates = await client.map("dates", { codec: date });
  const now = new Date();
  await dates.set("now", now);
  assert.deepEqual(dates.get("now"), now);
  const point = { name: "point", encode: ([x, y]) => Uint8Array.of(x, y), decode: (data) => [...data] };
  const points = await client.map("points", { codec: point });
  await points.listAppend("path", [
    [1, 2],
    [3, 4],
  ]);
  assert.deepEqual(points.get("path"), [
    [1, 2],
    [3, 4],
  ]);
  const [[, event]] = [await Promise.all([points.watch("path", { from: "snapshot" }).next()])].map(
    ([{ value }]) => [0, value],
  );
  assert.deepEqual(event.value, [
    [1, 2],
    [3, 4],
  ]);
});

test("two languages cannot disagree about a codec", async () => {
  const map = await client.map("agreed", { codec: json() });
  await map.set("k", 1);
  await assert.rejects(other.map("agreed", { codec: str }), {
    code: "PONOS_INVALID",
    message: /codec is "json"/,
  });
});

test("a value that the codec cannot read is an error where it is read, not where it is overwritten", async () => {
  const map = await client.map("broken", { codec: json() });
  const liar = await other.map("broken", {
    codec: { name: "json", encode: (value) => value, decode: (data) => data },
  });
  await liar.set("k", Buffer.from("{"));
  await liar.set("no text", Uint8Array.of(255));
  await map.sync();
  for (const key of ["k", "no text"]) {
    assert.throws(
      () => map.get(key),
      (error) => {
        assert.ok(error instanceof PonosError && error.cause instanceof Error);
        assert.equal(error.message, 'decode "broken": the codec "json" cannot read a value of the map');
        return true;
      },
    );
  }
  const written = await map.set("k", 1);
  assert.equal(map.get("k"), 1);
  assert.throws(() => written.previous, PonosError);
  assert.match(inspect(written), /changed: true,\s+previous: PonosError/);
});
