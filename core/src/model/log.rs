//! The log of a stream: numbers what is published, recognises what it has seen, and lets go of what is old.
//!
//! [`Log::publish`] is the one definition of what publishing means: the memory engine runs it, and the script of the
//! Redis engine is tested against it with random requests. Sizes and names are checked before; what is left to decide
//! depends on what is there.
//!
//! Guarantees: numbers are contiguous; a request is done as a whole or not at all; an event that a group with a claim
//! on it has not settled is not trimmed, unless the retention says so.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use super::record::{Batch, EventId, Record};
use super::value::OpId;

/// How long an id is remembered at least, in milliseconds, as long as there are not more than [`DEDUP_IDS`] newer ones.
pub const DEDUP_WINDOW: u64 = 120_000;
/// How many ids are remembered at least.
pub const DEDUP_IDS: usize = 100_000;

/// What becomes of events that a group has not settled when the log is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Hash)]
pub enum WhenBehind {
    /// They are kept, up to [`SLACK`] times as many; then publishing is refused.
    #[default]
    Keep,
    /// They are trimmed; the group is told of the gap.
    Skip,
    /// They are kept, and publishing is refused.
    Reject,
}

/// How many times as long as wanted a log may grow for a group that is behind.
pub const SLACK: u64 = 4;

/// How much a log keeps. Each publisher trims by its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Retention {
    /// The most events.
    pub max_len: u64,
    /// The most bytes of packed events.
    pub max_bytes: u64,
    /// The oldest age in milliseconds; 0 for any.
    pub max_age: u64,
    /// What about groups that are behind.
    pub when_behind: WhenBehind,
}

impl Default for Retention {
    fn default() -> Self {
        Self { max_len: 1_000_000, max_bytes: 256 << 20, max_age: 0, when_behind: WhenBehind::Keep }
    }
}

/// An event on its way into the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The event.
    pub record: Record,
    /// An id by which the log recognises that it has it already; empty for none.
    pub dedup: Box<str>,
    /// Milliseconds until it is appended; 0 for now.
    pub delay: u64,
}

/// What is to be published in one step.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Publish {
    /// The events, at least one; shared, because an engine keeps the request until it is sure of the answer.
    pub items: Arc<[Item]>,
    /// Refused unless this is the number of the last event.
    pub expect_last: Option<u64>,
    /// Refused unless the stream exists.
    pub if_exists: bool,
    /// Set when it may have been done before: no later than this event it was surely not.
    pub retry_after: Option<EventId>,
}

/// Why publishing was refused; nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Refusal {
    /// The last event has another number.
    LastDiffers = 1,
    /// There is no such stream.
    Missing = 2,
    /// The log is full of events that a group has not settled.
    Full = 3,
    /// It may have been published before, and the log cannot tell.
    Unknown = 4,
}

impl Refusal {
    /// The refusal that an engine wrote as this number.
    #[must_use]
    pub const fn from_u8(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::LastDiffers,
            2 => Self::Missing,
            3 => Self::Full,
            4 => Self::Unknown,
            _ => return None,
        })
    }
}

/// What became of one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fate {
    /// It is in the log under this number.
    Appended(u64),
    /// An event with its id was there before: its number, or 0 if that one is still delayed.
    Duplicate(u64),
    /// It will be appended when its time has come.
    Delayed,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is done: what became of each event.
    Done {
        /// The life of the stream.
        generation: u64,
        /// In the order of the request.
        fates: Vec<Fate>,
    },
    /// It was refused.
    Refused(Refusal),
}

/// The ids that were seen lately: those of this window and of the one before.
#[derive(Debug, Default)]
struct Seen {
    now: HashMap<Box<str>, u64>,
    before: HashMap<Box<str>, u64>,
    /// When this window began.
    since: u64,
}

impl Seen {
    fn turn(&mut self, now: u64) {
        if now >= self.since.saturating_add(DEDUP_WINDOW) || self.now.len() >= DEDUP_IDS {
            // After a long silence the one before is too old as well.
            let kept = now < self.since.saturating_add(2 * DEDUP_WINDOW);
            let last = std::mem::take(&mut self.now);
            self.before = if kept { last } else { HashMap::new() };
            self.since = now;
        }
    }

    fn get(&self, id: &str) -> Option<u64> {
        self.now.get(id).or_else(|| self.before.get(id)).copied()
    }

    fn number(&mut self, id: &str, seq: u64) {
        for window in [&mut self.now, &mut self.before] {
            if let Some(known) = window.get_mut(id) {
                *known = seq;
                return;
            }
        }
    }
}

