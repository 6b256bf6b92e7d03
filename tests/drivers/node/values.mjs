// How values, numbers and transactions of requests are those of the package, and back.

// Numbers that a double cannot hold come and go as bigints.
const BIG = /"(?:\\.|[^"\\])*"|-?\d{16,}(?![\d.eE])/g;
export const parse = (line) =>
  JSON.parse(
    line.replace(BIG, (found) => (found[0] === '"' ? found : `{"big":"${found}"}`)),
    (_, value) => (typeof value?.big === "string" ? BigInt(value.big) : value),
  );
export const print = (answer) =>
  JSON.stringify(answer, (_, value) => (typeof value === "bigint" ? `\u0000${value}` : value)).replace(
    /"\\u0000(-?\d+)"/g,
    "$1",
  );

export const hex = (data) => ({ hex: Buffer.from(data).toString("hex") });

/** A value of a request, as the codec wants it. */
export function given(value, codec) {
  if (typeof value?.hex === "string") return Buffer.from(value.hex, "hex");
  if (value !== null && typeof value === "object" && "json" in value) return value.json;
  return codec === "bytes" ? Buffer.from(value) : value;
}

/** A value for an answer. */
export function shown(value, codec) {
  if (value === undefined) return null;
  if (value instanceof Set || (Array.isArray(value) && codec === "bytes")) {
    return [...value].map((item) => shown(item, codec));
  }
  return codec === "bytes" ? hex(value) : { json: value };
}

/** The value of an entry: of a list or set each item by itself. */
export function entry({ value, shape }, codec) {
  return shape === "plain" ? shown(value, codec) : [...value].map((item) => shown(item, codec));
}

export function condition(when, codec) {
  if (when.absent) return "absent";
  if (when.present) return "present";
  return when.revision === undefined ? { value: given(when.value, codec) } : { revision: when.revision };
}

export function addTo(txn, step, codec) {
  const { do: op, key, by } = step;
  const items = step.items?.map((item) => given(item, codec));
  switch (op) {
    case "set":
      return txn.set(key, given(step.value, codec), step.ttl_ms === undefined ? {} : { ttlMs: step.ttl_ms });
    case "delete":
      return txn.delete(key);
    case "touch":
      return txn.touch(key, step.ttl_ms ?? null);
    case "incr":
      return txn.incr(key, by);
    case "incr_float":
      return txn.incrFloat(key, by);
    default:
      return txn[camel(op)](key, items);
  }
}

export const camel = (name) => name.replace(/_(.)/g, (_, letter) => letter.toUpperCase());

/**
 * The next items of a watcher, reader or sink, as `show` makes them. What was waited for in vain is the first thing
 * that the next call gets.
 */
export async function next(on, { count = 1, within_ms: within = 10_000, ends = true }, show) {
  const events = [];
  let timer;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, within, "late");
  });
  const fail = () => Object.assign(new Error(`got only ${print(events)}`), { kind: "timeout" });
  while (events.length < count) {
    on.waiting ??= on.feed.next();
    const got = await Promise.race([on.waiting, late]);
    if (got === "late") throw fail();
    on.waiting = undefined;
    if (got.done) break;
    events.push(show(got.value));
  }
  clearTimeout(timer);
  if (events.length < count && !ends) throw fail();
  return { events };
}
