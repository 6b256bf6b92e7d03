//! A position in a stream: what it has not seen comes in order and once, and what it cannot see any more is told.
//!
//! Guarantees: numbers only rise within a life of the stream; between two events, every number that is missing is
//! either an event that was removed or stands in a [`Gap`].
//! Relies on: pages of the log begin with the first event that is still there, if that is later than what was asked.

use super::record::{Batch, EventId, Record};

/// What a batch means to a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Its records from this number on are next.
    Next(u64),
    /// All of it was seen.
    Seen,
    /// Events between were missed: they are to be read from the log, or, if it comes from there, are gone.
    Hole,
    /// It belongs to a newer life of the stream.
    NewGeneration,
}

/// Events that can not be had any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Gap {
    /// The first of them.
    pub first_missing: EventId,
    /// The first one after them.
    pub next: EventId,
    /// How many they are.
    pub count: u64,
}

/// How far a stream has been gone through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Hash)]
pub struct Cursor {
    /// The last event that was seen.
    pub at: EventId,
}

impl Cursor {
    /// A position behind the event `at`.
    #[must_use]
    pub const fn behind(at: EventId) -> Self {
        Self { at }
    }

    /// The number of the event it waits for.
    #[must_use]
    pub const fn next(&self) -> u64 {
        self.at.seq + 1
    }

    /// What `batch` means here.
    #[must_use]
    pub fn step(&self, batch: &Batch) -> Step {
        if batch.generation > self.at.generation {
            return Step::NewGeneration;
        }
        if batch.generation < self.at.generation || batch.last() <= self.at.seq {
            return Step::Seen;
        }
        if batch.first > self.next() { Step::Hole } else { Step::Next(self.next()) }
    }

    /// Goes on with a batch that was read from the log: the gap before it, if there is one, and its records that were
    /// not seen yet, without those that were removed.
    pub fn advance<'a>(
        &mut self,
        batch: &'a Batch,
    ) -> (Option<Gap>, impl Iterator<Item = (u64, &'a Record)> + use<'a>) {
        if batch.generation > self.at.generation {
            self.at = EventId { generation: batch.generation, seq: 0 };
        }
        let (generation, next) = (self.at.generation, self.next());
        let same = batch.generation == generation;
        let gap = (same && batch.first > next).then(|| Gap {
            first_missing: EventId { generation, seq: next },
            next: EventId { generation, seq: batch.first },
            count: batch.first - next,
        });
        let from = if same { next } else { u64::MAX };
        if same {
            self.at.seq = self.at.seq.max(batch.last());
        }
        (gap, batch.from(from).filter(|(_, record)| !record.is_removed()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::Draft;
    use super::*;

    fn batch(generation: u64, first: u64, count: u64) -> Batch {
        let record = Record::pack(Draft { topic: "t", ..Draft::default() });
        Batch { generation, first, at: 0, records: vec![record; count as usize] }
    }

    fn seqs(cursor: &mut Cursor, batch: &Batch) -> (Option<Gap>, Vec<u64>) {
        let (gap, records) = cursor.advance(batch);
        (gap, records.map(|(seq, _)| seq).collect())
    }

    #[test]
    fn each_event_comes_once_and_in_order() {
        let mut cursor = Cursor::behind(EventId { generation: 7, seq: 2 });
        assert_eq!(cursor.step(&batch(7, 1, 2)), Step::Seen);
        assert_eq!(cursor.step(&batch(7, 2, 3)), Step::Next(3));
        assert_eq!(cursor.step(&batch(7, 4, 1)), Step::Hole);
        assert_eq!(cursor.step(&batch(6, 9, 1)), Step::Seen, "an older life");
        assert_eq!(seqs(&mut cursor, &batch(7, 2, 3)), (None, vec![3, 4]));
        assert_eq!(seqs(&mut cursor, &batch(7, 2, 3)), (None, vec![]));
    }

    #[test]
    fn a_gap_is_told_exactly() {
        let mut cursor = Cursor::behind(EventId { generation: 7, seq: 2 });
        let (gap, events) = seqs(&mut cursor, &batch(7, 10, 2));
        let id = |seq| EventId { generation: 7, seq };
        assert_eq!(gap, Some(Gap { first_missing: id(3), next: id(10), count: 7 }));
        assert_eq!(events, [10, 11]);
    }

    #[test]
    fn a_new_life_begins_at_its_first_event() {
        let mut cursor = Cursor::behind(EventId { generation: 7, seq: 50 });
        assert_eq!(cursor.step(&batch(8, 1, 1)), Step::NewGeneration);
        assert_eq!(seqs(&mut cursor, &batch(8, 1, 2)), (None, vec![1, 2]));
        assert_eq!(cursor.at, EventId { generation: 8, seq: 2 });
    }

    #[test]
    fn what_was_removed_is_passed_over() {
        let mut cursor = Cursor::default();
        let mut with_hole = batch(1, 1, 3);
        with_hole.records[1] = Record::removed();
        assert_eq!(seqs(&mut cursor, &with_hole), (None, vec![1, 3]));
    }
}
