// A live departures board, as in the other languages: nodes count real flights per airport in one replicated map, a
// board watches the map, draws a table, and at the end checks its totals against the file.
//
//   departures.mjs [--url URL] [--role node|board|all] [--part i/n] [--data DIR] [--pace FLIGHTS_A_SECOND]
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { setTimeout as sleep } from "node:timers/promises";
import { json, open } from "@ponos/ponos";

const LATE = 15;
const FLYING = 32;
const FRAME_MS = 100;
const LINE_MS = 1_000;
const ROWS = 12;

const none = () => ({ flights: 0, late: 0, delay: 0 });

function readFlights(folder) {
  const lines = readFileSync(join(folder, "flights-2001q1.csv"), "utf8").trimEnd().split("\n").slice(1);
  return lines.map((line) => {
    const [time, delay, , origin] = line.split(",");
    return { time, delay: Number(delay), origin };
  });
}

function totalsOf(flights) {
  const totals = new Map();
  for (const flight of flights) {
    const counts = totals.get(flight.origin) ?? none();
    counts.flights += 1;
    counts.late += flight.delay >= LATE ? 1 : 0;
    counts.delay += flight.delay;
    totals.set(flight.origin, counts);
  }
  return totals;
}

/** Counts a flight in one transaction: the board never sees one half counted. */
async function count(board, flight) {
  const txn = board.txn().incr(`${flight.origin}/flights`).incr(`${flight.origin}/delay`, flight.delay);
  if (flight.delay >= LATE) txn.incr(`${flight.origin}/late`);
  await txn.commit();
}

async function node(board, flights, pace, name) {
  const start = performance.now();
  const flying = new Set();
  for (const [number, flight] of flights.entries()) {
    const early = start + (number / pace) * 1_000 - performance.now();
    if (number % 8 === 0 && early > 0) {
      await board.set("clock", flight.time);
      await sleep(early);
    }
    if (flying.size >= FLYING) await Promise.race(flying);
    const counting = count(board, flight).finally(() => flying.delete(counting));
    flying.add(counting);
  }
  await Promise.all(flying);
  await board.setAdd("done", [name]);
}

function countedIn(board) {
  const counted = new Map();
  for (const [key, number] of board.snapshot()) {
    const [airport, what] = key.split("/");
    if (what === undefined) continue;
    const counts = counted.get(airport) ?? none();
    counts[what] = number;
    counted.set(airport, counts);
  }
  return counted;
}

function draw(board, counted, seen, total, changes) {
  const rows = [...counted].sort(([a, left], [b, right]) => right.flights - left.flights || (a < b ? -1 : 1));
  const clock = board.get("clock") ?? "";
  if (!process.stdout.isTTY) {
    const busiest = rows.slice(0, 3).map(([airport, counts]) => `${airport} ${counts.flights}`);
    const done = String(seen).padStart(6);
    console.log(`${clock.padEnd(16)}  ${done} of ${total} flights, ${changes} changes, busiest: ${busiest.join(", ")}`);
    return;
  }
  let out = `\x1b[H\x1b[2JDEPARTURES  ${clock}   ${seen} of ${total} flights   ${changes} changes\n\n`;
  out += "airport  flights   late  mean delay\n";
  for (const [airport, counts] of rows.slice(0, ROWS)) {
    const flights = Math.max(counts.flights, 1);
    const late = ((100 * counts.late) / flights).toFixed(1).padStart(5);
    const mean = (counts.delay / flights).toFixed(1).padStart(7);
    out += `${airport.padEnd(7)} ${String(counts.flights).padStart(8)} ${late}% ${mean} min\n`;
  }
  process.stdout.write(out);
}

async function show(board, flights) {
  const expected = totalsOf(flights);
  const start = performance.now();
  const every = process.stdout.isTTY ? FRAME_MS : LINE_MS;
  const ended = new AbortController();
  let changes = 0;
  const listening = (async () => {
    for await (const batch of board.watch("*", { signal: ended.signal }).batches()) {
      for (const event of batch) changes += event.coalesced;
    }
  })().catch(() => {}); // it ends with the signal
  let counted = countedIn(board);
  for (let drawn = -Infinity; ; counted = countedIn(board)) {
    const seen = [...counted.values()].reduce((sum, counts) => sum + counts.flights, 0);
    if (seen >= flights.length || performance.now() - drawn >= every) {
      draw(board, counted, seen, flights.length, changes);
      drawn = performance.now();
    }
    if (seen >= flights.length) break;
    await sleep(FRAME_MS);
  }
  ended.abort();
  await listening;
  return verdict(expected, counted, changes, (performance.now() - start) / 1_000);
}

function verdict(expected, counted, changes, seconds) {
  const same = (left, right) => ["flights", "late", "delay"].every((what) => left?.[what] === right[what]);
  const wrong = [...expected].filter(([airport, counts]) => !same(counted.get(airport), counts));
  if (wrong.length > 0 || counted.size !== expected.size) {
    console.log(`\n${wrong.length} airports differ from the file: ${wrong.slice(0, 10).map(([name]) => name).join(", ")}`);
    return false;
  }
  const time = seconds.toFixed(1);
  console.log(`\nThe totals of all ${expected.size} airports are those of the file (${changes} changes in ${time} s).`);
  return true;
}

const text = (value) => ({ type: "string", default: value });
const { values } = parseArgs({
  options: {
    url: text("memory://"),
    role: text("all"),
    part: text("1/1"),
    data: text("examples/data"),
    pace: text("4000"),
  },
});
const flights = readFlights(values.data);
const [number, of] = values.part.split("/").map(Number);
let parts = [[number, of]];
if (values.role === "board") parts = [];
else if (values.role === "all" && of === 1) parts = [1, 2, 3, 4].map((part) => [part, 4]);
const clients = [];
const joinBoard = async () => {
  const client = await open(values.url);
  clients.push(client);
  return client.map("departures", { codec: json() });
};
const nodes = parts.map(async ([number, of]) => {
  // Each node is a client of its own, as it would be in a process of its own.
  const part = flights.filter((_, index) => index % of === number - 1);
  await node(await joinBoard(), part, Number(values.pace) / of, `${number}/${of}`);
});
const agrees = values.role === "node" || (await show(await joinBoard(), flights));
await Promise.all(nodes);
await Promise.all(clients.map((client) => client.close()));
process.exitCode = agrees ? 0 : 1;
