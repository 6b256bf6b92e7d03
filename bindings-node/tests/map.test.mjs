// Reading and writing, as far as it is JavaScript: types of values, iteration, options, results.

import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { json, open, PonosError, str } from "@ponos/ponos";

const client = await open("memory://map");
const fails = (kind, message) => (error) => {
  assert.ok(error instanceof PonosError, error);
  assert.equal(error.kind, kind);
  assert.equal(error.code, `PONOS_${kind.toUpperCase()}`);
  assert.match(error.message, message ?? /./);
  return true;
};

test("objects print what they are, without their inner parts and without the url's password", async () => {
  const map = await client.map("shown", { codec: str });
  await map.set("k", "v");
  const watcher = map.watch();
  assert.deepEqual(
    [client, map, map.snapshot()].map((object) => inspect(object)),
    [
      "Client { engine: 'memory' }",
      'PonosMap("shown", str, 1 keys, revision 1)',
      'Snapshot("shown", str, 1 keys, revision 1)',
    ],
  );
  watcher.close();
  for (const object of [client, map, map.snapshot(), map.txn(), watcher]) {
    const names = Object.keys(object).filter(
      (name) => !["engine", "name"].includes(name) && typeof object[name] !== "function",
    );
    assert.deepEqual(names, [], inspect(object));
    assert.equal(object.native ?? object.values, undefined);
  }
});

test("what a write did prints with the value before", async () => {
  const map = await client.map("printed", { codec: json() });
  await map.set("k", { a: 1 });
  const written = await map.set("k", 2);
  assert.equal(inspect(written), "{ revision: 2n, changed: true, previous: { a: 1 } }");
  assert.deepEqual({ ...written }, written);
  assert.deepEqual(Reflect.ownKeys({ ...written }), ["revision", "changed", "previous"]);
});

test("bytes come as a Uint8Array of their own, whatever their size", async () => {
  const map = await client.map("bytes");
  for (const size of [0, 1, 512, 513, 4_096, 4_097, 1 << 20]) {
    const value = new Uint8Array(size).map((_, index) => index * 7);
    const key = `size ${size}`;
    await map.set(key, value);
    const read = [
      map.get(key),
      map.entry(key).value,
      map.snapshot().get(key),
      (await map.getLatest(key)).value,
    ];
    read.push((await map.set(key, value)).previous, map.prefix(key)[0][1]);
    for (const each of read) {
      assert.equal(each.constructor, Uint8Array);
      assert.deepEqual(each, value);
    }
    if (size > 0) read[0][0] = 99;
    assert.deepEqual(map.get(key), value, "what is read is a copy");
  }
  await map.set("a Buffer is one too", Buffer.from("x"));
  assert.deepEqual(map.get("a Buffer is one too"), Uint8Array.of(120));
  await map.set("a part", new Uint8Array([1, 2, 3, 4]).subarray(1, 3));
  assert.deepEqual(map.get("a part"), Uint8Array.of(2, 3));
});

test("keys and text of every script survive", async () => {
  const map = await client.map("text", { codec: str });
  for (const key of ["👩‍🚀", "ключ", "a\u0000b", "é", "\uFEFFmark", "x".repeat(65_536)]) {
    await map.set(key, key);
    assert.equal(map.get(key), key);
    assert.equal(map.entry(key).value, key);
    assert.ok(map.has(key));
    assert.ok(map.keys().includes(key));
  }
  assert.deepEqual(new Map(map), new Map(map.keys().map((key) => [key, key])));
  await assert.rejects(map.set("half \uD83D", "x"), TypeError);
  await assert.rejects(map.set("k", "half \uD83D"), TypeError);
  assert.throws(() => map.get(7), { name: "TypeError", message: "the key must be a string" });
  await assert.rejects(map.set("", "x"), fails("invalid", /map\.set "text": the key is empty/));
  assert.equal(map.get(""), undefined);
});

test("a map is read like a Map, in ranges and prefixes", async () => {
  const map = await client.map("reads", { codec: json(), ordered: true });
  for (const [index, key] of ["b", "a1", "c", "a2"].entries()) await map.set(key, index);
  assert.equal(map.size, 4);
  assert.deepEqual(map.keys().sort(), ["a1", "a2", "b", "c"]);
  assert.deepEqual([...map].sort(), [
    ["a1", 1],
    ["a2", 3],
    ["b", 0],
    ["c", 2],
  ]);
  assert.deepEqual(Object.fromEntries(map.entries()), { b: 0, a1: 1, c: 2, a2: 3 });
  assert.deepEqual(map.prefix("a"), [
    ["a1", 1],
    ["a2", 3],
  ]);
  assert.deepEqual(map.range("a2", "c"), [
    ["a2", 3],
    ["b", 0],
  ]);
  assert.deepEqual(map.range(undefined, "a2"), [["a1", 1]]);
  assert.deepEqual(map.range("b"), [
    ["b", 0],
    ["c", 2],
  ]);
  assert.deepEqual(map.range("z", "a"), []);
  assert.deepEqual([map.revision, map.generation > 0n, map.status], [4n, true, { state: "live" }]);
  assert.deepEqual([map.name, map.codec], ["reads", "json"]);
  assert.equal(inspect(map), 'PonosMap("reads", json, 4 keys, revision 4)');
});

