// What the border costs, on the embedded engine. Copied to a folder where the package is installed, and run
// there: node map.mjs

import { bytes, json, open, str } from "@ponos/ponos";

const client = await open("memory://bench");
const keys = Array.from({ length: 1_000 }, (_, index) => `key:${index}`);
const text = "x".repeat(64);
const data = new TextEncoder().encode(text);

const seconds = (from) => Number(process.hrtime.bigint() - from) / 1e9;
const report = (name, figure, unit) =>
  console.log(name.padEnd(52), Math.round(figure).toLocaleString("en"), unit);

/** The best of five rounds, in nanoseconds a call. */
function time(name, call, rounds = 500_000) {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 6; round++) {
    const from = process.hrtime.bigint();
    for (let index = 0; index < rounds; index++) call(keys[index % 1_000]);
    if (round > 0) best = Math.min(best, (seconds(from) / rounds) * 1e9);
  }
  report(name, best, "ns");
}

async function map(name, codec, value) {
  const made = await client.map(name, { codec, watchQueue: 1_000_000 });
  for (const key of keys) await made.set(key, value);
  await made.set("short-lived", value, { ttlMs: 3_600_000 });
  return made;
}

const maps = {
  bytes: await map("bytes", bytes, data),
  str: await map("str", str, text),
  json: await map("json", json(), { text }),
};

time("get, bytes (64 bytes)", (key) => maps.bytes.get(key));
time("get, str, unchanged", (key) => maps.str.get(key));
time("get, str, crossing", () => maps.str.get("short-lived"));
time("get, json, unchanged", (key) => maps.json.get(key));
time("get, json, crossing and decoding", () => maps.json.get("short-lived"));
time("has", (key) => maps.str.has(key));

/** Sets a second with so many in flight. */
async function sets(name, value, inFlight, total = 200_000) {
  let started = 0;
  const loop = async () => {
    while (started < total) await maps[name].set(keys[started++ % 1_000], value);
  };
  const from = process.hrtime.bigint();
  await Promise.all(Array.from({ length: inFlight }, loop));
  report(`set, ${name}, ${inFlight} in flight`, total / seconds(from), "/s");
}

for (const inFlight of [1, 64, 1_024]) await sets("bytes", data, inFlight);
await sets("str", text, 64);
await sets("json", { text }, 64);

/** Events a second: 200 transactions of 1,000 sets are waiting when the clock starts. */
async function events(name, value, consume) {
  const watcher = maps[name].watch();
  await watcher.next();
  for (let round = 0; round < 200; round++) {
    const txn = maps[name].txn();
    for (const key of keys.slice(0, 999)) txn.set(key, value);
    await txn.commit();
  }
  const from = process.hrtime.bigint();
  const count = await consume(watcher, 199_800);
  report(`events, ${name}, ${consume.name}`, count / seconds(from), "/s");
  watcher.close();
}

async function batches(watcher, wanted) {
  let [count, length] = [0, 0];
  for await (const batch of watcher.batches()) {
    for (const event of batch) length += event.key.length + event.value.length;
    count += batch.length;
    if (count >= wanted) break;
  }
  return length && count;
}

async function single(watcher, wanted) {
  let [count, length] = [0, 0];
  for await (const event of watcher) {
    length += event.key.length + event.value.length;
    if (++count >= wanted) break;
  }
  return length && count;
}

for (const consume of [batches, single]) {
  await events("bytes", data, consume);
  await events("str", text, consume);
}
await client.close();
