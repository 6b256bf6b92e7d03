//! What a caller may say beside the arguments that every call needs.

use std::time::Duration;

use bytes::Bytes;

use crate::model::filter::Filter;
use crate::model::op::Condition;

/// How to open a map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapOptions {
    /// The name of the codec of the values, kept with the map: a client that opens it with another gets
    /// `Invalid`. Default `bytes`. Rust does not encode or decode; it only agrees with the other languages.
    pub codec: String,
    /// Keep a second, ordered index of the keys, for `prefix` and `range` in O(log n + results) at about
    /// 3 µs more a change. Default `false`: they look at every key.
    pub ordered: bool,
    /// How many events of a watcher wait one by one before those of one key are merged. Default 4,096.
    pub watch_queue: usize,
}

impl Default for MapOptions {
    fn default() -> Self {
        Self { codec: "bytes".to_owned(), ordered: false, watch_queue: 4_096 }
    }
}

impl MapOptions {
    /// Sets [`MapOptions::codec`].
    #[must_use]
    pub fn codec(mut self, name: impl Into<String>) -> Self {
        self.codec = name.into();
        self
    }

    /// Sets [`MapOptions::ordered`].
    #[must_use]
    pub fn ordered(mut self, ordered: bool) -> Self {
        self.ordered = ordered;
        self
    }

    /// Sets [`MapOptions::watch_queue`].
    #[must_use]
    pub fn watch_queue(mut self, events: usize) -> Self {
        self.watch_queue = events;
        self
    }
}

/// How to set a key.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct SetOptions {
    /// When to refuse. Default: never.
    pub when: Condition,
    /// How long the entry lives, from the engine's clock at the write; at least 1 ms. Default: for ever.
    pub ttl: Option<Duration>,
}

impl SetOptions {
    /// Only if the key is absent.
    #[must_use]
    pub fn if_absent(mut self) -> Self {
        self.when = Condition::Absent;
        self
    }

    /// Only if the key is present.
    #[must_use]
    pub fn if_present(mut self) -> Self {
        self.when = Condition::Present;
        self
    }

    /// Only if this revision was the last to change the key.
    #[must_use]
    pub fn if_revision(mut self, revision: u64) -> Self {
        self.when = Condition::Revision(revision);
        self
    }

    /// Only if the key has exactly this value.
    #[must_use]
    pub fn if_value(mut self, value: impl Into<Bytes>) -> Self {
        self.when = Condition::Value(value.into());
        self
    }

    /// Sets [`SetOptions::ttl`].
    #[must_use]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }
}

/// How to delete a key.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct DeleteOptions {
    /// When to refuse. Default: never.
    pub when: Condition,
}

impl DeleteOptions {
    /// Only if the key is present.
    #[must_use]
    pub fn if_present(mut self) -> Self {
        self.when = Condition::Present;
        self
    }

    /// Only if this revision was the last to change the key.
    #[must_use]
    pub fn if_revision(mut self, revision: u64) -> Self {
        self.when = Condition::Revision(revision);
        self
    }

    /// Only if the key has exactly this value.
    #[must_use]
    pub fn if_value(mut self, value: impl Into<Bytes>) -> Self {
        self.when = Condition::Value(value.into());
        self
    }
}

/// How to count with integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IncrOptions {
    /// The smallest sum that is accepted. Default: that of an `i64`.
    pub min: i64,
    /// The largest sum that is accepted. Default: that of an `i64`.
    pub max: i64,
}

impl Default for IncrOptions {
    fn default() -> Self {
        Self { min: i64::MIN, max: i64::MAX }
    }
}

/// How to count with floats.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IncrFloatOptions {
    /// The smallest sum that is accepted. Default: none.
    pub min: f64,
    /// The largest sum that is accepted. Default: none.
    pub max: f64,
}

impl Default for IncrFloatOptions {
    fn default() -> Self {
        Self { min: f64::NEG_INFINITY, max: f64::INFINITY }
    }
}

/// Where a watcher begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum From {
    /// With the next change.
    #[default]
    Now,
    /// With a `Set` for every entry, by key, then `Synced`, then the changes.
    Snapshot,
    /// With the change after this revision, from the engine's log, then `Synced`, then the changes. If the
    /// log does not reach back so far: `Resynced` and a `Set` for every entry. Edits of a list or set that is older
    /// than the revision come as one event with the value that they led to: the log has the items only.
    Revision(u64),
}

/// How to watch.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct WatchOptions {
    /// Which keys. Default: all.
    pub filter: Filter,
    /// Where to begin. Default: now.
    pub from: From,
}

impl WatchOptions {
    /// Sets [`WatchOptions::filter`].
    #[must_use]
    pub fn filter(mut self, filter: impl Into<Filter>) -> Self {
        self.filter = filter.into();
        self
    }

    /// Sets [`WatchOptions::from`].
    #[must_use]
    pub fn from(mut self, from: From) -> Self {
        self.from = from;
        self
    }
}
