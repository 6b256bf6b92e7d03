//! Measures Ponos beside its peers, in one run on one Redis: medians of several rounds, and ratios.
#![allow(clippy::disallowed_methods, reason = "a benchmark has a clock of its own")]

pub mod measure;
pub mod sample;