test("a snapshot stays as it was", async () => {
  const map = await client.map("snapshot", { codec: json() });
  await map.set("k", { n: 1 });
  const snapshot = map.snapshot();
  await map.set("k", { n: 2 });
  await map.set("more", 1);
  assert.deepEqual(snapshot.get("k"), { n: 1 });
  assert.deepEqual([...snapshot], [["k", { n: 1 }]]);
  assert.deepEqual(
    [snapshot.size, snapshot.has("more"), snapshot.revision, snapshot.keys()],
    [1, false, 1n, ["k"]],
  );
  assert.deepEqual([snapshot.prefix("k"), snapshot.range("l")], [[["k", { n: 1 }]], []]);
  const { revision, shape, deadline } = snapshot.entry("k");
  assert.deepEqual([revision, shape, deadline], [1n, "plain", undefined]);
});

test("lists are arrays, sets are Sets, and both have items", async () => {
  const map = await client.map("items", { codec: json() });
  assert.deepEqual(await map.listAppend("l", [1, 2, 1]), { revision: 1n, changed: true, size: 3 });
  assert.deepEqual(await map.listAppendUnique("l", new Set([2, 3])), {
    revision: 2n,
    changed: true,
    size: 4,
  });
  assert.deepEqual(await map.listRemove("l", [1]), { revision: 3n, changed: true, size: 2 });
  assert.deepEqual(await map.setAdd("s", ["x", "y", "x"]), { revision: 4n, changed: true, size: 2 });
  assert.deepEqual(await map.setRemove("s", ["q"]), { revision: 4n, changed: false, size: 2 });
  assert.deepEqual(map.get("l"), [2, 3]);
  assert.deepEqual(map.get("s"), new Set(["x", "y"]));
  assert.deepEqual(
    [map.itemsOf("l"), map.itemsOf("s"), map.itemsOf("none")],
    [[2, 3], ["x", "y"], undefined],
  );
  assert.deepEqual([map.entry("s").shape, map.snapshot().get("s")], ["set", new Set(["x", "y"])]);
  assert.deepEqual(map.prefix(""), [
    ["l", [2, 3]],
    ["s", new Set(["x", "y"])],
  ]);
  await assert.rejects(map.listAppend("l", "text"), TypeError);
  await assert.rejects(map.listAppend("s", [1]), fails("invalid", /no list/));
  await assert.rejects(map.listAppend("l", []), fails("invalid", /no items/));
});

test("writes say what they did, and conditions what they refuse", async () => {
  const map = await client.map("writes", { codec: json() });
  assert.deepEqual(await map.set("k", 1), { revision: 1n, changed: true, previous: undefined });
  assert.deepEqual(await map.set("k", 2, { ifPresent: true }), { revision: 2n, changed: true, previous: 1 });
  assert.deepEqual(await map.set("k", 3, { ifRevision: 2n }), { revision: 3n, changed: true, previous: 2 });
  assert.deepEqual(await map.set("k", 4, { ifRevision: 3, ifAbsent: false }), {
    revision: 4n,
    changed: true,
    previous: 3,
  });
  await assert.rejects(map.set("k", 0, { ifAbsent: true }), (error) => {
    fails("conflict", /^map\.set "writes": key "k": the key is present/)(error);
    assert.deepEqual([error.operation, error.object, error.maybeApplied], ["map.set", "writes", false]);
    assert.match(error.stack, /map\.test\.mjs/, "the stack names the caller");
    return true;
  });
  await assert.rejects(map.delete("k", { ifValue: 5 }), fails("conflict"));
  assert.deepEqual(await map.delete("k", { ifValue: 4 }), { revision: 5n, changed: true, previous: 4 });
  assert.deepEqual(await map.delete("k"), { revision: 5n, changed: false, previous: undefined });
  await assert.rejects(
    map.set("k", 1, { ifAbsent: true, ifRevision: 2n }),
    fails("invalid", /one condition/),
  );
  await assert.rejects(map.set("k", 1, { ifRevision: map.entry("k")?.revision }), TypeError, "no condition");
  await assert.rejects(map.set("k", 1, { ifValue: map.get("k") }), TypeError, "no condition");
  await map.set("k", 1, { ttlMs: 60_000 });
  assert.ok(map.entry("k").deadline > new Date());
  assert.deepEqual(await map.touch("k", null), { revision: 7n, changed: true });
  assert.equal(map.entry("k").deadline, undefined);
  await assert.rejects(map.set("k", 1, { ttlMs: 0.1 }), fails("invalid", /time to live is 0.1 ms/));
  for (const ttlMs of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
    await assert.rejects(map.set("k", 1, { ttlMs }), fails("invalid", /time to live/));
  }
  assert.deepEqual(await map.clear(), { revision: 8n, changed: true });
  assert.deepEqual([map.size, await map.destroy()], [0, { revision: 8n, changed: false }]);
});

