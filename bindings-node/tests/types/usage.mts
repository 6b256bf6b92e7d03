// What a user's TypeScript relies on: checked with --strict against the installed package, then run.

import {
  type Codec,
  type Deleted,
  type Delivery,
  type Entry,
  type Gap,
  json,
  type MapEvent,
  type Merged,
  type MergedReader,
  merge,
  open,
  PonosError,
  type PonosMap,
  type Published,
  type Reader,
  type Scope,
  type SetOptions,
  type Sink,
  type SinkItem,
  type SinkOptions,
  Step,
  type Stream,
  type StreamEvent,
  type StreamInfo,
  type StreamItem,
  setLogger,
  str,
  type Written,
} from "@ponos/ponos";

/** Compiles if both types are one and the same. */
type Same<A, B> = (<X>() => X extends A ? 1 : 2) extends <X>() => X extends B ? 1 : 2 ? true : false;
function is<A, B>(_: Same<A, B>): void {}

interface Order {
  id: number;
  lines: string[];
}

async function values(): Promise<void> {
  await using client = await open("memory://types");
  await using prices = await client.map("prices", {
    codec: json<number>(),
    ordered: false,
    watchQueue: 4_096,
  });
  is<typeof prices, PonosMap<number>>(true);
  const written = await prices.set("btc", 64_000, {
    ifAbsent: true,
    ttlMs: 30_000,
    signal: AbortSignal.timeout(1_000),
  });
  is<typeof written, Written<number>>(true);
  is<typeof written.revision, bigint>(true);
  const price = prices.get("btc");
  is<typeof price, number | undefined>(true);
  const entry = prices.entry("btc");
  is<typeof entry, Entry<number> | undefined>(true);
  is<ReturnType<typeof prices.itemsOf>, number[] | undefined>(true);
  is<ReturnType<typeof prices.prefix>, [string, number][]>(true);
  for (const [key, value] of prices) is<[typeof key, typeof value], [string, number]>(true);
  // @ts-expect-error: another type of value
  await prices.set("btc", "64000").catch(() => {});
  // @ts-expect-error: an option that is not there
  await prices.set("btc", 1, { ttl: 5 }).catch(() => {});

  const orders = await client.map("orders", { codec: json<Order>() });
  await orders.set("1", { id: 1, lines: [] });
  const order = orders.get("1");
  if (order) is<typeof order, Order>(true);
  const names = await client.map("names", { codec: str });
  is<typeof names, PonosMap<string>>(true);
  const raw = await client.map("raw");
  is<typeof raw, PonosMap<Uint8Array>>(true);
  const dates: Codec<Date> = {
    name: "date",
    text: true,
    encode: (date) => date.toJSON(),
    decode: (text) => new Date(text),
  };
  is<Awaited<ReturnType<typeof client.map<Date>>>, PonosMap<Date>>(true);
  await (await client.map("dates", { codec: dates, ordered: true })).set("now", new Date());
}

async function counters(): Promise<void> {
  await using client = await open("memory://types");
  const hits = await client.map("hits", { codec: json<number>() });
  const small = await hits.incr("home", 1, { min: 0 });
  is<typeof small.value, number>(true);
  const large = await hits.incr("home", 1n, { max: 10n });
  is<typeof large.value, bigint>(true);
  const options: SetOptions<number> = { ifRevision: large.revision, ttlMs: undefined };
  await hits.set("home", 0, options);
  // @ts-expect-error: bounds are of the type of the summand
  await hits.incr("other", 1n, { max: 10 });
  const done = await hits.txn().when("home", { value: 0 }).incr("home").otherwise().delete("home").commit();
  is<typeof done.matched, boolean>(true);
}

async function events(): Promise<void> {
  await using client = await open("memory://types");
  const prices = await client.map("watched", { codec: json<number>() });
  await prices.set("btc", 1);
  for await (const event of prices.watch("btc*", { from: "snapshot" })) {
    is<typeof event, MapEvent<number>>(true);
    if (event.kind === "set") is<typeof event.value, number>(true);
    else if (event.kind === "delete" || event.kind === "expire")
      is<typeof event.old, number | undefined>(true);
    else if (event.kind === "resynced")
      is<typeof event.reason, "trimmed" | "forked" | "new_generation">(true);
    else if (event.kind === "synced") break;
  }
  for await (const batch of prices.watch([{ prefix: "b" }, "c*"]).batches(16)) {
    is<typeof batch, MapEvent<number>[]>(true);
    break;
  }
}

