// Builds what the package ships: ts/ into dist/, and the native library of this platform into native/.
// `--profile` is cargo's, release if nothing is said; `--features a,b` replaces the crate's defaults.

import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const here = dirname(fileURLToPath(import.meta.url));
const options = { profile: { type: "string", default: "release" }, features: { type: "string" } };
const { values } = parseArgs({ options });

function run(program, args, stdout = "inherit") {
  return execFileSync(program, args, { cwd: here, stdio: ["ignore", stdout, "inherit"], maxBuffer: 1 << 28 });
}

/** The platform as Node's packages write it. */
function platform() {
  if (process.platform === "win32") return `win32-${process.arch}-msvc`;
  if (process.platform !== "linux") return `${process.platform}-${process.arch}`;
  const { header } = process.report.getReport();
  return `linux-${process.arch}-${header.glibcVersionRuntime ? "gnu" : "musl"}`;
}

/** Builds the crate and returns where its library is. */
function library() {
  const profile = ["--profile", values.profile];
  const features =
    values.features === undefined ? [] : ["--no-default-features", "--features", values.features];
  const format = ["--message-format", "json-render-diagnostics"];
  const output = run("cargo", ["build", "-p", "ponos-node", ...profile, ...features, ...format], "pipe");
  const messages = output
    .toString()
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const built = messages.find(
    ({ reason, target }) => reason === "compiler-artifact" && target.name === "ponos_node",
  );
  return built.filenames.find((name) => /\.(so|dylib|dll)$/.test(name));
}

rmSync(join(here, "dist"), { recursive: true, force: true });
run(process.execPath, [join(here, "node_modules", "typescript", "bin", "tsc")]);
copyFileSync(join(here, "..", "LICENSE"), join(here, "dist", "LICENSE"));
mkdirSync(join(here, "native"), { recursive: true });
const native = join(here, "native", `ponos.${platform()}.node`);
copyFileSync(library(), native);
// Debugging information is two thirds of it; the names of functions, which backtraces need, stay.
if (process.platform !== "win32" && values.profile !== "dev") run("strip", ["-S", native]);
