//! What readers and groups of a stream have seen, and whether it adds up.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;

/// An event as a consumer saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sight {
    /// Its number.
    pub seq: u64,
    /// Its key.
    pub key: String,
}

/// What one group did.
#[derive(Debug, Default)]
struct Group {
    acknowledged: BTreeSet<u64>,
    /// The events of each key that were delivered and not yet acknowledged, in groups with order.
    last: BTreeMap<String, u64>,
}

/// What happened to a stream.
#[derive(Debug, Default)]
pub struct Ledger {
    readers: BTreeMap<usize, Vec<(u64, String)>>,
    groups: BTreeMap<&'static str, Group>,
    found: Vec<String>,
}

impl fmt::Display for Ledger {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let read: Vec<usize> = self.readers.values().map(Vec::len).collect();
        let groups: Vec<_> = self.groups.iter().map(|(name, it)| (name, it.acknowledged.len())).collect();
        write!(out, "readers have {read:?}, groups have acknowledged {groups:?}")
    }
}

impl Ledger {
    /// Something that must not happen did.
    pub fn surprise(&mut self, what: String) {
        self.found.push(what);
    }

    /// A reader gave an event.
    pub fn read(&mut self, reader: usize, seq: u64, payload: &[u8]) {
        let read = self.readers.entry(reader).or_default();
        let wanted = read.last().map_or(1, |(last, _)| last + 1);
        if seq != wanted {
            self.found.push(format!("reader {reader} got {seq} when {wanted} was next"));
        }
        read.push((seq, String::from_utf8_lossy(payload).into_owned()));
    }

    /// A group delivered an event: not after its acknowledgement, and with order not before all earlier ones of its key
    /// were acknowledged.
    pub fn delivered(&mut self, group: &'static str, sight: &Sight) {
        let state = self.groups.entry(group).or_default();
        if state.acknowledged.contains(&sight.seq) {
            self.found.push(format!("{group} delivered {} after its acknowledgement", sight.seq));
        }
        if group == "keys" {
            let last = state.last.entry(sight.key.clone()).or_default();
            if sight.seq < *last {
                self.found.push(format!("{group} delivered {} of {} after {last}", sight.seq, sight.key));
            }
            *last = sight.seq;
        }
    }

    /// An acknowledgement was confirmed.
    pub fn acknowledged(&mut self, group: &'static str, sight: &Sight) {
        if !self.groups.entry(group).or_default().acknowledged.insert(sight.seq) {
            self.found.push(format!("{group} acknowledged {} twice", sight.seq));
        }
    }

    /// Whether every reader has given all events up to `last`.
    #[must_use]
    pub fn all_read(&self, last: u64) -> bool {
        last == 0 || (!self.readers.is_empty() && self.readers.values().all(|read| read.len() as u64 >= last))
    }

    /// What is wrong, with what publishers know to be there, the last event and the total that was counted.
    #[must_use]
    pub fn violations(&self, published: &[String], last: u64, counted: u64) -> Vec<String> {
        let mut found = self.found.clone();
        if counted != last {
            found.push(format!("{counted} events were counted, and {last} are there"));
        }
        let mut histories = self.readers.values();
        let first = histories.next().map(Vec::as_slice).unwrap_or_default();
        found.extend(
            histories.filter(|other| **other != *first).map(|_| "two readers saw different histories".into()),
        );
        let tokens: HashSet<&str> = first.iter().map(|(_, token)| token.as_str()).collect();
        if tokens.len() != first.len() {
            found.push(format!("{} events are doubled", first.len() - tokens.len()));
        }
        let lost = published.iter().filter(|token| !tokens.contains(token.as_str()));
        found.extend(lost.take(5).map(|token| format!("{token} was acknowledged and is lost")));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sight(seq: u64, key: &str) -> Sight {
        Sight { seq, key: key.into() }
    }

    fn good() -> Ledger {
        let mut ledger = Ledger::default();
        for reader in 0..2 {
            (1..=3).for_each(|seq| ledger.read(reader, seq, format!("0.{}", seq - 1).as_bytes()));
        }
        for seq in 1..=3 {
            ledger.delivered("keys", &sight(seq, "k"));
            ledger.acknowledged("keys", &sight(seq, "k"));
        }
        ledger
    }

    fn published() -> Vec<String> {
        (0..3).map(|number| format!("0.{number}")).collect()
    }

    #[test]
    fn a_good_history_has_no_violation() {
        assert!(good().all_read(3) && !good().all_read(4));
        assert_eq!(good().violations(&published(), 3, 3), Vec::<String>::new());
    }

    #[test]
    fn every_kind_of_violation_is_found() {
        let says = |ledger: Ledger, what: &str| {
            let found = ledger.violations(&published(), 3, 3);
            assert!(found.iter().any(|found| found.contains(what)), "{what}: {found:?}");
        };
        let mut ledger = good();
        ledger.read(0, 5, b"0.4");
        says(ledger, "got 5 when 4 was next");
        let mut ledger = good();
        ledger.read(0, 4, b"0.2");
        says(ledger, "doubled");
        let mut ledger = good();
        ledger.delivered("keys", &sight(2, "k"));
        says(ledger, "after its acknowledgement");
        let mut ledger = good();
        ledger.delivered("keys", &sight(9, "k"));
        ledger.delivered("keys", &sight(8, "k"));
        says(ledger, "delivered 8 of k after 9");
        let mut ledger = good();
        ledger.acknowledged("keys", &sight(2, "k"));
        says(ledger, "twice");
        let mut ledger = good();
        ledger.read(1, 4, b"0.3");
        says(ledger, "different histories");
        assert!(good().violations(&["0.7".into()], 3, 3)[0].contains("0.7 was acknowledged and is lost"));
        assert!(good().violations(&published(), 3, 2)[0].contains("2 events were counted"));
    }
}
