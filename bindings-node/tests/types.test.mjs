// The declarations, as a strict compiler sees them. It comes from the tree: the installed package has none.

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const modules = join(process.env.PONOS_ROOT ?? "", "bindings-node", "node_modules");
const tsc = join(modules, "typescript", "bin", "tsc");
const here = join(dirname(fileURLToPath(import.meta.url)), "types");
const skip = !existsSync(tsc) && "PONOS_ROOT has no bindings-node/node_modules/typescript";

test("a program that uses everything compiles with --strict, and runs", { skip }, () => {
  const out = join(here, "out");
  const flags =
    "--strict --exactOptionalPropertyTypes --module nodenext --target es2022 --lib es2022,esnext.disposable";
  const files = [join(here, "usage.mts"), join(here, "require.cts")];
  const types = ["--typeRoots", join(modules, "@types"), "--types", "node", "--outDir", out];
  const compiled = spawnSync(
    process.execPath,
    [tsc, "--ignoreConfig", ...flags.split(" "), ...types, ...files],
    { encoding: "utf8" },
  );
  assert.equal(compiled.stdout + compiled.stderr, "");
  assert.equal(execFileSync(process.execPath, [join(out, "usage.mjs")], { encoding: "utf8" }), "used\n");
  execFileSync(process.execPath, [join(out, "require.cjs")]);
  rmSync(out, { recursive: true });
});
