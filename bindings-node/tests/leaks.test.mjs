// Opening, closing and cancelling leave nothing behind: threads, descriptors and memory stay flat.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { open } from "@ponos/ponos";

/** By how much memory may grow after the warm-up, in KiB; V8 takes and keeps some for itself. */
const SLACK = 32 * 1024;

function usage() {
  const memory = Number(readFileSync("/proc/self/statm", "utf8").split(" ")[1]) * 4;
  return {
    threads: readdirSync("/proc/self/task").length,
    files: readdirSync("/proc/self/fd").length,
    memory,
  };
}

/** Waits until nothing more is used than before: what was closed goes in its own time. */
async function flatAfter(before) {
  const end = Date.now() + 30_000;
  let now = usage();
  while (now.threads > before.threads || now.files > before.files) {
    assert.ok(Date.now() < end, `${JSON.stringify(now)} after ${JSON.stringify(before)}`);
    await pause(10);
    now = usage();
  }
  assert.ok(now.memory < before.memory + SLACK, `${now.memory} KiB after ${before.memory}`);
}

async function openAndClose(url) {
  const client = await open(url);
  const map = await client.map("m");
  const watcher = map.watch();
  await map.set("k", Buffer.from("v"));
  assert.equal((await watcher.next()).value.kind, "synced");
  watcher.close();
  await client.close();
}

async function streamAndClose(url) {
  const client = await open(url);
  const stream = await client.stream("s");
  const sink = await stream.sink("g");
  await stream.publish("t", Buffer.from("v"));
  for await (const event of stream.reader({ from: { last: 1 } })) if (event.kind === "event") break;
  for await (const event of sink) {
    await event.ack();
    break;
  }
  await client.close();
}

async function many(url, times, once = openAndClose) {
  for (let index = 0; index < times / 5; index++) await once(url);
  const before = usage();
  for (let index = 0; index < times; index++) await once(url);
  await flatAfter(before);
}

/** A redis-server on a free port, ended with the test. */
async function redis(context) {
  const free = createServer().listen(0, "127.0.0.1");
  await once(free, "listening");
  const { port } = free.address();
  free.close();
  await once(free, "close");
  const program = process.env.PONOS_REDIS_SERVER ?? "redis-server";
  const words = ["--bind", "127.0.0.1", "--port", `${port}`, "--save", "", "--loglevel", "warning"];
  const server = spawn(program, words, { stdio: "ignore" });
  context.after(() => server.kill("SIGKILL"));
  const url = `redis://127.0.0.1:${port}`;
  const end = Date.now() + 30_000;
  for (;;) {
    try {
      await (await open(url)).close();
      return url;
    } catch (error) {
      assert.equal(error.code, "PONOS_UNAVAILABLE");
      assert.ok(Date.now() < end, "the server does not answer");
    }
  }
}

test("ten thousand clients in memory leave nothing", { timeout: 120_000 }, async () => {
  await many("memory://leaks", 10_000);
});

test("five hundred clients of a server leave nothing", { timeout: 120_000 }, async (context) => {
  await many(await redis(context), 500);
});

test("thousands of streams with readers and sinks leave nothing", { timeout: 120_000 }, async () => {
  await many("memory://leaks-streams", 3_000, streamAndClose);
});

test("hundreds of streams of a server leave nothing", { timeout: 120_000 }, async (context) => {
  await many(await redis(context), 300, streamAndClose);
});

test("sinks that are aborted while they wait leave nothing", { timeout: 120_000 }, async () => {
  const client = await open("memory://leaks-aborted");
  const stream = await client.stream("s");
  const abort = async (times) => {
    for (let round = 0; round < times; round++) {
      const controller = new AbortController();
      const sink = await stream.sink("g", { signal: controller.signal });
      const waiting = sink.next();
      controller.abort(new Error("enough"));
      await assert.rejects(waiting, /enough/);
      await sink.close();
    }
  };
  await abort(1_000);
  const before = usage();
  await abort(5_000);
  await flatAfter(before);
  assert.equal((await stream.info()).groups[0].consumers, 0);
  await client.close();
});

test("a hundred thousand cancelled calls leave nothing", { timeout: 120_000 }, async () => {
  const client = await open("memory://leaks-cancelled?timeout=60s");
  const map = await client.map("m");
  const reason = new Error("enough");
  const cancel = async (times) => {
    for (let round = 0; round < times / 500; round++) {
      const controller = new AbortController();
      const { signal } = controller;
      const calls = Array.from({ length: 500 }, () => map.waitFor(1_000_000, { signal }));
      controller.abort(reason);
      for (const ended of await Promise.allSettled(calls)) assert.equal(ended.reason, reason);
      // What the core answers to a cancelled call is taken in a turn of the loop, as all its answers are.
      await pause(0);
    }
  };
  await cancel(20_000);
  const before = usage();
  await cancel(100_000);
  await flatAfter(before);
  assert.equal((await map.set("k", Buffer.from("v"))).revision, 1n);
  await client.close();
});
