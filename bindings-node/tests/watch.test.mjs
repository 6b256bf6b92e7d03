// Watchers as async iterators.

import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { inspect } from "node:util";
import { Worker } from "node:worker_threads";
import { json, open } from "@ponos/ponos";

const client = await open("memory://watch");
let count = 0;
const fresh = (options) => client.map(`m${count++}`, { codec: json(), ...options });

/** The next events, as [kind, key, value, old]. */
async function take(watcher, wanted) {
  const events = [];
  while (events.length < wanted) {
    const { value, done } = await watcher.next();
    if (done) break;
    events.push([value.kind, value.key, value.value, value.old]);
  }
  return events;
}

test("events come in order, with old and new values", async () => {
  const map = await fresh();
  const watcher = map.watch();
  await map.set("a", 1);
  await map.set("a", { b: [2] });
  await map.delete("a");
  await map.listAppend("l", ["x"]);
  await map.setAdd("s", ["x"]);
  await map.set("k", "v", { ttlMs: 20 });
  assert.deepEqual(await take(watcher, 8), [
    ["synced", undefined, undefined, undefined],
    ["set", "a", 1, undefined],
    ["set", "a", { b: [2] }, 1],
    ["delete", "a", undefined, { b: [2] }],
    ["set", "l", ["x"], undefined],
    ["set", "s", new Set(["x"]), undefined],
    ["set", "k", "v", undefined],
    ["expire", "k", undefined, "v"],
  ]);
  await map.clear();
  assert.equal((await watcher.next()).value.kind, "clear");
});

test("break, return and throw unsubscribe, and the loop ends", async () => {
  const map = await fresh();
  const broken = map.watch();
  for await (const event of broken) {
    assert.equal(event.kind, "synced");
    break;
  }
  await map.set("a", 1);
  assert.deepEqual(await broken.next(), { done: true, value: undefined });
  const thrown = map.watch();
  await assert.rejects(async () => {
    for await (const event of thrown) throw new Error(event.kind);
  }, /synced/);
  assert.deepEqual(await thrown.next(), { done: true, value: undefined });
});

test("a watcher is registered when watch returns, not when it is first asked", async () => {
  const map = await fresh();
  const watcher = map.watch("k");
  await map.set("k", 1);
  assert.deepEqual(
    (await take(watcher, 2)).map(([kind]) => kind),
    ["synced", "set"],
  );
});

test("batches give what waits at once", async () => {
  const map = await fresh();
  const watcher = map.watch();
  for (let index = 0; index < 1_000; index++) await map.set(`k${index % 10}`, index);
  const sizes = [];
  const seen = [];
  for await (const events of watcher.batches(300)) {
    sizes.push(events.length);
    seen.push(...events.filter(({ kind }) => kind === "set").map(({ value }) => value));
    if (seen.length === 1_000) break;
  }
  assert.deepEqual(sizes, [300, 300, 300, 101]);
  assert.deepEqual(
    seen,
    Array.from({ length: 1_000 }, (_, index) => index),
  );
  assert.equal((await watcher.next()).done, true, "leaving the loop closed it");
  await assert.rejects(map.watch().batches(0).next(), RangeError);
});

test("an iterator that was begun by events goes on in batches", async () => {
  const map = await fresh();
  const watcher = map.watch();
  for (let index = 0; index < 5; index++) await map.set("k", index);
  await take(watcher, 2);
  const { value } = await watcher.batches().next();
  assert.deepEqual(
    value.map((event) => event.value),
    [1, 2, 3, 4],
  );
  watcher.close();
});

test("calls side by side get each event once", async () => {
  const map = await fresh();
  const watcher = map.watch();
  const calls = Array.from({ length: 20 }, () => watcher.next());
  for (let index = 0; index < 19; index++) await map.set("k", index);
  const got = (await Promise.all(calls)).map(({ value }) => value.value);
  assert.deepEqual(got, [undefined, ...Array.from({ length: 19 }, (_, index) => index)]);
});

test("closing ends whoever waits, and again is nothing", async () => {
  const map = await fresh();
  const watcher = map.watch();
  await watcher.next();
  const waiting = watcher.next();
  watcher.close();
  watcher.close();
  assert.deepEqual(await waiting, { done: true, value: undefined });
  const disposed = map.watch();
  await disposed[Symbol.asyncDispose]();
  assert.equal((await disposed.next()).done, true);
  const last = map.watch();
  await map.set("k", 1);
  await map.close();
  assert.deepEqual(
    (await take(last, 9)).map(([kind]) => kind),
    ["synced", "set"],
    "the end comes after what waited",
  );
});

