// The Node driver: does what a request says with the installed package, and asserts nothing.

import { createInterface } from "node:readline";
import { bytes, json, open, PonosError, str } from "@ponos/ponos";
import * as streams from "./streams.mjs";
import { addTo, camel, condition, entry, given, next, parse, print, shown } from "./values.mjs";

const codecs = { bytes, json: json(), str };
/**
 * The objects by name: `{ client }` also of scopes, `{ map, codec }`, `{ snapshot, codec }`, `{ feed, codec, waiting }`
 * of a watcher, reader or sink, those of `streams.mjs`.
 */
const objects = new Map();

/** The options of a write. */
function options(args, codec) {
  const found = {};
  if (args.if_absent) found.ifAbsent = true;
  if (args.if_present) found.ifPresent = true;
  if (args.if_revision !== undefined) found.ifRevision = args.if_revision;
  if (args.if_value !== undefined) found.ifValue = given(args.if_value, codec);
  if (args.ttl_ms !== undefined) found.ttlMs = args.ttl_ms;
  return found;
}

const sorted = (entries) => entries.sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));

function pairs(map, keys, codec) {
  return { entries: keys.map((key) => ({ key, value: entry(map.entry(key), codec) })) };
}

const edit = async ({ map, codec }, { key, items }, method) => {
  const done = await map[method](
    key,
    items.map((item) => given(item, codec)),
  );
  return { revision: done.revision, changed: done.changed, len: done.size };
};

const written = ({ revision, changed, previous }, codec) => ({
  revision,
  changed,
  previous: shown(previous, codec),
});
const bounds = ({ min, max }, of) => ({
  ...(min === undefined ? {} : { min: of(min) }),
  ...(max === undefined ? {} : { max: of(max) }),
});

const reads = {
  "map.get": ({ map, codec }, { key }) => ({
    value: map.itemsOf(key)?.map((item) => shown(item, codec)) ?? shown(map.get(key), codec),
  }),
  "map.entry": ({ map, codec }, { key }) => {
    const found = map.entry(key);
    if (found === undefined) return { entry: null };
    const { revision, shape, deadline } = found;
    return { entry: { value: entry(found, codec), revision, shape, expires: deadline !== undefined } };
  },
  "map.items_of": ({ map, codec }, { key }) => ({
    items: map.itemsOf(key)?.map((item) => shown(item, codec)) ?? null,
  }),
  "map.contains": ({ map }, { key }) => ({ value: map.has(key) }),
  "map.len": ({ map }) => ({ value: map.size }),
  "map.keys": ({ map }) => ({ keys: sorted(map.keys().map((key) => [key])).map(([key]) => key) }),
  "map.prefix": ({ map, codec }, { prefix }) =>
    pairs(
      map,
      map.prefix(prefix).map(([key]) => key),
      codec,
    ),
  "map.range": ({ map, codec }, { from, to }) =>
    pairs(
      map,
      map.range(from ?? undefined, to ?? undefined).map(([key]) => key),
      codec,
    ),
  "map.entries": ({ map, codec }) =>
    pairs(
      map,
      sorted([...map.entries()]).map(([key]) => key),
      codec,
    ),
  "map.revision": ({ map }) => ({ revision: map.revision }),
  "map.status": ({ map }) => ({ status: map.status.state }),
  "map.get_latest": async ({ map, codec }, { key }) => {
    const found = await map.getLatest(key);
    return found === undefined ? { value: null } : { value: entry(found, codec), revision: found.revision };
  },
  "map.sync": async ({ map }) => ({ revision: await map.sync() }),
  "map.wait_for": async ({ map }, { revision }) => ({ revision: await map.waitFor(revision) }),
  "snapshot.get": ({ snapshot, codec }, { key }) => ({ value: shown(snapshot.get(key), codec) }),
  "snapshot.len": ({ snapshot }) => ({ value: snapshot.size }),
};

