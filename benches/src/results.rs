//! Medians, ratios and the table, from the samples of all rounds.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::sample::Sample;

/// Every figure of every round, by program, measurement and figure.
#[derive(Debug, Default)]
pub struct Results {
    figures: BTreeMap<(String, String, &'static str), Vec<f64>>,
}

/// A bar to reach: a figure of ours, alone or against one of a peer's.
struct Bar {
    what: &'static str,
    ours: (&'static str, &'static str, &'static str),
    theirs: Option<(&'static str, &'static str, &'static str)>,
    /// The figure or ratio to reach: at least, or at most where less is better.
    wanted: f64,
    at_least: bool,
}

const RUST: &str = "ponos rust";
const GET: &str = "ns_per_op";
const RATE: &str = "ops_per_s";
const RAW_SCRIPT: (&str, &str, &str) = ("raw redis", "raw_evalsha clients=50 pipeline=16", RATE);

const fn bar(
    what: &'static str,
    ours: (&'static str, &'static str, &'static str),
    theirs: (&'static str, &'static str, &'static str),
    wanted: f64,
    at_least: bool,
) -> Bar {
    Bar { what, ours, theirs: Some(theirs), wanted, at_least }
}

/// A bar without a peer: at most so many nanoseconds.
const fn within(what: &'static str, program: &'static str, label: &'static str, wanted: f64) -> Bar {
    Bar { what, ours: (program, label, GET), theirs: None, wanted, at_least: false }
}

/// A bar without a peer: at least so many a second.
const fn rate(what: &'static str, program: &'static str, label: &'static str, wanted: f64) -> Bar {
    Bar { what, ours: (program, label, RATE), theirs: None, wanted, at_least: true }
}

const BARS: &[Bar] = &[
    bar(
        "get, 1,000 keys, beside a DashMap",
        (RUST, "get keys=1000 threads=1", GET),
        (RUST, "dashmap_get keys=1000 threads=1", GET),
        1.5,
        false,
    ),
    bar(
        "get, 1,000 keys, 2 threads",
        (RUST, "get keys=1000 threads=2", GET),
        (RUST, "dashmap_get keys=1000 threads=2", GET),
        1.5,
        false,
    ),
    bar(
        "set, 1 caller, p50",
        (RUST, "set callers=1", "p50_us"),
        ("pulse", "set callers=1 keys=1000 pool=20", "p50_us"),
        1.0,
        false,
    ),
    bar(
        "set, 64 callers",
        (RUST, "set callers=64", RATE),
        ("pulse", "set callers=64 keys=1000 pool=20", RATE),
        3.0,
        true,
    ),
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
    ),
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
    ),
    bar(
        "append to a list of 5,000",
        (RUST, "append items=5000", RATE),
        ("pulse", "append callers=1 item_bytes=31 items=5000", RATE),
        50.0,
        true,
    ),
    bar(
        "connections with ten maps",
        (RUST, "connections maps=10", "count"),
        ("pulse", "connections callers_before=0 maps=10 subscribed=10", "count"),
        3.0 / 11.0,
        false,
    ),
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

impl Results {
    /// Takes the samples of one program in one round.
    pub fn add(&mut self, program: &str, samples: Vec<Sample>) {
        for sample in samples {
            for (name, figure) in sample.figures() {
                // What differs from run to run does not tell measurements apart.
                let mut sample = sample.clone();
                for noisy in ["requests", "samples", "items_after", "order"] {
                    sample.params.remove(noisy);
                }
                self.figures.entry((program.to_owned(), sample.label(), name)).or_default().push(figure);
            }
        }
    }

    fn median(&self, (program, label, figure): (&str, &str, &'static str)) -> Option<f64> {
        let key = (program.to_owned(), label.to_owned(), figure);
        let mut all = self.figures.get(&key)?.clone();
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied()
    }

    /// Writes map.json and map.md, and the table into the README; returns the table.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write(&self, root: &Path, rounds: usize) -> Result<String, String> {
        let table = self.table(rounds);
        let folder = root.join("benches/results");
        let json = serde_json::to_string_pretty(&self.json(rounds)).map_err(|error| error.to_string())?;
        let write = |path: &Path, text: &str| {
            std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
        };
        write(&folder.join("map.json"), &(json + "\n"))?;
        write(&folder.join("map.md"), &table)?;
        let readme = root.join("README.md");
        let text = std::fs::read_to_string(&readme).map_err(|error| error.to_string())?;
        if let (Some(start), Some(end)) = (text.find("<!-- bench -->"), text.find("<!-- /bench -->")) {
            write(&readme, &format!("{}<!-- bench -->\n{table}{}", &text[..start], &text[end..]))?;
        }
        Ok(table)
    }

    fn json(&self, rounds: usize) -> Value {
        let figures = self.figures.iter().map(|((program, label, figure), all)| {
            let median = self.median((program, label, figure));
            json!({"program": program, "bench": label, "figure": figure, "median": median, "all": all})
        });
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        json!({"rounds": rounds, "cores": cores, "figures": figures.collect::<Vec<_>>(), "bars": self.bars()})
    }

    fn bars(&self) -> Vec<Value> {
        let row = |bar: &Bar| {
            let ours = self.median(bar.ours)?;
            let theirs = bar.theirs.map(|theirs| self.median(theirs));
            let ratio = match theirs {
                Some(theirs) => Some(ours / theirs?),
                None => None,
            };
            let reached = match ratio.unwrap_or(ours) {
                figure if bar.at_least => figure >= bar.wanted,
                figure => figure <= bar.wanted,
            };
            Some(
                json!({"what": bar.what, "ours": ours, "theirs": theirs, "peer": bar.theirs.map(|theirs| theirs.0),
                "figure": bar.ours.2, "ratio": ratio, "wanted": bar.wanted, "at_least": bar.at_least,
                "reached": reached}),
            )
        };
        BARS.iter().filter_map(row).collect()
    }

    fn table(&self, rounds: usize) -> String {
        let mut out =
            String::from("\n| what | Ponos | beside it | ratio | wanted |\n|---|---|---|---|---|\n");
        for bar in self.bars() {
            let number = |name: &str| bar[name].as_f64().unwrap_or_default();
            let text = |name: &str| bar[name].as_str().unwrap_or_default().to_owned();
            let unit = match text("figure").as_str() {
                "ops_per_s" => "/s",
                "ns_per_op" => " ns",
                "ms" => " ms",
                "count" => "",
                _ => " µs",
            };
            let sign = if bar["at_least"] == true { '≥' } else { '≤' };
            let mark = if bar["reached"] == true { "" } else { " (missed)" };
            let (beside, ratio, wanted) = match bar["ratio"].as_f64() {
                Some(ratio) => {
                    let peer = if text("peer") == RUST { "DashMap".to_owned() } else { text("peer") };
                    let theirs = thousands(number("theirs"));
                    (
                        format!("{theirs}{unit} ({peer})"),
                        format!("{ratio:.2}"),
                        format!("{:.2}", number("wanted")),
                    )
                }
                None => (String::new(), String::new(), format!("{}{unit}", thousands(number("wanted")))),
            };
            let (what, ours) = (text("what"), thousands(number("ours")));
            // Writing to a string cannot fail.
            let _ = writeln!(out, "| {what} | {ours}{unit} | {beside} | {ratio} | {sign} {wanted}{mark} |");
        }
        let _ = writeln!(
            out,
            "\nMedians of {rounds} rounds; client and server share the cores of one machine, so read the ratios."
        );
        out
    }
}

fn thousands(number: f64) -> String {
    if number < 1_000.0 {
        return format!("{number:.0}");
    }
    let digits = format!("{number:.0}");
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