test("filters choose keys", async () => {
  const map = await fresh();
  const hits = async (filter) => {
    const watcher = map.watch(filter, { from: "snapshot" });
    const keys = [];
    for await (const { kind, key } of watcher) {
      if (kind === "synced") break;
      keys.push(key);
    }
    return keys;
  };
  for (const key of ["a*", "ab", "abc", "b"]) await map.set(key, 1);
  assert.deepEqual(await hits(), ["a*", "ab", "abc", "b"]);
  assert.deepEqual(await hits("*"), ["a*", "ab", "abc", "b"]);
  assert.deepEqual(await hits("a?"), ["a*", "ab"]);
  assert.deepEqual(await hits("a\\*"), ["a*"]);
  assert.deepEqual(await hits("ab"), ["ab"]);
  assert.deepEqual(await hits({ key: "a*" }), ["a*"]);
  assert.deepEqual(await hits({ prefix: "ab" }), ["ab", "abc"]);
  assert.deepEqual(await hits({ glob: "*c" }), ["abc"]);
  assert.deepEqual(await hits(["b", { prefix: "abc" }]), ["abc", "b"]);
  assert.deepEqual(await hits([]), []);
  for (const filter of [5, null, {}, { prefix: "a", key: "b" }, { regex: "a" }, [["a"], 5]]) {
    assert.throws(() => map.watch(filter), TypeError);
  }
});

test("a watcher may begin with a revision of the past", async () => {
  const map = await fresh();
  for (let index = 1; index <= 3; index++) await map.set("k", index);
  assert.deepEqual(
    (await take(map.watch("k", { from: 1n }), 3)).map(([kind, , value]) => [kind, value]),
    [
      ["set", 2],
      ["set", 3],
      ["synced", undefined],
    ],
  );
  assert.throws(() => map.watch("k", { from: "yesterday" }), { code: "PONOS_INVALID" });
  assert.throws(() => map.watch("k", { since: 1n }), TypeError);
});

test("a slow watcher gets the changes of a key merged, and is told", async () => {
  const map = await fresh({ watchQueue: 2 });
  const watcher = map.watch();
  for (let index = 0; index < 10; index++) await map.set("k", index);
  await watcher.next();
  let [changes, last] = [0, undefined];
  while (changes < 10) {
    const { value } = await watcher.next();
    changes += value.coalesced;
    last = value.value;
  }
  assert.deepEqual([changes, last], [10, 9]);
});

test("an event is read when it is looked at, and prints itself", async () => {
  const map = await fresh();
  await map.set("k", { n: 1 });
  const { value: event } = await map.watch("k", { from: "snapshot" }).next();
  await map.set("k", { n: 2 });
  assert.equal(
    inspect(event),
    "{\n  kind: 'set',\n  revision: 1n,\n  coalesced: 1,\n  key: 'k',\n  shape: 'plain',\n  value: { n: 1 }\n}",
  );
  assert.equal(event.value, event.value, "decoded once");
  const { kind, key, value, old, shape, revision, coalesced } = event;
  assert.deepEqual(
    [kind, key, value, old, shape, revision, coalesced],
    ["set", "k", { n: 1 }, undefined, "plain", 1n, 1],
  );
});

test("a map that was destroyed and lives again is told as resynced", async () => {
  const [map, other] = [await fresh(), await open("memory://watch")];
  const watcher = map.watch();
  await map.set("k", 1);
  await map.destroy();
  await (await other.map(map.name, { codec: json() })).set("k", 2);
  const kinds = [];
  for await (const event of watcher) {
    kinds.push(event.kind);
    if (event.kind === "resynced") {
      assert.equal(event.reason, "new_generation");
      // Generation 0 is no map: that of who looks between the two lives.
      assert.notEqual(event.to.generation, event.from.generation);
    }
    if (event.kind === "set" && event.value === 2) break;
  }
  assert.ok(kinds.includes("clear") || kinds.includes("resynced"), kinds.join());
});

test("who hears of another thread's change reads it", { timeout: 60_000 }, async () => {
  const map = await fresh();
  const last = 50_000;
  const script = `
    import { json, open } from "${import.meta.resolve("@ponos/ponos")}";
    const client = await open("memory://watch");
    const map = await client.map("${map.name}", { codec: json() });
    for (let count = 1; count <= ${last}; count++) await map.set("k", count);`;
  const watcher = map.watch("k");
  const thread = new Worker(new URL(`data:text/javascript,${encodeURIComponent(script)}`));
  const ended = once(thread, "exit");
  let early = 0;
  for await (const event of watcher) {
    if (event.kind !== "set") continue;
    if (!(map.entry("k")?.value >= event.value && map.get("k") >= event.value)) early++;
    if (event.value === last) break;
  }
  await ended;
  assert.equal(early, 0);
});

test("other work goes on beside a watcher that always has something", async () => {
  const map = await fresh();
  let stop = false;
  const writing = (async () => {
    while (!stop) await map.set("k", 1);
    await map.set("k", "last");
  })();
  const timer = setTimeout(() => {
    stop = true;
  }, 20);
  for await (const event of map.watch()) if (event.kind === "set" && event.value === "last") break;
  await writing;
  clearTimeout(timer);
});
