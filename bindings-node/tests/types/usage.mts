// What a user's TypeScript relies on: checked with --strict against the installed package, then run.

import {
  type Codec,
  type Entry,
  json,
  type MapEvent,
  open,
  PonosError,
  type PonosMap,
  type SetOptions,
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
await errors();
console.log("used");
