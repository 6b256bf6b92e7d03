//! An immutable view of a map at one revision, and the reads on it.

use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use bytes::Bytes;

use crate::model::entries::Entries;
use crate::model::value::{Entry, Key, Position};

/// What a replica shows: swapped as a whole, so a batch or a transaction becomes visible at once.
#[derive(Clone, Debug, Default)]
pub(super) struct View {
    pub(super) position: Position,
    pub(super) entries: Entries,
    /// The keys in order, for maps opened with `ordered`.
    pub(super) order: Option<imbl::OrdSet<Key>>,
}

/// A map as it was at one revision: taken in O(1), never changes, and keeps what it shows in memory.
///
/// Keys that had expired when it was taken are not shown.
#[derive(Clone)]
pub struct Snapshot {
    pub(super) view: Arc<View>,
    pub(super) now: u64,
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Snapshot({} keys, revision {})", self.len(), self.position().revision)
    }
}

impl Snapshot {
    /// The last change it holds.
    #[must_use]
    pub fn position(&self) -> Position {
        self.view.position
    }

    /// The value of `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Bytes> {
        self.entry(key).map(|entry| entry.value.clone())
    }

    /// The value of `key` with its revision, shape and deadline.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.view.entries.get(key).filter(|entry| entry.alive(self.now))
    }

    /// Whether `key` is there.
    #[must_use]
    pub fn contains(&self, key: &str) -> bool {
        self.entry(key).is_some()
    }

    /// How many keys there are, counted in O(1): one that has just expired may still count.
    #[must_use]
    pub fn len(&self) -> usize {
        self.view.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.view.entries.is_empty()
    }

    /// All entries, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&Key, &Entry)> {
        self.view.entries.iter().filter(|(_, entry)| entry.alive(self.now))
    }

    /// The entries whose keys begin with `prefix`, by key.
    #[must_use]
    pub fn prefix(&self, prefix: &str) -> Vec<(Key, Entry)> {
        let from = Bound::Included(prefix);
        self.select(from, |key| key.starts_with(prefix), |key| !key.starts_with(prefix))
    }

    /// The entries whose keys lie in `range` of the order of their UTF-8 bytes, by key.
    #[must_use]
    pub fn range<'a>(&self, range: impl RangeBounds<&'a str>) -> Vec<(Key, Entry)> {
        let within = |key: &str| range.contains(&key);
        let beyond = |key: &str| match range.end_bound() {
            Bound::Included(end) => key > *end,
            Bound::Excluded(end) => key >= *end,
            Bound::Unbounded => false,
        };
        self.select(range.start_bound().map(|start| *start), within, beyond)
    }

    fn select(
        &self,
        from: Bound<&str>,
        within: impl Fn(&str) -> bool,
        beyond: impl Fn(&str) -> bool,
    ) -> Vec<(Key, Entry)> {
        if let Some(order) = &self.view.order {
            let keys = order.range::<_, str>((from, Bound::Unbounded)).take_while(|key| !beyond(key));
            return keys.filter_map(|key| Some((key.clone(), self.entry(key)?.clone()))).collect();
        }
        let hits = self.iter().filter(|(key, _)| within(key));
        let mut hits: Vec<_> = hits.map(|(key, entry)| (key.clone(), entry.clone())).collect();
        hits.sort_unstable_by(|left, right| left.0.cmp(&right.0));
        hits
    }
}
