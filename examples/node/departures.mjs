// A live departures board, as in the other languages. A feed publishes real flights to a stream; consumers count them
// per airport in a replicated map, each in one step with its acknowledgement; a board reads the stream and watches the
// map, draws a table, and at the end checks its totals against the file. Consumers are killed on the way: the totals
// are exact all the same.
//
//   departures.mjs [--url URL] [--role feed|count|board|all] [--data DIR] [--pace FLIGHTS_A_SECOND] [--kills N]
import { readFileSync } from "node:fs";
import { join as path } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { json, open, PonosError, Step } from "@ponos/ponos";

const LATE = 15; // minutes from which a flight counts as late
const BATCH = 20; // flights published in one step
const WORKERS = 16; // flights that a consumer counts at once
const CONSUMERS = 4; // that share the work, with all in one process
const FRAME_MS = 100; // how often the board is drawn,
const LINE_MS = 1_000; // and printed where it cannot be drawn in place
const ROWS = 12;

/** What every part of the program opens: the flights and their totals, in one scope, with a client of its own. */
async function join(url) {
  const client = await open(url);
  const scope = client.scope("departures");
  const flights = await scope.stream("flights", { codec: json() });
  return { client, flights, totals: await scope.map("totals", { codec: json() }) };
}

/** Deletes all, of which those who still count are told. */
async function end({ client, flights, totals }) {
  await flights.destroy();
  await totals.destroy();
  await client.close();
}

async function feed(url, flights, pace) {
  const departures = await join(url);
  const start = performance.now();
  for (let number = 0; number < flights.length; number += BATCH) {
    await sleep(start + (number / pace) * 1_000 - performance.now());
    const batch = flights.slice(number, number + BATCH);
    const message = (flight) => ({ topic: `departed.${flight.origin}`, payload: flight });
    await departures.flights.publishBatch(batch.map(message));
  }
  await departures.client.close();
}

/** Counts until the stream is deleted. All consumers are of one group, and share the flights. */
async function count(url) {
  const { client, flights, totals } = await join(url);
  const sink = await flights.sink("counters", { from: "first" });
  console.log("a consumer joins");
  let counted = 0;
  const work = async () => {
    for await (const event of sink) {
      if (event.kind === "deleted") break; // which closes the sink for all workers
      if (event.kind === "gap") throw new Error(`${event.count} flights are missing`);
      counted += await countOne(event, totals);
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, work));
  console.log(`a consumer ends: it has counted ${counted} flights`);
  await client.close();
}

/**
 * Adds a flight to the totals in one step with its acknowledgement, so that it is counted once, whatever happens to the
 * consumer; how many are counted by us.
 */
async function countOne(event, totals) {
  const { origin, delay } = event.value;
  const txn = totals.txn().incr(`${origin}/flights`).incr(`${origin}/delay`, delay);
  if (delay >= LATE) txn.incr(`${origin}/late`);
  try {
    await event.ackWith(new Step().map(txn));
    return 1;
  } catch (error) {
    // We were silent for too long, and another consumer has it.
    if (error instanceof PonosError && error.code === "PONOS_FENCED") return 0;
    throw error;
  }
}

/** Draws until every flight of the file is counted; whether the totals are those of the file. */
async function show({ flights: stream, totals }, flights) {
  const every = process.stdout.isTTY ? FRAME_MS : LINE_MS;
  const reader = await stream.reader({ from: "first" });
  const changes = totals.watch().batches();
  let now = "";
  const following = (async () => {
    for await (const item of reader) if (item.kind === "event") now = item.value.time;
  })();
  // Each flight is one step, so each is one revision of the map.
  for (let drawn = -Infinity; totals.revision < flights.length; await changes.next()) {
    if (performance.now() - drawn < every) continue;
    draw(now, totals, flights.length);
    drawn = performance.now();
  }
  reader.close();
  await changes.return();
  await following;
  draw(now, totals, flights.length);
  return verdict(countedIn(totals), totalsOf(flights));
}

/** What the local copy says now, all of one revision: counts by airport. */
function countedIn(totals) {
  const counted = {};
  for (const [key, number] of totals.snapshot()) {
    const [airport, what] = key.split("/");
    counted[airport] ??= { flights: 0, late: 0, delay: 0 };
    counted[airport][what] = number;
  }
  return counted;
}

