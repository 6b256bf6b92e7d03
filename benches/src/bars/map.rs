//! What maps are to reach.

use super::{Bar, GET, RATE, RUST, bar, rate, within};

const RAW_SCRIPT: (&str, &str, &str) = ("raw redis", "raw_evalsha clients=50 pipeline=16", RATE);

/// The rows of the table.
pub(crate) const BARS: &[Bar] = &[
    bar(
        "get, 1,000 keys, beside a DashMap",
        (RUST, "get keys=1000 threads=1", GET),
        (RUST, "dashmap_get keys=1000 threads=1", GET),
        1.5,
        false,
    )
    .shown()
    .called("DashMap"),
    bar(
        "get, 1,000 keys, 2 threads",
        (RUST, "get keys=1000 threads=2", GET),
        (RUST, "dashmap_get keys=1000 threads=2", GET),
        1.5,
        false,
    )
    .called("DashMap"),
    bar(
        "set, 1 caller, p50",
        (RUST, "set callers=1", "p50_us"),
        ("pulse", "set callers=1 keys=1000 pool=20", "p50_us"),
        1.0,
        false,
    )
    .shown(),
    bar(
        "set, 64 callers",
        (RUST, "set callers=64", RATE),
        ("pulse", "set callers=64 keys=1000 pool=20", RATE),
        3.0,
        true,
    )
    .shown(),
    bar(
        "set, 256 callers",
        (RUST, "set callers=256", RATE),
        ("pulse", "set callers=256 keys=1000 pool=20", RATE),
        3.0,
        true,
    ),
    bar("set, 64 callers, beside our script at -P 16", (RUST, "set callers=64", RATE), RAW_SCRIPT, 0.8, true),
    bar(
        "set, 256 callers, beside our script at -P 16",
        (RUST, "set callers=256", RATE),
        RAW_SCRIPT,
        1.0,
        true,
    ),
    bar(
        "set to event on another node, p50",
        (RUST, "propagate rate=500", "p50_us"),
        ("pulse", "propagate keys=1000 rate=500", "p50_us"),
        0.9,
        false,
    )
    .shown(),
    bar(
        "set to event on another node, p99",
        (RUST, "propagate rate=500", "p99_us"),
        ("pulse", "propagate keys=1000 rate=500", "p99_us"),
        0.9,
        false,
    ),
    bar(
        "join of 100,000 keys",
        (RUST, "join keys=100000", "ms"),
        ("pulse", "join keys=100000 runs=3", "ms"),
        0.8,
        false,
    )
    .shown(),
    bar(
        "join of 100,000 keys whose log was trimmed",
        (RUST, "join_scan keys=100000", "ms"),
        ("pulse", "join keys=100000 runs=3", "ms"),
        0.8,
        false,
    ),
    bar(
        "append to a list of 5,000",
        (RUST, "append items=5000", RATE),
        ("pulse", "append callers=1 item_bytes=31 items=5000", RATE),
        50.0,
        true,
    )
    .shown(),
    bar(
        "connections with ten maps",
        (RUST, "connections maps=10", "count"),
        ("pulse", "connections callers_before=0 maps=10 subscribed=10", "count"),
        3.0 / 11.0,
        false,
    )
    .shown(),
    bar(
        "Go: set, 64 callers, beside our script",
        ("ponos go", "set callers=64", RATE),
        RAW_SCRIPT,
        0.5,
        true,
    ),
    bar(
        "Node: set, 64 callers, beside our script",
        ("ponos node", "set callers=64", RATE),
        RAW_SCRIPT,
        0.35,
        true,
    ),
    bar(
        "Python: set, 64 callers, beside our script",
        ("ponos python", "set callers=64", RATE),
        RAW_SCRIPT,
        0.35,
        true,
    ),
    within("Python: get", "ponos python", "get codec=\"bytes\"", 200.0),
    within("Python: get, json, unchanged", "ponos python", "get codec=\"json\"", 250.0),
    within("Node: get, text", "ponos node", "get codec=\"str\"", 1_000.0),
    within("Node: get, json, unchanged", "ponos node", "get codec=\"json\"", 150.0),
    within("Go: get", "ponos go", "get into=\"new\"", 150.0),
    within("Go: get into a buffer", "ponos go", "get into=\"buffer\"", 90.0),
    rate("Python: set on memory, 64 in flight", "ponos python", "set_memory callers=64", 150_000.0),
    rate("Node: set on memory, 64 in flight", "ponos node", "set_memory callers=64", 120_000.0),
    rate("Go: set on memory, 64 in flight", "ponos go", "set_memory callers=64", 400_000.0),
    rate("Python: events in batches", "ponos python", "events", 1_000_000.0),
    rate("Node: events in batches", "ponos node", "events", 300_000.0),
    rate("Go: events in batches", "ponos go", "events", 1_000_000.0),
];
