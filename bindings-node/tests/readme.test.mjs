// The program of the README runs as it stands there.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

test("the README's program prints what it says", () => {
  const folder = dirname(createRequire(import.meta.url).resolve("@ponos/ponos/package.json"));
  const [, program] = /```js\n(.*?)```/s.exec(readFileSync(join(folder, "README.md"), "utf8"));
  const arguments_ = ["--input-type=module", "--eval", program];
  const printed = execFileSync(process.execPath, arguments_, {
    cwd: dirname(fileURLToPath(import.meta.url)),
  });
  assert.equal(String(printed), "64000\nbtc 64000 1n\nPONOS_CONFLICT false\ncreated.eu { id: 7 } web\n");
});
