// What a request says about streams, readers and sinks: objects are `{ stream, codec }`, `{ feed, codec, waiting }` of a
// reader, that with what it `gave` of a sink, and `{ asked }` of a request that waits while other steps are done.

import { merge, Step } from "@ponos/ponos";
import { addTo, camel, condition, given, hex, next, shown } from "./values.mjs";

/** Options by the names that JavaScript has for them. */
export function options(args) {
  return Object.fromEntries(Object.entries(args).map(([name, value]) => [camel(name), value]));
}

export async function reader({ stream, codec }, args) {
  return { feed: await stream.reader(options(args)), codec };
}

export async function sink({ stream, codec }, { group, ...rest }) {
  return { feed: await stream.sink(group, options(rest)), codec, gave: [] };
}

/** A reader of streams of one codec. */
export async function merged({ streams: names, ...rest }, objects) {
  const all = names.map((name) => objects.get(name));
  return {
    feed: await merge(
      all.map(({ stream }) => stream),
      options(rest),
    ),
    codec: all[0]?.codec,
  };
}

/** A request, or what has become of one. */
export async function request(
  { asked, stream, codec },
  { topic, value, timeout_ms: timeoutMs = 10_000 },
  as,
) {
  if (asked) return [await asked];
  const asking = stream.request(topic, given(value, codec), { timeoutMs });
  const reply = asking.then((value) => ({ value: shown(value, codec) }));
  if (!as) return [await reply];
  reply.catch(() => {}); // whoever asks for it hears of it
  return [{}, { asked: reply }];
}

function message({ topic, value, headers, ...rest }, codec) {
  const named = headers && Object.entries(headers).map(([name, value]) => [name, header(value)]);
  return { topic, payload: given(value, codec), ...options(rest), ...(named && { headers: named }) };
}

const header = (value) => (typeof value === "string" ? value : Buffer.from(value.hex, "hex"));

const publish = async ({ stream, codec }, args) => {
  const { topic, payload, ...rest } = message(args, codec);
  return published(await stream.publish(topic, payload, rest));
};

const published = ({ id = null, seq = null, duplicate }) => ({ id, seq, duplicate });

const seq = (id) => (id === undefined ? null : BigInt(id.split("-")[1]));

async function info({ stream }) {
  const found = await stream.info();
  if (found === undefined) return { exists: false };
  const groups = found.groups.map(({ oldestPendingMs, ...group }) => ({
    ...group,
    oldest_pending: oldestPendingMs !== undefined,
  }));
  return { exists: true, ...found, first: seq(found.first), last: seq(found.last), groups };
}

function itemOf(item, codec) {
  if ("late" in item) return { ...itemOf(item.item, codec), stream: item.stream, late: item.late };
  const { kind } = item;
  if (kind === "deleted") return { kind };
  if (kind === "gap")
    return { kind, first_missing: seq(item.firstMissing), next: seq(item.next), count: item.count };
  const headers = Object.fromEntries(item.headers.map(([name, value]) => [name, hex(value)]));
  const { id, seq: number, topic, key = null, count = null, at } = item;
  const value = shown(item.value, codec);
  return { kind, id, seq: number, topic, key, headers, value, count, dated: at.getTime() > 0 };
}

const taken = (on, args) =>
  next(on, { ends: false, ...args }, (item) => {
    on.gave?.push(item);
    return itemOf(item, on.codec);
  });

/** The event of this number that was delivered last, or for the time that is asked for. */
function event({ gave }, number, { count }) {
  const wanted = (item) =>
    item.kind === "event" && item.seq === BigInt(number) && (count ?? item.count) === item.count;
  const found = gave.findLast(wanted);
  if (found === undefined)
    throw Object.assign(new Error(`the event ${number} was not given`), { kind: "invalid" });
  return found;
}

function step({ maps = [], streams = [] }, objects) {
  const made = new Step();
  for (const { map: name, when = [], then = [] } of maps) {
    const { map, codec } = objects.get(name);
    const txn = map.txn();
    for (const each of when) txn.when(each.key, condition(each, codec));
    for (const each of then) addTo(txn, each, codec);
    made.map(txn);
  }
  for (const { stream: name, messages } of streams) {
    const { stream, codec } = objects.get(name);
    made.publish(stream, ...messages.map((each) => message(each, codec)));
  }
  return made;
}

const done = async (call) => (await call) ?? {};

export const calls = {
  "stream.publish": publish,
  "stream.publish_batch": async ({ stream, codec }, { messages, ...rest }) => {
    const all = messages.map((each) => message(each, codec));
    return { events: (await stream.publishBatch(all, options(rest))).map(published) };
  },
  "stream.reply": async ({ stream, codec }, { from, seq, value, ...args }, objects) => ({
    value: await stream.reply(event(objects.get(from), seq, args), given(value, codec)),
  }),
  "stream.info": info,
  "stream.remove": async ({ stream }, { id }) => ({ value: await stream.remove(id) }),
  "stream.destroy": async ({ stream }) => ({ value: await stream.destroy() }),
  "stream.disband": async ({ stream }, { group }) => ({ value: await stream.disband(group) }),
  "stream.close": ({ stream }) => done(stream.close()),
  "reader.next": taken,
  "reader.position": ({ feed }) => ({ position: feed.position, seq: seq(feed.position) }),
  "reader.close": ({ feed }) => done(feed.close()),
  "merged.next": taken,
  "merged.close": ({ feed }) => done(feed.close()),
  "step.commit": (_, args, objects) => done(step(args, objects).commit()),
  "sink.next": taken,
  "sink.ack": (on, { seqs, ...args }) =>
    done(
      seqs === undefined
        ? event(on, args.seq, args).ack()
        : on.feed.ack(seqs.map((number) => event(on, number, args))),
    ),
  "sink.nack": (on, { delay_ms: delayMs, ...args }) =>
    done(event(on, args.seq, args).nack(delayMs === undefined ? {} : { delayMs })),
  "sink.term": (on, args) => done(event(on, args.seq, args).term(args.reason)),
  "sink.progress": (on, args) => done(event(on, args.seq, args).progress()),
  "sink.ack_with": (on, args, objects) => done(event(on, args.seq, args).ackWith(step(args, objects))),
  "sink.close": ({ feed }) => done(feed.close()),
};
