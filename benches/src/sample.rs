//! One measurement, as every program of the run prints it: a JSON object a line.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What was measured, and how it came out.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Sample {
    /// Which measurement.
    pub bench: String,
    /// With which settings.
    #[serde(default)]
    pub params: BTreeMap<String, Value>,
    /// Operations a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ops_per_s: Option<f64>,
    /// Nanoseconds an operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ns_per_op: Option<f64>,
    /// Median latency in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50_us: Option<f64>,
    /// 99th percentile of latency in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_us: Option<f64>,
    /// Milliseconds in all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ms: Option<f64>,
    /// A number of things.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<f64>,
}

impl Sample {
    /// A measurement with these settings.
    #[must_use]
    pub fn new(bench: &str, params: &[(&str, Value)]) -> Self {
        let params = params.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        Self { bench: bench.to_owned(), params, ..Self::default() }
    }

    /// With latencies in nanoseconds.
    #[must_use]
    pub fn latencies(mut self, mut nanos: Vec<u64>) -> Self {
        nanos.sort_unstable();
        let at = |share: usize| nanos.get(nanos.len() * share / 100).map(|nanos| *nanos as f64 / 1e3);
        (self.p50_us, self.p99_us) = (at(50), at(99));
        self
    }

    /// Its figures by name.
    #[must_use]
    pub fn figures(&self) -> Vec<(&'static str, f64)> {
        let all = [
            ("ops_per_s", self.ops_per_s),
            ("ns_per_op", self.ns_per_op),
            ("p50_us", self.p50_us),
            ("p99_us", self.p99_us),
            ("ms", self.ms),
            ("count", self.count),
        ];
        all.into_iter().filter_map(|(name, figure)| Some((name, figure?))).collect()
    }

    /// Tells it from the others.
    #[must_use]
    pub fn label(&self) -> String {
        let settings: Vec<String> =
            self.params.iter().map(|(name, value)| format!("{name}={value}")).collect();
        format!("{} {}", self.bench, settings.join(" ")).trim_end().to_owned()
    }
}
