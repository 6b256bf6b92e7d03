// Errors: what they carry, and what they are to other code.

import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { open, PonosError } from "@ponos/ponos";

const failed = async (promise) => {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  return assert.fail("it should have failed");
};

test("a URL that is wrong says what is right", async () => {
  const wrong = [
    ["memry://", /unknown scheme "memry"; known are memory:\/\/, redis:\/\/ and rediss:\/\//],
    ["memory", /the url cannot be read/],
    ["", /the url cannot be read/],
    [
      "memory://?time_out=5s",
      /unknown parameter "time_out" of a memory url; known are timeout, max_value, log_len/,
    ],
    ["memory://?timeout=5", /timeout="5" must be a time from 1ms to 60m/],
    ["redis://", /names a host/],
  ];
  for (const [url, message] of wrong) {
    const error = await failed(open(url));
    assert.deepEqual([error.code, error.operation, error.object], ["PONOS_INVALID", "open", ""]);
    assert.match(error.message, message);
  }
});

test("an error is an Error, with a name, a code and the caller's stack, and prints its fields", async () => {
  const client = await open("memory://error");
  const map = await client.map("m");
  const error = await failed(map.incr("k", 1, { min: 2, max: 1 }));
  assert.ok(error instanceof PonosError && error instanceof Error);
  assert.equal(String(error), 'PonosError: map.incr "m": the bounds are empty: min=2 is above max=1');
  assert.match(error.stack, /error\.test\.mjs/);
  assert.match(inspect(error), /code: 'PONOS_INVALID'/);
  assert.deepEqual(
    { ...error },
    {
      kind: "invalid",
      code: "PONOS_INVALID",
      operation: "map.incr",
      object: "m",
      maybeApplied: false,
    },
  );
  await client.close();
});

test("a cause is told once, without a stack that means nothing", async () => {
  const error = await failed(open("redis://127.0.0.1:1?connect_timeout=1s"));
  assert.ok(["PONOS_UNAVAILABLE", "PONOS_INVALID"].includes(error.code), "refused, or built without redis");
  if (error.cause) assert.equal(error.cause.stack, `Error: ${error.cause.message}`);
});

test("an error of a call that had to wait has the stack of those who wait for it", async () => {
  const client = await open("memory://error-late?timeout=20ms");
  const map = await client.map("m");
  async function caller() {
    await map.waitFor(1_000);
  }
  const error = await failed(caller());
  assert.deepEqual([error.kind, error.operation], ["timeout", "map.wait_for"]);
  assert.match(error.stack, /at async caller/);
  await client.close();
});
