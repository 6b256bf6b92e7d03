//! The flights of the file.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// Minutes from which a flight counts as late.
const LATE: i64 = 15;

/// One departure. It is published as JSON, which every language reads with its codec.
#[derive(Serialize, Deserialize)]
pub(crate) struct Flight {
    pub(crate) time: String,
    pub(crate) delay: i64,
    pub(crate) origin: String,
}

impl Flight {
    pub(crate) fn late(&self) -> bool {
        self.delay >= LATE
    }
}

/// What is counted of one airport.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) flights: i64,
    pub(crate) late: i64,
    pub(crate) delay: i64,
}

/// Reads `flights-2001q1.csv`.
pub(crate) fn read(folder: &Path) -> Result<Vec<Flight>, String> {
    let path = folder.join("flights-2001q1.csv");
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let parse = |line: &str| {
        let mut fields = line.split(',');
        let (time, delay) = (fields.next()?.to_owned(), fields.next()?.parse().ok()?);
        Some(Flight { time, delay, origin: fields.nth(1)?.to_owned() })
    };
    let flights =
        text.lines().skip(1).map(|line| parse(line).ok_or_else(|| format!("{line:?} is no flight")));
    flights.collect()
}

/// The totals that the board must come to.
pub(crate) fn totals(flights: &[Flight]) -> BTreeMap<String, Counts> {
    let mut totals: BTreeMap<String, Counts> = BTreeMap::new();
    for flight in flights {
        let counts = totals.entry(flight.origin.clone()).or_default();
        counts.flights += 1;
        counts.late += i64::from(flight.late());
        counts.delay += flight.delay;
    }
    totals
}
