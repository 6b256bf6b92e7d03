// What streams cost from the Node package, as JSON lines: publishing at 64 in flight and in batches, reading what is
// there, consuming with acknowledgements in batches; on memory and on a server.
import { open } from "@ponos/ponos";

const PAYLOAD = Buffer.alloc(100, "e");
const MS = 2_000;
const BACKLOG = 200_000;
const BATCH = 500;

const say = (bench, params, figures) => console.log(JSON.stringify({ bench, params, ...figures }));
const rate = (events, start) => events / ((performance.now() - start) / 1_000);

/** Gives `measure` a stream of its own, and destroys it. */
async function on(url, name, measure) {
  const client = await open(url);
  const stream = await client.stream(`bench-node-${name}`);
  const figure = await measure(stream);
  await stream.destroy();
  await client.close();
  return { ops_per_s: figure };
}

async function publish(stream) {
  const start = performance.now();
  const caller = async () => {
    let count = 0;
    for (; performance.now() < start + MS; count += 1) await stream.publish("bench", PAYLOAD);
    return count;
  };
  const counts = await Promise.all(Array.from({ length: 64 }, caller));
  const done = counts.reduce((sum, count) => sum + count, 0);
  const figure = rate(done, start);
  const { last } = await stream.info();
  if (!last.endsWith(`-${done}`)) throw new Error(`${done} events published, and the last is ${last}`);
  return figure;
}

const batch = (count) => Array.from({ length: count }, () => ({ topic: "bench", payload: PAYLOAD }));

async function publishBatches(stream) {
  const start = performance.now();
  let done = 0;
  for (; performance.now() < start + MS; done += BATCH) await stream.publishBatch(batch(BATCH));
  return rate(done, start);
}

async function fill(stream) {
  for (let left = BACKLOG; left > 0; left -= BATCH) await stream.publishBatch(batch(Math.min(left, BATCH)));
}

/** Goes through what is there, in batches, and looks at each payload. */
async function drain(feed, answer) {
  const start = performance.now();
  let [seen, read] = [0, 0];
  for await (const items of feed.batches(BATCH)) {
    for (const item of items) read += item.value.length;
    await answer?.(items);
    seen += items.length;
    if (seen >= BACKLOG) break;
  }
  const figure = rate(seen, start);
  if (seen !== BACKLOG || read !== BACKLOG * PAYLOAD.length) throw new Error(`${seen} events of ${read} bytes`);
  return figure;
}

async function read(stream) {
  await fill(stream);
  return drain(await stream.reader({ from: "first" }));
}

async function consume(stream) {
  await fill(stream);
  const sink = await stream.sink("g", { from: "first", prefetch: 2_000, maxInFlight: 10_000 });
  return drain(sink, (events) => sink.ack(events));
}

const memory = "memory://bench-stream";
say("publish_memory", { callers: 64 }, await on(memory, "publish", publish));
say("read_memory", {}, await on(memory, "read", read));
say("consume_memory", { consumers: 1 }, await on(memory, "consume", consume));
const server = process.argv[2];
say("publish", { callers: 64 }, await on(server, "publish", publish));
say("publish_batch", { events: BATCH }, await on(server, "batches", publishBatches));
say("read", {}, await on(server, "read", read));
say("consume", { consumers: 1 }, await on(server, "consume", consume));
