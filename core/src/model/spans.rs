//! Sets of event numbers as runs: what a consumer holds is mostly one stretch after the other.

use std::collections::BTreeMap;

/// What is known of each number of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Held {
    /// How often it has been delivered, this time included.
    pub count: u32,
    /// Since when it is held, milliseconds of the engine's clock.
    pub since: u64,
}

/// A set of event numbers, each with what is known of it; neighbours that are alike are kept as one run.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Spans {
    /// The first number of a run to the last, and what holds for all of them.
    runs: BTreeMap<u64, (u64, Held)>,
}

impl Spans {
    /// How many numbers there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.runs.iter().map(|(first, (last, _))| last - first + 1).sum()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// The smallest number.
    #[must_use]
    pub fn first(&self) -> Option<u64> {
        self.runs.keys().next().copied()
    }

    /// The runs in order: first, last, and what holds for them.
    pub fn runs(&self) -> impl Iterator<Item = (u64, u64, Held)> {
        self.runs.iter().map(|(first, (last, held))| (*first, *last, *held))
    }

    /// The numbers in order, each with what is known of it.
    pub fn iter(&self) -> impl Iterator<Item = (u64, Held)> {
        self.runs().flat_map(|(first, last, held)| (first..=last).map(move |seq| (seq, held)))
    }

    /// What is known of `seq`, if it is in the set.
    #[must_use]
    pub fn get(&self, seq: u64) -> Option<Held> {
        let (_, (last, held)) = self.runs.range(..=seq).next_back()?;
        (seq <= *last).then_some(*held)
    }

    /// Adds the numbers from `first` to `last`, none of which may be in the set.
    pub fn insert(&mut self, first: u64, last: u64, held: Held) {
        let (mut first, mut last) = (first, last);
        if let Some((before, (end, same))) = self.runs.range(..first).next_back()
            && *end + 1 == first
            && *same == held
        {
            first = *before;
        }
        if let Some((end, same)) = self.runs.get(&(last + 1))
            && *same == held
        {
            let end = *end;
            self.runs.remove(&(last + 1));
            last = end;
        }
        self.runs.insert(first, (last, held));
    }

    /// Takes `seq` out; what was known of it, if it was in the set.
    pub fn remove(&mut self, seq: u64) -> Option<Held> {
        let (&first, &(last, held)) =
            self.runs.range(..=seq).next_back().filter(|(_, (last, _))| seq <= *last)?;
        if first == seq {
            self.runs.remove(&first);
        } else {
            self.runs.insert(first, (seq - 1, held));
        }
        if seq < last {
            self.runs.insert(seq + 1, (last, held));
        }
        Some(held)
    }

    /// Takes out all numbers below `seq`; how many there were.
    pub fn remove_below(&mut self, seq: u64) -> u64 {
        let rest = self.runs.split_off(&seq);
        let mut gone = std::mem::replace(self, Self { runs: rest });
        let count = gone.len();
        match gone.runs.pop_last() {
            Some((_, (last, held))) if last >= seq => {
                self.insert(seq, last, held);
                count - (last - seq + 1)
            }
            _ => count,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ONCE: Held = Held { count: 1, since: 5 };

    #[test]
    fn neighbours_that_are_alike_are_one_run() {
        let mut spans = Spans::default();
        spans.insert(1, 3, ONCE);
        spans.insert(7, 9, ONCE);
        spans.insert(4, 6, ONCE);
        assert_eq!(spans.runs().collect::<Vec<_>>(), [(1, 9, ONCE)]);
        let twice = Held { count: 2, ..ONCE };
        spans.insert(10, 10, twice);
        assert_eq!(spans.runs().count(), 2);
        assert_eq!((spans.len(), spans.first(), spans.get(10)), (10, Some(1), Some(twice)));
    }

    proptest! {
        #[test]
        fn a_set_of_runs_is_a_map_of_numbers(steps in prop::collection::vec((0_u8..3, 1_u64..40, 1_u32..3), 0..80)) {
            let (mut spans, mut plain) = (Spans::default(), BTreeMap::new());
            for (step, seq, count) in steps {
                match step {
                    0 if !plain.contains_key(&seq) => {
                        let held = Held { count, since: 0 };
                        spans.insert(seq, seq, held);
                        plain.insert(seq, held);
                    }
                    1 => prop_assert_eq!(spans.remove(seq), plain.remove(&seq)),
                    2 => {
                        let left = plain.split_off(&seq);
                        prop_assert_eq!(spans.remove_below(seq), plain.len() as u64);
                        plain = left;
                    }
                    _ => {}
                }
                prop_assert_eq!(spans.iter().collect::<Vec<_>>(), plain.iter().map(|(seq, held)| (*seq, *held)).collect::<Vec<_>>());
                prop_assert_eq!(spans.len(), plain.len() as u64);
                for (left, right) in spans.runs().zip(spans.runs().skip(1)) {
                    prop_assert!(left.1 + 1 < right.0 || left.2 != right.2, "two runs are one");
                }
            }
        }
    }
}