const writes = {
  "map.set": async ({ map, codec }, args) =>
    written(await map.set(args.key, given(args.value, codec), options(args, codec)), codec),
  "map.delete": async ({ map, codec }, args) =>
    written(await map.delete(args.key, options(args, codec)), codec),
  "map.touch": async ({ map }, { key, ttl_ms: ttlMs }) => map.touch(key, ttlMs ?? null),
  "map.clear": ({ map }) => map.clear(),
  "map.destroy": ({ map }) => map.destroy(),
  "map.incr": ({ map }, args) => map.incr(args.key, BigInt(args.by), bounds(args, BigInt)),
  "map.incr_float": ({ map }, args) => map.incrFloat(args.key, args.by, bounds(args, Number)),
  "map.txn": async ({ map, codec }, { when = [], then = [], otherwise = [] }) => {
    const txn = map.txn();
    for (const each of when) txn.when(each.key, condition(each, codec));
    for (const step of then) addTo(txn, step, codec);
    txn.otherwise();
    for (const step of otherwise) addTo(txn, step, codec);
    return txn.commit();
  },
};
for (const op of ["list_append", "list_append_unique", "list_remove", "set_add", "set_remove"]) {
  writes[`map.${op}`] = (on, args) => edit(on, args, camel(op));
}

const handles = {
  open: async (_, { url }) => [{}, { client: await open(url) }],
  "client.map": async ({ client }, { name, codec = "bytes", ordered = false, watch_queue: queue }) => {
    const more = queue === undefined ? {} : { watchQueue: queue };
    return [{}, { map: await client.map(name, { codec: codecs[codec], ordered, ...more }), codec }];
  },
  "client.close": async ({ client }) => [(await client.close()) ?? {}],
  "map.close": async ({ map }) => [(await map.close()) ?? {}],
  "map.snapshot": ({ map, codec }) => {
    const snapshot = map.snapshot();
    return [
      { revision: snapshot.revision, len: snapshot.size },
      { snapshot, codec },
    ];
  },
  "map.watch": ({ map, codec }, { filter, prefix, keys, from }) => {
    const which = prefix === undefined ? keys?.map((key) => ({ key })) : { prefix };
    return [{}, { feed: map.watch(filter ?? which, from === undefined ? {} : { from }), codec }];
  },
  "client.scope": ({ client }, { name }) => [{}, { client: client.scope(name) }],
  "client.stream": async ({ client }, { name, codec = "bytes", ...rest }) => {
    const stream = await client.stream(name, { codec: codecs[codec], ...streams.options(rest) });
    return [{}, { stream, codec }];
  },
  "stream.request": streams.request,
  "stream.merge": async (_, args) => [{}, await streams.merged(args, objects)],
  "stream.reader": async (on, args) => [{}, await streams.reader(on, args)],
  "stream.sink": async (on, args) => [{}, await streams.sink(on, args)],
  "watch.next": async (on, args) => [await next(on, args, (event) => eventOf(event, on.codec))],
  "watch.close": ({ feed }) => [feed.close() ?? {}],
};

function eventOf(event, codec) {
  const { kind, key = null, revision, coalesced, reason = null } = event;
  const value = kind === "set" ? entry(event, codec) : null;
  return { kind, key, value, old: shown(event.old, codec), revision, coalesced, reason };
}

function failure(error) {
  const wrong = error instanceof TypeError || error instanceof RangeError ? "invalid" : "internal";
  const { kind = wrong, message, maybeApplied = false, operation = "" } = error;
  return {
    kind: error instanceof PonosError ? error.kind : kind,
    message,
    maybe_applied: maybeApplied,
    operation,
  };
}

async function answer({ do: op, on, args = {}, as }) {
  const object = objects.get(on) ?? {};
  if (handles[op]) {
    const [ok, made] = await handles[op](object, args ?? {}, as);
    if (made !== undefined) objects.set(as, made);
    return ok;
  }
  const run = reads[op] ?? writes[op] ?? streams.calls[op];
  if (run === undefined) throw Object.assign(new Error(`no operation ${op}`), { kind: "unsupported" });
  return run(object, args ?? {}, objects);
}

for await (const line of createInterface({ input: process.stdin })) {
  const request = parse(line);
  const reply = await answer(request).then(
    (ok) => ({ id: request.id, ok }),
    (error) => ({ id: request.id, error: failure(error) }),
  );
  process.stdout.write(`${print(reply)}\n`);
}
process.exit(0);
