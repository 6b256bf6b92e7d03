//! What streams are to reach. The rows of the bindings appear when their programs print such samples.

use super::{Bar, Figure, RATE, RUST, bar, rate};

const PULSE: &str = "pulse";
const NATS: &str = "nats";
const MEMORY: &str = "ponos rust, memory";
const RAW_XADD: Figure = ("raw redis", "raw_xadd clients=50 pipeline=16", RATE);

const PUBLISH_64: &str = "publish callers=64";
const PUBLISH_256: &str = "publish callers=256";
const PUBLISH_BATCH: &str = "publish_batch events=500";
const READ: &str = "read";
const CONSUME_1: &str = "consume consumers=1";
const CONSUME_4: &str = "consume consumers=4";
const TO_READER: &str = "deliver to=\"reader\"";
const TO_SINK: &str = "deliver to=\"sink\"";

/// At least so many times what XADD does at a pipeline depth of 16.
const fn beside_xadd(what: &'static str, program: &'static str, label: &'static str, wanted: f64) -> Bar {
    bar(what, (program, label, RATE), RAW_XADD, wanted, true).called("XADD")
}

/// More a second than NATS.
const fn beside_nats(what: &'static str, label: &'static str, theirs: &'static str) -> Bar {
    bar(what, (RUST, label, RATE), (NATS, theirs, RATE), 1.0, true).called("NATS")
}

/// At most so much of another's time for the same way.
const fn sooner(
    what: &'static str,
    label: &'static str,
    figure: &'static str,
    peer: &'static str,
    wanted: f64,
) -> Bar {
    bar(what, (RUST, label, figure), (peer, label, figure), wanted, false)
}

/// Without a server, at least five times what goes through one.
const fn memory(what: &'static str, label: &'static str) -> Bar {
    bar(what, (MEMORY, label, RATE), (RUST, label, RATE), 5.0, true).called("on Redis")
}

/// The rows of the table.
pub(crate) const BARS: &[Bar] = &[
    beside_xadd("publish, 64 callers, beside XADD at -P 16", RUST, PUBLISH_64, 0.6).shown(),
    beside_nats("publish, 64 callers", PUBLISH_64, PUBLISH_64).shown(),
    beside_xadd("publish, 256 callers, beside XADD at -P 16", RUST, PUBLISH_256, 0.6),
    beside_nats("publish, 256 callers", PUBLISH_256, PUBLISH_256),
    beside_xadd("publish in batches of 500, beside XADD at -P 16", RUST, PUBLISH_BATCH, 0.8).shown(),
    beside_nats("publish in batches of 500, beside async publish", PUBLISH_BATCH, "publish_async").shown(),
    bar("read a backlog", (RUST, READ, RATE), (PULSE, READ, RATE), 1.0, true).shown(),
    beside_nats("read a backlog", READ, READ).shown(),
    rate("consume with acks, 1 consumer", RUST, CONSUME_1, 200_000.0),
    beside_nats("consume with acks, 1 consumer", CONSUME_1, CONSUME_1).shown(),
    bar(
        "consume with acks, 4 consumers beside 1",
        (RUST, CONSUME_4, RATE),
        (RUST, CONSUME_1, RATE),
        1.0,
        true,
    )
    .called("1 consumer"),
    beside_nats("consume with acks, 4 consumers", CONSUME_4, CONSUME_4),
    sooner("publish to a reader on another node, p50", TO_READER, "p50_us", PULSE, 0.9).shown(),
    sooner("publish to a reader on another node, p50", TO_READER, "p50_us", NATS, 1.0).called("NATS").shown(),
    sooner("publish to a reader on another node, p99", TO_READER, "p99_us", PULSE, 0.9),
    sooner("publish to a reader on another node, p99", TO_READER, "p99_us", NATS, 1.0).called("NATS"),
    sooner("publish to a sink on another node, p50", TO_SINK, "p50_us", PULSE, 0.9),
    sooner("publish to a sink on another node, p50", TO_SINK, "p50_us", NATS, 1.0).called("NATS"),
    sooner("publish to a sink on another node, p99", TO_SINK, "p99_us", PULSE, 0.9),
    sooner("publish to a sink on another node, p99", TO_SINK, "p99_us", NATS, 1.0).called("NATS"),
    bar(
        "set of a map beside 1,000 idle readers and sinks, p50",
        (RUST, "set_beside idle=1000", "p50_us"),
        (RUST, "set_beside idle=0", "p50_us"),
        1.1,
        false,
    )
    .called("alone")
    .shown(),
    memory("memory: publish, 64 callers", PUBLISH_64).shown(),
    memory("memory: publish, 256 callers", PUBLISH_256),
    memory("memory: publish in batches of 500", PUBLISH_BATCH),
    memory("memory: read a backlog", READ),
    memory("memory: consume with acks, 1 consumer", CONSUME_1),
    memory("memory: consume with acks, 4 consumers", CONSUME_4),
    beside_xadd("Go: publish, 64 callers, beside XADD at -P 16", "ponos go", PUBLISH_64, 0.35),
    beside_xadd("Node: publish, 64 callers, beside XADD at -P 16", "ponos node", PUBLISH_64, 0.25),
    beside_xadd("Python: publish, 64 callers, beside XADD at -P 16", "ponos python", PUBLISH_64, 0.25),
    rate("Go: consume with acks, 1 consumer", "ponos go", CONSUME_1, 100_000.0),
    rate("Node: consume with acks, 1 consumer", "ponos node", CONSUME_1, 100_000.0),
    rate("Python: consume with acks, 1 consumer", "ponos python", CONSUME_1, 100_000.0),
];