/// A stream's log.
#[derive(Debug)]
pub struct Log {
    generation: u64,
    /// The last life that ended.
    ended: u64,
    /// The number of the event at the front, or of the next one.
    first: u64,
    /// The events with the time at which each was appended.
    entries: VecDeque<(u64, Record)>,
    bytes: u64,
    removed: BTreeSet<u64>,
    delayed: BTreeMap<(u64, u64), Item>,
    /// Tells delayed events of one moment apart.
    delays: u64,
    seen: Seen,
}

impl Default for Log {
    /// The log of a stream that does not exist.
    fn default() -> Self {
        Self {
            generation: 0,
            ended: 0,
            first: 1,
            entries: VecDeque::new(),
            bytes: 0,
            removed: BTreeSet::new(),
            delayed: BTreeMap::new(),
            delays: 0,
            seen: Seen::default(),
        }
    }
}

impl Log {
    /// Begins a life of the stream, if it has none.
    pub fn create(&mut self, now: u64) {
        if self.generation == 0 {
            self.generation = now.max(self.ended + 1);
        }
    }

    /// Ends the life of the stream: the next one has a higher generation. Whether it had one.
    pub fn destroy(&mut self) -> bool {
        let ended = self.generation.max(self.ended);
        let was = std::mem::replace(self, Self { ended, ..Self::default() });
        was.generation != 0
    }

