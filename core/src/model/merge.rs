//! Fan-in: events of several streams in one order.
//!
//! The order is by time, then by the number of the stream, then as the stream gave them. An event is given once each
//! stream has shown one that is later, or after it has waited for `window`: what comes after that and should have come
//! before is given at once and marked as late. Within one stream the order always holds, also for news of it.

use std::collections::BTreeMap;

/// Where an event belongs: its time, its stream, and how many came before it. (Its number would not do: those of a
/// stream's next life begin anew, perhaps in the same millisecond.)
type Place = (u64, usize, u64);

/// Events on their way into one order.
#[derive(Debug)]
pub struct Merge<T> {
    window: u64,
    waiting: BTreeMap<Place, (u64, T)>,
    /// Up to which time each stream has shown all its events.
    seen: Vec<u64>,
    /// How many events of each stream wait.
    held: Vec<usize>,
    /// How many events came so far.
    came: u64,
    /// The time of the last event that was given.
    given: u64,
}

/// An event in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Merged<T> {
    /// The number of its stream.
    pub stream: usize,
    /// Whether events that come after it in the order were given before it.
    pub late: bool,
    /// The event.
    pub event: T,
}

impl<T> Merge<T> {
    /// Merges so many streams; an event waits at most `window` milliseconds for those of other streams.
    #[must_use]
    pub fn new(streams: usize, window: u64) -> Self {
        let (seen, held) = (vec![0; streams], vec![0; streams]);
        Self { window, waiting: BTreeMap::new(), seen, held, came: 0, given: 0 }
    }

    /// How many events wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How many events of a stream wait.
    #[must_use]
    pub fn held(&self, stream: usize) -> usize {
        self.held.get(stream).copied().unwrap_or(0)
    }

    /// The next event of a stream, which was appended at `at`; 0 for news, which belong behind what came before them.
    pub fn push(&mut self, stream: usize, at: u64, now: u64, event: T) {
        let (Some(seen), Some(held)) = (self.seen.get_mut(stream), self.held.get_mut(stream)) else { return };
        // A server's clock may go back; the order within the stream holds all the same.
        *seen = at.max(*seen);
        *held += 1;
        self.came += 1;
        self.waiting.insert((*seen, stream, self.came), (now, event));
    }

    /// A stream has nothing that was appended before `at` and was not shown.
    pub fn shown_until(&mut self, stream: usize, at: u64) {
        if let Some(seen) = self.seen.get_mut(stream) {
            *seen = at.max(*seen);
        }
    }

    /// Whether the next event of the order need not wait (any longer).
    #[must_use]
    pub fn is_ready(&self, now: u64) -> bool {
        let Some(((at, stream, _), (since, _))) = self.waiting.first_key_value() else { return false };
        // One of a smaller number may still have an event of the same moment, which would come first.
        let past =
            |(other, seen): (usize, &u64)| other == *stream || seen > at || (seen == at && other > *stream);
        let waited = now >= since.saturating_add(self.window);
        waited || *at < self.given || (0..).zip(&self.seen).all(past)
    }

    /// The next event of the order, if it need not wait (any longer).
    pub fn pop(&mut self, now: u64) -> Option<Merged<T>> {
        if !self.is_ready(now) {
            return None;
        }
        let ((at, stream, _), (_, event)) = self.waiting.pop_first()?;
        let late = at < self.given;
        self.given = self.given.max(at);
        self.held[stream] -= 1;
        Some(Merged { stream, late, event })
    }

    /// When the next event will have waited long enough.
    #[must_use]
    pub fn due(&self) -> Option<u64> {
        self.waiting.values().next().map(|(since, _)| since.saturating_add(self.window))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn drain(merge: &mut Merge<u64>, now: u64) -> Vec<(usize, u64, bool)> {
        std::iter::from_fn(|| merge.pop(now)).map(|it| (it.stream, it.event, it.late)).collect()
    }

    #[test]
    fn an_event_waits_for_the_other_streams_but_not_for_ever() {
        let mut merge = Merge::new(2, 50);
        merge.push(0, 10, 100, 1);
        assert_eq!(drain(&mut merge, 149), []);
        merge.push(1, 5, 120, 7);
        assert_eq!(drain(&mut merge, 149), [(1, 7, false)], "the first stream is past it");
        assert_eq!(merge.due(), Some(150));
        assert_eq!(drain(&mut merge, 150), [(0, 1, false)]);
    }

    #[test]
    fn what_comes_too_late_is_given_and_marked() {
        let mut merge = Merge::new(2, 50);
        merge.push(0, 10, 100, 1);
        assert_eq!(drain(&mut merge, 150), [(0, 1, false)]);
        merge.push(1, 5, 151, 2);
        assert_eq!(drain(&mut merge, 151), [(1, 2, true)]);
    }

    #[test]
    fn news_come_behind_what_the_stream_gave_before_them_and_ahead_of_what_it_gives_next() {
        let mut merge = Merge::new(2, 50);
        merge.push(0, 10, 100, 7);
        merge.push(0, 0, 100, 0);
        merge.push(0, 10, 100, 1); // of the next life, in the same millisecond
        assert_eq!((merge.held(0), merge.held(1)), (3, 0));
        merge.push(1, 11, 100, 9);
        assert_eq!(drain(&mut merge, 100), [(0, 7, false), (0, 0, false), (0, 1, false)]);
        assert_eq!((merge.held(0), merge.held(1)), (0, 1));
    }

    #[test]
    fn a_stream_that_is_known_to_be_quiet_holds_nobody_up() {
        let mut merge = Merge::new(2, 1_000);
        merge.push(0, 10, 100, 1);
        merge.shown_until(1, 11);
        assert_eq!(drain(&mut merge, 100), [(0, 1, false)]);
    }

    proptest! {
        #[test]
        fn the_order_of_each_stream_holds_and_nothing_is_lost(steps in prop::collection::vec((0_usize..3, 0_u64..9, 0_u64..30), 1..60)) {
            let (mut merge, mut now, mut given) = (Merge::new(3, 20), 0, Vec::new());
            let mut clocks = [0; 3];
            for (seq, (stream, step, pause)) in (1..).zip(&steps) {
                now += pause;
                clocks[*stream] += step;
                merge.push(*stream, clocks[*stream], now, seq);
                given.extend(drain(&mut merge, now));
            }
            given.extend(drain(&mut merge, now + 20));
            prop_assert_eq!(given.len(), steps.len());
            for stream in 0..3 {
                let of: Vec<u64> = given.iter().filter(|it| it.0 == stream).map(|it| it.1).collect();
                prop_assert!(of.is_sorted(), "{:?}", of);
            }
        }
    }
}
