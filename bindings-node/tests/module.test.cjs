// The package as CommonJS and as a module: one and the same.

const assert = require("node:assert/strict");
const { test } = require("node:test");
const ponos = require("@ponos/ponos");

test("require gives the same classes and the same event loop as import", async () => {
  const imported = await import("@ponos/ponos");
  const names = ["PonosError", "Step", "bytes", "json", "merge", "open", "setLogger", "str"];
  assert.deepEqual(Object.keys(ponos).sort(), names);
  for (const [name, value] of Object.entries(ponos)) assert.equal(imported[name], value);
});

test("a map works from CommonJS", async () => {
  const client = await ponos.open("memory://commonjs");
  const prices = await client.map("prices", { codec: ponos.json() });
  await prices.set("btc", 64_000);
  assert.equal(prices.get("btc"), 64_000);
  await assert.rejects(prices.set("btc", 1, { ifAbsent: true }), ponos.PonosError);
  await client.close();
});

test("the package needs no other", () => {
  const { dependencies, optionalDependencies, peerDependencies } = require("@ponos/ponos/package.json");
  assert.deepEqual([dependencies, optionalDependencies, peerDependencies], [undefined, undefined, undefined]);
});