/** The totals that the board must come to. */
function totalsOf(flights) {
  const totals = {};
  for (const { origin, delay } of flights) {
    totals[origin] ??= { flights: 0, late: 0, delay: 0 };
    totals[origin].flights += 1;
    totals[origin].late += delay >= LATE ? 1 : 0;
    totals[origin].delay += delay;
  }
  return totals;
}

function draw(now, totals, all) {
  const seen = totals.revision;
  const rows = Object.entries(countedIn(totals));
  rows.sort(([a, left], [b, right]) => right.flights - left.flights || (a < b ? -1 : 1));
  if (!process.stdout.isTTY) {
    const busiest = rows.slice(0, 3).map(([airport, { flights }]) => `${airport} ${flights}`);
    const counted = `${String(seen).padStart(6)} of ${all} flights`;
    console.log(`${now.padEnd(16)}  ${counted}, busiest: ${busiest.join(", ")}`);
    return;
  }
  let out = `\x1b[H\x1b[2JDEPARTURES  ${now}   ${seen} of ${all} flights\n\n`;
  out += "airport  flights   late  mean delay\n";
  for (const [airport, { flights, late, delay }] of rows.slice(0, ROWS)) {
    const part = ((100 * late) / flights).toFixed(1).padStart(5);
    const mean = (delay / flights).toFixed(1).padStart(7);
    out += `${airport.padEnd(7)} ${String(flights).padStart(8)} ${part}% ${mean} min\n`;
  }
  process.stdout.write(out);
}

function verdict(counted, expected) {
  const shown = (counts) => JSON.stringify(counts);
  const airports = Object.keys(expected);
  const wrong = [...new Set([...airports, ...Object.keys(counted)])].filter(
    (airport) => shown(counted[airport]) !== shown(expected[airport]),
  );
  if (wrong.length === 0) {
    const flights = airports.reduce((sum, airport) => sum + expected[airport].flights, 0);
    const all = `the totals of all ${airports.length} airports are those of the file`;
    console.log(`\nExact: ${flights} flights, each counted once; ${all}.`);
    return true;
  }
  console.log("\nNot exact: the totals are not those of the file.");
  for (const airport of wrong)
    console.log(`  ${airport}: expected ${shown(expected[airport])}, got ${shown(counted[airport])}`);
  return false;
}

/** Keeps consumers at work; on the way one after the other is killed in the middle of it, and replaced. */
async function consumers({ totals }, { url, data, kills }, flights) {
  // A thread that is terminated is gone like a process that is killed.
  const argv = ["--role", "count", "--url", url, "--data", data];
  const consumer = () => new Worker(new URL(import.meta.url), { argv });
  const oldestFirst = Array.from({ length: CONSUMERS }, consumer);
  const changes = totals.watch("*/flights");
  for (let kill = 1; kill <= kills; kill++) {
    while (totals.revision < Math.floor((flights * kill) / (kills + 1))) await changes.next();
    await oldestFirst.shift().terminate();
    console.log("a consumer is killed in the middle of its work");
    oldestFirst.push(consumer());
  }
  changes.close();
  return oldestFirst;
}

async function everything(options, flights) {
  const departures = await join(options.url);
  const feeding = feed(options.url, flights, options.pace);
  const counting = consumers(departures, options, flights.length);
  const agrees = await show(departures, flights);
  await feeding;
  await Promise.all((await counting).map((consumer) => consumer.terminate()));
  await end(departures);
  return agrees;
}

/** Whether the board agrees with the file. */
async function run(role, options) {
  if (role === "count") {
    await count(options.url);
    return true;
  }
  const flights = readFlights(options.data);
  if (role === "all") return everything(options, flights);
  if (role === "feed") {
    await feed(options.url, flights, options.pace);
    return true;
  }
  const departures = await join(options.url);
  const agrees = await show(departures, flights);
  await end(departures);
  return agrees;
}

function readFlights(folder) {
  const lines = readFileSync(path(folder, "flights-2001q1.csv"), "utf8").trimEnd().split("\n").slice(1);
  return lines.map((line) => {
    const [time, delay, , origin] = line.split(",");
    return { time, delay: Number(delay), origin };
  });
}

const text = (value) => ({ type: "string", default: value });
const { values } = parseArgs({
  options: {
    url: text("memory://"),
    role: text("all"),
    data: text("examples/data"),
    pace: text("4000"),
    kills: text("8"),
  },
});
const { role, ...options } = { ...values, pace: Number(values.pace), kills: Number(values.kills) };
process.exitCode = (await run(role, options)) ? 0 : 1;
