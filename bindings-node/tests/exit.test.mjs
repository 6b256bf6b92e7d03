// How a process ends: by itself when nothing waits, and in order while calls are in flight.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { test } from "node:test";

/** Runs a script in a process of its own; resolves to how it ended and what it printed. */
async function run(script, { signal, after } = {}) {
  const start = `
    import { json, open, setLogger } from "${import.meta.resolve("@ponos/ponos")}";
    import { Worker } from "node:worker_threads";
    ${script}`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", start], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const printed = [text(child.stdout), text(child.stderr)];
  if (signal) {
    await once(child.stdout, "data");
    setTimeout(() => child.kill(signal), after ?? 50);
  }
  const limit = setTimeout(() => child.kill("SIGKILL"), 20_000);
  const [code, killedBy] = await once(child, "exit");
  clearTimeout(limit);
  const [out, err] = await Promise.all(printed);
  return { code, killedBy, out: out.trim(), err: err.trim() };
}

const OPEN = `
  const client = await open("memory://exit?timeout=60s");
  const map = await client.map("m", { codec: json() });
`;

test("a process exits by itself though a client, maps and watchers are open", async () => {
  const ended = await run(`${OPEN}
    await map.set("k", 1);
    const watcher = map.watch();
    await watcher.next();
    console.log(map.get("k"));`);
  assert.deepEqual(ended, { code: 0, killedBy: null, out: "1", err: "" });
});

test("a call that waits keeps the process alive until it is answered", async () => {
  const ended = await run(`${OPEN}
    const other = new Worker(\`
      setTimeout(async () => {
        const { open, json } = await import("${import.meta.resolve("@ponos/ponos")}");
        const client = await open("memory://exit");
        const map = await client.map("m", { codec: json() });
        await map.set("k", "late");
      }, 200)\`, { eval: true });
    other.unref();
    map.waitFor(1).then((revision) => console.log(revision, map.get("k")));`);
  assert.deepEqual(ended, { code: 0, killedBy: null, out: "1n late", err: "" });
});

test("process.exit with thousands of calls in flight is clean, 25 times", { timeout: 120_000 }, async () => {
  const script = `${OPEN}
    const watcher = map.watch();
    (async () => { for await (const event of watcher) event.key; })();
    for (let index = 0; index < 2_000; index++) map.waitFor(1_000_000).catch(() => {});
    for (let index = 0; index < 200; index++) map.set("key" + index, index);
    setTimeout(() => process.exit(3), Math.random() * 10);`;
  for (let round = 0; round < 25; round++) {
    assert.deepEqual(await run(script), { code: 3, killedBy: null, out: "", err: "" });
  }
});

test("an exception while calls are in flight ends the process as any other does", async () => {
  const ended = await run(`${OPEN} map.waitFor(1_000_000); setTimeout(() => { throw new Error("oh"); }, 5);`);
  assert.equal(ended.code, 1);
  assert.match(ended.err, /Error: oh/);
});

test("a logger that throws is an uncaught exception, and keeps no answer from its caller", async () => {
  const ended = await run(`
    process.on("uncaughtException", ({ message }) => console.log(message));
    setLogger((record) => { throw new Error(record.message.slice(0, 13)); }, "debug");
    const client = await open("memory://?timeout=50ms");
    const map = await client.map("m");
    await map.waitFor(5).catch(({ code }) => console.log(code));`);
  assert.deepEqual([ended.code, ended.err], [0, ""]);
  assert.deepEqual([...new Set(ended.out.split("\n"))].sort(), [
    "PONOS_TIMEOUT",
    "map is loaded",
    "map status fr",
  ]);
});

test("ctrl-c ends a process that waits for events", async () => {
  const ended = await run(
    `${OPEN} console.log("ready"); for await (const event of map.watch("none")) event.key;`,
    {
      signal: "SIGINT",
    },
  );
  assert.equal(ended.killedBy, "SIGINT");
});

test("a process whose workers alone have the package survives their end", { timeout: 60_000 }, async () => {
  const child = spawn(
    process.execPath,
    [
      "--input-type=module",
      "--eval",
      `import { Worker } from "node:worker_threads";
       import { once } from "node:events";
       const script = \`
         import { parentPort } from "node:worker_threads";
         import("${import.meta.resolve("@ponos/ponos")}").then(async ({ open, json }) => {
           const client = await open("memory://alone?timeout=60s");
           const map = await client.map("m", { codec: json() });
           for (let index = 0; index < 50; index++) map.waitFor(1_000_000).catch(() => {});
           await map.set("k", 1);
           parentPort.postMessage("ready");
         });\`;
       for (let round = 0; round < 10; round++) {
         const worker = new Worker(script, { eval: true });
         await once(worker, "message");
         await worker.terminate();
         await new Promise((resolve) => setTimeout(resolve, 20));
       }
       console.log("alive");`,
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const printed = text(child.stdout);
  assert.deepEqual(await once(child, "exit"), [0, null]);
  assert.equal((await printed).trim(), "alive");
});

test("a process exits by itself though readers and sinks are open", async () => {
  const ended = await run(`
    const client = await open("memory://exit");
    const orders = await client.stream("orders", { codec: json() });
    const [reader, sink] = [await orders.reader(), await orders.sink("g")];
    await orders.publish("t", 7);
    await reader.next();
    const { value } = await sink.next();
    console.log(value.value);`);
  assert.deepEqual(ended, { code: 0, killedBy: null, out: "7", err: "" });
});

test("waiting for an event of a sink keeps the process alive", async () => {
  const ended = await run(`
    const client = await open("memory://exit");
    const orders = await client.stream("orders", { codec: json() });
    new Worker(\`
      setTimeout(async () => {
        const { open, json } = await import("${import.meta.resolve("@ponos/ponos")}");
        const orders = await (await open("memory://exit")).stream("orders", { codec: json() });
        await orders.publish("t", "late");
      }, 200)\`, { eval: true });
    for await (const event of orders.sink("g")) {
      await event.ack();
      console.log(event.value);
      break;
    }`);
  assert.deepEqual(ended, { code: 0, killedBy: null, out: "late", err: "" });
});