test("misspelt options and wrong types are refused by name", async () => {
  const map = await client.map("options", { codec: json() });
  const wrong = [
    [() => map.set("k", 1, { ttl: 5 }), /unknown option "ttl"; known are ifAbsent/],
    [() => map.set("k", 1, null), /options are an object, not null/],
    [() => map.set("k", 1, { ttlMs: "5" }), /ttlMs must be a number, not "5"/],
    [() => map.set("k", 1, { ifRevision: 1.5 }), /ifRevision must be a whole number, not 1.5/],
    [() => map.delete("k", { ifAbsent: true }), /unknown option "ifAbsent"/],
    [() => map.incr("k", "1"), /by must be a whole number, not "1"/],
    [() => map.waitFor(), /the revision must be/],
    [() => client.map("x", { codec: "json" }), /write json\(\)/],
    [() => client.map("x", { codec: json }), /write json\(\)/],
    [() => open(), /the url must be text/],
    [() => open("memory://", { timeout: 5 }), /unknown option "timeout"/],
  ];
  for (const [call, message] of wrong) await assert.rejects(call, { name: "TypeError", message });
  await assert.rejects(map.waitFor(-1), RangeError);
  await assert.rejects(map.incr("k", 2n ** 63n), RangeError);
  await assert.rejects(client.map("x", { watchQueue: -1 }), RangeError);
  await assert.rejects(client.map("x", { watchQueue: 0 }), fails("invalid", /at least 1/));
});

test("counters are exact: numbers while a number can hold them, else bigints", async () => {
  const map = await client.map("counters", { codec: json() });
  assert.deepEqual(await map.incr("n"), { revision: 1n, value: 1 });
  assert.deepEqual(await map.incr("n", 41, { max: 42 }), { revision: 2n, value: 42 });
  await assert.rejects(map.incr("n", 1, { max: 42 }), fails("conflict", /bounds/));
  assert.equal(map.get("n"), 42);
  const most = BigInt(Number.MAX_SAFE_INTEGER);
  assert.equal((await map.incr("big", most)).value, most);
  await assert.rejects(map.incr("big", 1), fails("conflict", /bounds/), "it would be rounded");
  assert.deepEqual(await map.incr("big", 1n), { revision: 4n, value: most + 1n });
  assert.equal((await map.incr("big", 2n ** 63n - 1n - (most + 1n))).value, 2n ** 63n - 1n);
  await assert.rejects(map.incr("big", 1n), fails("conflict"));
  assert.equal((await map.incrFloat("x", 0.1)).value, 0.1);
  assert.equal((await map.incrFloat("x", 0.2)).value, 0.1 + 0.2);
  await assert.rejects(map.incrFloat("x", Number.NaN), fails("invalid", /finite/));
});

test("a transaction is one revision, taken whole or not at all", async () => {
  const map = await client.map("txn", { codec: json() });
  await map.set("a", 10);
  const moved = await map
    .txn()
    .when("a", { value: 10 })
    .when("a", { revision: 1 })
    .when("b", "absent")
    .incr("a", -4)
    .incr("b", 4n)
    .incrFloat("f", 0.5)
    .listAppend("l", [1])
    .setAdd("s", ["x"])
    .set("t", { deep: true }, { ttlMs: 60_000 })
    .touch("t", null)
    .delete("nothing")
    .otherwise()
    .set("never", 1)
    .commit();
  assert.deepEqual(moved, { revision: 2n, matched: true, changed: true });
  assert.deepEqual(map.prefix(""), [
    ["a", 6],
    ["b", 4],
    ["f", 0.5],
    ["l", [1]],
    ["s", new Set(["x"])],
    ["t", { deep: true }],
  ]);
  assert.equal(map.entry("t").deadline, undefined);
  const other = await map.txn().when("b", "absent").set("b", 0).otherwise().delete("b").commit();
  assert.deepEqual([other.matched, map.has("b")], [false, false]);
  await assert.rejects(map.txn().commit(), fails("invalid", /empty/));
  await assert.rejects(map.txn().set("q", 1).incr("l", 1).commit(), fails("invalid", /no number/));
  assert.equal(map.has("q"), false);
  await assert.rejects(map.txn().when("a", { missing: true }).commit(), TypeError);
  await assert.rejects(map.txn().set("a", 1, { ttl: 1 }).commit(), TypeError);
});

test("the largest values pass, larger ones say how to raise the limit", async () => {
  const large = await open("memory://large?max_value=4194304");
  const map = await large.map("m");
  const value = new Uint8Array(2 << 20).fill(7);
  await map.set("2 MiB", value);
  assert.deepEqual(map.get("2 MiB"), value);
  const small = await client.map("small");
  await assert.rejects(
    small.set("2 MiB", value),
    fails("invalid", /2097152 bytes and the limit is 1048576.*max_value/),
  );
  await large.close();
});
