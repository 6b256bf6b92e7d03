// What the Node package costs, as JSON lines: local reads and writes at 64 in flight, on memory and on a server.
import { bytes, json, open, str } from "@ponos/ponos";

const VALUE = Buffer.alloc(100, "v");
const MS = 2_000;

const say = (bench, params, figures) => console.log(JSON.stringify({ bench, params, ...figures }));

async function sets(url) {
  const client = await open(url);
  const board = await client.map("bench-node");
  const end = performance.now() + MS;
  const caller = async (number) => {
    let count = 0;
    for (; performance.now() < end; count += 1) await board.set(`key-${(number * 31 + count) % 1000}`, VALUE);
    return count;
  };
  const counts = await Promise.all(Array.from({ length: 64 }, (_, number) => caller(number)));
  const done = counts.reduce((sum, count) => sum + count, 0);
  if (board.revision !== BigInt(done)) throw new Error(`${done} sets made ${board.revision} revisions`);
  await client.close();
  return done / (MS / 1_000);
}

async function gets(codec, value) {
  const client = await open("memory://bench-get");
  const board = await client.map(`get-${codec?.name}`, codec ? { codec } : {});
  await board.set("key", value);
  const times = 1_000_000;
  let read = 0;
  for (let turn = 0; turn < times; turn += 1) if (board.get("key") !== undefined) read += 1; // warm
  const start = performance.now();
  for (let turn = 0; turn < times; turn += 1) if (board.get("key") !== undefined) read += 1;
  const ns = ((performance.now() - start) * 1e6) / times;
  if (read !== 2 * times) throw new Error("a read found nothing");
  await client.close();
  return ns;
}

async function events() {
  const client = await open("memory://bench-events");
  const board = await client.map("events", { codec: bytes, watchQueue: 1_000_000 });
  const watcher = board.watch();
  await watcher.next();
  for (let round = 0; round < 200; round += 1) {
    const txn = board.txn();
    for (let number = 0; number < 1_000; number += 1) txn.set(`key-${number}`, VALUE);
    await txn.commit();
  }
  const start = performance.now();
  let [seen, read] = [0, 0];
  for await (const batch of watcher.batches()) {
    for (const event of batch) read += event.key.length + event.value.length;
    seen += batch.length;
    if (seen >= 200_000) break;
  }
  const rate = seen / ((performance.now() - start) / 1_000);
  if (read < 200_000 * VALUE.length) throw new Error("events without values");
  await client.close();
  return rate;
}

say("get", { codec: "str" }, { ns_per_op: await gets(str, "v".repeat(100)) });
say("get", { codec: "json" }, { ns_per_op: await gets(json(), [1, 2, 3]) });
say("events", {}, { ops_per_s: await events() });
say("set_memory", { callers: 64 }, { ops_per_s: await sets("memory://bench-set") });
say("set", { callers: 64 }, { ops_per_s: await sets(process.argv[2]) });
