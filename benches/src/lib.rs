//! Measures Ponos beside its peers, in one run on one machine: medians of several rounds, and ratios.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark has a clock of its own and prints"
)]

mod bars;
pub mod measure;
pub mod peers;
pub mod results;
pub mod sample;
pub mod server;
pub mod work;