    /// Which life of the stream it is; 0 if there is none.
    #[must_use]
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// The number of the last event.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.first + self.entries.len() as u64 - 1
    }

    /// The number of the first event that is still there, or of the next one.
    #[must_use]
    pub const fn first(&self) -> u64 {
        self.first
    }

    /// How many bytes its events take.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// When the next delayed event is due.
    #[must_use]
    pub fn due(&self) -> Option<u64> {
        self.delayed.keys().next().map(|(due, _)| *due)
    }

    /// Publishes, or refuses to. `floor` is the event up to which all groups have settled everything; none without
    /// groups.
    pub fn publish(&mut self, request: &Publish, keep: &Retention, floor: Option<u64>, now: u64) -> Verdict {
        if let Some(known) = self.decided(request, keep, floor) {
            return known;
        }
        self.create(now);
        self.seen.turn(now);
        let fates = request.items.iter().map(|item| self.accept(item, now)).collect();
        self.trim(keep, floor, now);
        Verdict::Done { generation: self.generation, fates }
    }

    /// The verdict on a request that is refused, or that was done before; `None` if it will be done.
    #[must_use]
    pub fn decided(&self, request: &Publish, keep: &Retention, floor: Option<u64>) -> Option<Verdict> {
        if request.if_exists && self.generation == 0 {
            return Some(Verdict::Refused(Refusal::Missing));
        }
        if let Some(after) = request.retry_after {
            let (found, whole) = self.published(after);
            let late = |id: OpId| self.delayed.values().any(|item| item.record.id() == id);
            if request.items.iter().map(|item| item.record.id()).any(|id| found.contains_key(&id) || late(id))
            {
                return Some(self.done_before(&found, &request.items));
            }
            if !whole {
                return Some(Verdict::Refused(Refusal::Unknown));
            }
        }
        if request.expect_last.is_some_and(|last| last != self.last()) {
            return Some(Verdict::Refused(Refusal::LastDiffers));
        }
        self.is_full(request, keep, floor).then_some(Verdict::Refused(Refusal::Full))
    }

    fn accept(&mut self, item: &Item, now: u64) -> Fate {
        if !item.dedup.is_empty() {
            if let Some(seq) = self.seen.get(&item.dedup) {
                return Fate::Duplicate(seq);
            }
            let seq = if item.delay == 0 { self.last() + 1 } else { 0 };
            self.seen.now.insert(item.dedup.clone(), seq);
        }
        if item.delay > 0 {
            self.delays += 1;
            self.delayed.insert((now.saturating_add(item.delay), self.delays), item.clone());
            return Fate::Delayed;
        }
        Fate::Appended(self.append(item.record.clone(), now))
    }

    fn append(&mut self, record: Record, now: u64) -> u64 {
        self.bytes += record.packed().len() as u64;
        self.entries.push_back((now, record));
        self.last()
    }

    /// Appends the delayed events that are due, at most `most`; how many.
    pub fn release(&mut self, keep: &Retention, floor: Option<u64>, now: u64, most: usize) -> usize {
        let mut count = 0;
        while count < most
            && let Some(next) = self.delayed.first_entry().filter(|next| next.key().0 <= now)
        {
            let item = next.remove();
            let seq = self.append(item.record, now);
            self.seen.number(&item.dedup, seq);
            count += 1;
        }
        if count > 0 {
            self.trim(keep, floor, now);
        }
        count
    }

    /// Whether there is no room for a request that only what groups have not settled could give.
    fn is_full(&self, request: &Publish, keep: &Retention, floor: Option<u64>) -> bool {
        let slack = match keep.when_behind {
            WhenBehind::Skip => return false,
            WhenBehind::Keep => SLACK,
            WhenBehind::Reject => 1,
        };
        let Some(floor) = floor.filter(|floor| *floor < self.last()) else { return false };
        let settled = floor.saturating_sub(self.first - 1).min(self.entries.len() as u64);
        let freed: u64 = if settled == 0 { 0 } else { self.bytes_of(settled as usize) };
        let bytes: u64 = request.items.iter().map(|item| item.record.packed().len() as u64).sum();
        let length = self.entries.len() as u64 - settled + request.items.len() as u64;
        length > keep.max_len.saturating_mul(slack)
            || self.bytes - freed + bytes > keep.max_bytes.saturating_mul(slack)
    }

    fn bytes_of(&self, count: usize) -> u64 {
        self.entries.iter().take(count).map(|(_, record)| record.packed().len() as u64).sum()
    }

    fn trim(&mut self, keep: &Retention, floor: Option<u64>, now: u64) {
        let oldest = if keep.max_age == 0 { 0 } else { now.saturating_sub(keep.max_age) };
        while let Some((at, record)) = self.entries.front() {
            let over =
                self.entries.len() as u64 > keep.max_len || self.bytes > keep.max_bytes || *at < oldest;
            let claimed =
                keep.when_behind != WhenBehind::Skip && floor.is_some_and(|floor| floor < self.first);
            if !over || claimed {
                break;
            }
            self.bytes -= record.packed().len() as u64;
            self.entries.pop_front();
            self.first += 1;
        }
        self.removed = self.removed.split_off(&self.first);
    }

    /// The numbers of the events behind one, by whose they are, and whether these are all: the log may not reach back.
    fn published(&self, after: EventId) -> (HashMap<OpId, u64>, bool) {
        let same = after.generation == self.generation;
        // Where there was nothing, everything came after it.
        if !same && (after.generation != 0 || self.generation == 0) {
            return (HashMap::new(), false);
        }
        let next = if same { after.seq + 1 } else { 1 };
        let from = next.max(self.first);
        let skip = usize::try_from(from - self.first).unwrap_or(usize::MAX);
        let found = (from..).zip(self.entries.iter().skip(skip));
        (found.map(|(seq, (_, record))| (record.id(), seq)).collect(), next >= self.first)
    }

    /// The verdict on a request that was done before.
    fn done_before(&self, found: &HashMap<OpId, u64>, items: &[Item]) -> Verdict {
        let fate = |item: &Item| {
            if let Some(seq) = found.get(&item.record.id()) {
                return Fate::Appended(*seq);
            }
            let known = self.seen.get(&item.dedup).filter(|_| item.delay == 0);
            known.map_or(Fate::Delayed, Fate::Duplicate)
        };
        Verdict::Done { generation: self.generation, fates: items.iter().map(fate).collect() }
    }

    fn entry(&self, seq: u64) -> Option<&(u64, Record)> {
        self.entries.get(usize::try_from(seq.checked_sub(self.first)?).ok()?)
    }

    /// Takes an event out for all who have not read it; whether it was there.
    pub fn remove(&mut self, seq: u64) -> bool {
        self.entry(seq).is_some() && self.removed.insert(seq)
    }

    /// Events from `from` on, at most `most`, in batches of one time each. Those that were removed are there without
    /// content, so that the numbers stay contiguous.
    #[must_use]
    pub fn read(&self, from: u64, most: usize) -> Vec<Batch> {
        let from = from.max(self.first);
        let skip = usize::try_from(from - self.first).unwrap_or(usize::MAX);
        let mut batches: Vec<Batch> = Vec::new();
        for (seq, (at, record)) in (from..).zip(self.entries.iter().skip(skip).take(most)) {
            let record = if self.removed.contains(&seq) { Record::removed() } else { record.clone() };
            match batches.last_mut() {
                Some(batch) if batch.at == *at => batch.records.push(record),
                _ => batches.push(Batch {
                    generation: self.generation,
                    first: seq,
                    at: *at,
                    records: vec![record],
                }),
            }
        }
        batches
    }

    /// The number of the first event that was appended at `at` or later, or of the next one.
    #[must_use]
    pub fn since(&self, at: u64) -> u64 {
        self.first + self.entries.partition_point(|(time, _)| *time < at) as u64
    }
}

#[cfg(test)]
#[path = "log_tests.rs"]
mod tests;
