// Prints the public names of the installed package, one a line: functions, and members as `Class.member`.
// What the declarations say and what the objects have must be the same: the first difference is an error.

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import * as ponos from "@ponos/ponos";

/** The members that declarations give each class: what stands at the first level of its braces. */
function declared(folder) {
  const classes = new Map();
  for (const file of readdirSync(folder).filter((name) => name.endsWith(".d.ts"))) {
    const text = readFileSync(join(folder, file), "utf8");
    for (const [, name, base, body] of text.matchAll(
      /^export declare (?:abstract )?class (\w+)(?:<.*?>)?(?: extends (\w+))?[^\n]*\{\n(.*?)^\}/gms,
    )) {
      const members = new Set();
      for (const [, hidden, member] of body.matchAll(
        /^ {4}(private |protected |#)?(?:readonly |static |get |set |async )*\[?([\w.]+)\]?[(<:?;]/gm,
      )) {
        if (!hidden && member !== "constructor") members.add(member);
      }
      classes.set(name, { base, members });
    }
  }
  return classes;
}

/** The members that an object's classes have; what only the object has is its own business unless it is declared. */
function had(object, said) {
  const members = new Set(Object.keys(object).filter((name) => said.has(name)));
  for (let at = Object.getPrototypeOf(object); at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    for (const name of Reflect.ownKeys(at)) {
      const known = ["asyncDispose", "asyncIterator", "dispose", "iterator"].find(
        (key) => Symbol[key] === name,
      );
      if (known) members.add(`Symbol.${known}`);
      else if (typeof name === "string" && name !== "constructor") members.add(name);
    }
  }
  return members;
}

const classes = declared(dirname(fileURLToPath(import.meta.resolve("@ponos/ponos"))));
const client = await ponos.open("memory://names");
const map = await client.map("m", { codec: ponos.json() });
for (const [name, member] of Object.entries(ponos)) {
  if (typeof member === "function" && !/^class /.test(String(member))) console.log(name);
}
const orders = await client.scope("names").stream("s", { codec: ponos.json() });
const sink = await orders.sink("g");
await orders.publish("t", 1);
const [reader, { value: delivery }] = [await orders.reader(), await sink.next()];
const merged = await ponos.merge([orders]);
const ofMaps = [client, map, map.snapshot(), map.txn(), map.watch()];
for (const object of [
  ...ofMaps,
  client.scope("s"),
  orders,
  reader,
  merged,
  sink,
  delivery,
  new ponos.Step(),
]) {
  const name = object.constructor.name;
  const said = new Set();
  for (let at = classes.get(name); at; at = classes.get(at.base)) {
    for (const member of at.members) said.add(member);
  }
  const members = had(object, said);
  const different = [...said, ...members].filter((member) => !said.has(member) || !members.has(member));
  if (different.length > 0) throw new Error(`${name}: declared or had, not both: ${different}`);
  for (const member of [...members].sort()) console.log(`${name}.${member}`);
}
await client.close();
