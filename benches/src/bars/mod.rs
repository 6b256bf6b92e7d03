//! What the figures are held against: those of peers in the same run, or a number.

mod map;
mod stream;

use crate::work::Work;

/// A figure: the program that measured it, its measurement, and which of that.
pub(crate) type Figure = (&'static str, &'static str, &'static str);

/// A bar to reach: a figure of ours, alone or against another.
#[derive(Debug)]
pub(crate) struct Bar {
    pub(crate) what: &'static str,
    pub(crate) ours: Figure,
    pub(crate) theirs: Option<Figure>,
    /// What the table calls the other one.
    pub(crate) beside: &'static str,
    /// The figure or ratio to reach: at least, or at most where less is better.
    pub(crate) wanted: f64,
    pub(crate) at_least: bool,
    /// Whether the README shows it also when it is reached.
    pub(crate) shown: bool,
}

const RUST: &str = "ponos rust";
const GET: &str = "ns_per_op";
const RATE: &str = "ops_per_s";

/// All bars of maps, or of streams.
pub(crate) fn of(work: Work) -> &'static [Bar] {
    match work {
        Work::Maps => map::BARS,
        Work::Streams => stream::BARS,
    }
}

impl Bar {
    /// With another name for what it is beside than that of the program.
    const fn called(mut self, name: &'static str) -> Self {
        self.beside = name;
        self
    }

    /// For the README.
    const fn shown(mut self) -> Self {
        self.shown = true;
        self
    }
}

const fn bar(what: &'static str, ours: Figure, theirs: Figure, wanted: f64, at_least: bool) -> Bar {
    Bar { what, ours, theirs: Some(theirs), beside: theirs.0, wanted, at_least, shown: false }
}

/// A bar without a peer: at most so many nanoseconds.
const fn within(what: &'static str, program: &'static str, label: &'static str, wanted: f64) -> Bar {
    Bar { what, ours: (program, label, GET), theirs: None, beside: "", wanted, at_least: false, shown: false }
}

/// A bar without a peer: at least so many a second.
const fn rate(what: &'static str, program: &'static str, label: &'static str, wanted: f64) -> Bar {
    Bar { what, ours: (program, label, RATE), theirs: None, beside: "", wanted, at_least: true, shown: false }
}