async function streams(): Promise<void> {
  await using client = await open("memory://types");
  const shop = client.scope("shop");
  is<typeof shop, Scope>(true);
  await using orders = await shop.stream("orders", {
    codec: json<Order>(),
    maxLen: 10_000,
    maxBytes: 1n << 30n,
    maxAgeMs: 3_600_000,
    whenBehind: "skip",
  });
  is<typeof orders, Stream<Order>>(true);
  const raw = await client.stream("raw");
  is<typeof raw, Stream<Uint8Array>>(true);
  const order = { id: 1, lines: [] };
  const done = await orders.publish("created", order, {
    key: "ann",
    headers: { source: "web" },
    dedupId: "1",
    delayMs: 0,
    expectLast: 0n,
    ifExists: false,
    signal: AbortSignal.timeout(1_000),
  });
  is<typeof done, Published>(true);
  is<typeof done.seq, bigint | undefined>(true);
  const all = await orders.publishBatch([{ topic: "created", payload: order, headers: [["a", "b"]] }], {
    ifExists: true,
  });
  is<typeof all, Published[]>(true);
  // @ts-expect-error: another type of payload
  await orders.publish("created", { id: "1" }).catch(() => {});
  // @ts-expect-error: a number that may be none would be no condition
  await orders.publish("created", order, { expectLast: done.seq }).catch(() => {});
  // @ts-expect-error: conditions are the batch's
  await orders.publishBatch([{ topic: "created", payload: order, ifExists: true }]).catch(() => {});

  for await (const item of orders.reader({ from: "first", topics: ["created.>", "*"], replay: 1_000 })) {
    is<typeof item, StreamItem<Order>>(true);
    is<typeof item, StreamEvent<Order> | Gap | Deleted>(true);
    if (item.kind === "event") is<typeof item.value, Order>(true);
    else if (item.kind === "gap") is<typeof item.count, number>(true);
    break;
  }
  await using reader = await orders.reader({ from: { time: new Date(0) } });
  is<typeof reader, Reader<Order>>(true);
  is<typeof reader.position, string>(true);
  const options: SinkOptions = { ackWaitMs: 5_000, backoffMs: [1, 2], order: "key", partitions: 8 };
  await using billing = await orders.sink("billing", { ...options, from: { last: 10 }, deadLetter: "dead" });
  is<typeof billing, Sink<Order>>(true);
  const totals = await shop.map("totals", { codec: json<number>() });
  for await (const event of billing) {
    is<typeof event, SinkItem<Order>>(true);
    // @ts-expect-error: a gap has no answer
    void event.ack;
    if (event.kind !== "event") continue;
    is<typeof event, Delivery<Order>>(true);
    is<typeof event.payload, Uint8Array>(true);
    is<typeof event.header, (name: string) => string | undefined>(true);
    event.progress();
    await event.ackWith(
      new Step().map(totals.txn().incr("n")).publish(orders, { topic: "t", payload: order }),
    );
    break;
  }
  for await (const events of (await orders.sink("batches", { from: "first" })).batches(10)) {
    is<typeof events, SinkItem<Order>[]>(true);
    break;
  }
  is<Awaited<ReturnType<typeof orders.info>>, StreamInfo | undefined>(true);

  const merged = await merge([orders, orders], { from: "first", topics: ["created"], maxWaitMs: 5 });
  is<typeof merged, MergedReader<Order>>(true);
  for await (const each of merged) {
    is<typeof each, Merged<Order>>(true);
    if (each.item.kind === "event") await orders.reply(each.item, order).catch(() => {});
    break;
  }
  for await (const each of merge([orders, raw], { from: "first" })) {
    is<typeof each.item, StreamItem<Order | Uint8Array>>(true);
    break;
  }
  const reply = await orders.request("ask", order, { timeoutMs: 1 }).catch(() => undefined);
  is<typeof reply, Order | undefined>(true);
  // @ts-expect-error: for how long is to be said
  await orders.request("ask", order).catch(() => {});
  await new Step().map(totals.txn().incr("n")).commit({ signal: AbortSignal.timeout(1_000) });
}

async function errors(): Promise<void> {
  try {
    await open("memry://");
  } catch (error) {
    if (!(error instanceof PonosError)) throw error;
    const { code, maybeApplied } = error;
    is<typeof maybeApplied, boolean>(true);
    // @ts-expect-error: there is no such code
    if (code === "PONOS_CONFLIKT") throw error;
    if (code !== "PONOS_INVALID") throw error;
  }
}

setLogger((record) => is<typeof record.level, "error" | "warn" | "info" | "debug" | "trace">(true), "warn");
await values();
await counters();
await events();
await streams();
await errors();
console.log("used");
