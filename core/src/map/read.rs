//! Reading a map: from the local copy, at the engine, and by watching.

use std::ops::RangeBounds;
use std::sync::Arc;

use bytes::Bytes;

use super::Map;
use super::follow::{Stamps, Status};
use super::options::{From, WatchOptions};
use super::shared::at_least;
use super::snapshot::{Snapshot, View};
use super::watch::{Channel, Watcher, present};
use crate::engine::{Log, MapEngine};
use crate::error::Result;
use crate::model::event::{Event, Reason};
use crate::model::filter::Filter;
use crate::model::past::Past;
use crate::model::value::{Entry, Key, Position};
use crate::time;

/// Local reads: synchronous, never fail, cost no round trip. They go on, on the last known state, while the
/// engine is out of reach and after `close`.
impl Map {
    /// The map's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.id.name
    }

    /// The name of the map's codec.
    #[must_use]
    pub fn codec(&self) -> &str {
        &self.shared.options.codec
    }

    /// The value of `key` in the local copy; of a list or set, the framed items.
    ///
    /// *Consistency*: shows every write of this handle that has returned, and others' as they arrive; never a
    /// value past its deadline, by the engine's clock as known here. *Cost*: no round trip, no lock; the bytes
    /// are shared, not copied.
    ///
    /// ```
    /// # let runtime = tokio::runtime::Runtime::new()?;
    /// # runtime.block_on(async {
    /// let client = ponos::Ponos::open("memory://").await?;
    /// let prices = client.map("prices").await?;
    /// prices.set("btc", "64000").await?;
    /// assert_eq!(prices.get("btc").as_deref(), Some(&b"64000"[..]));
    /// # Ok::<(), ponos::Error>(()) })?; Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Bytes> {
        self.with(key, |entry| entry.value.clone())
    }

    /// Gives the entry of `key` to `look` without touching its reference count: the cheapest read.
    ///
    /// *Consistency* and *cost* as [`Map::get`]. `look` must be short: it keeps the view it sees alive.
    pub fn with<T>(&self, key: &str, look: impl FnOnce(&Entry) -> T) -> Option<T> {
        let view = self.shared.follower.view();
        let entry = view.entries.get(key)?;
        if entry.deadline.is_some() && !entry.alive(self.shared.engine.now()) {
            return None;
        }
        Some(look(entry))
    }

    /// The value of `key` with its revision, shape and deadline.
    ///
    /// *Consistency* and *cost* as [`Map::get`].
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<Entry> {
        self.with(key, Entry::clone)
    }

    /// The items of a list or set, in order; `None` if the key is absent or a plain value.
    ///
    /// *Consistency* as [`Map::get`]. *Cost*: O(items), sharing their bytes.
    #[must_use]
    pub fn items_of(&self, key: &str) -> Option<Vec<Bytes>> {
        self.with(key, Entry::items)?
    }

    /// Whether `key` is there. As [`Map::get`].
    #[must_use]
    pub fn contains(&self, key: &str) -> bool {
        self.with(key, |_| ()).is_some()
    }

    /// How many keys there are. *Cost*: O(1); a key that has expired in the last moments may still count.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shared.follower.view().entries.len()
    }

    /// Whether there are no keys. As [`Map::len`].
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All keys, in no order. *Consistency*: those of one revision. *Cost*: O(keys).
    #[must_use]
    pub fn keys(&self) -> Vec<Key> {
        self.snapshot().iter().map(|(key, _)| key.clone()).collect()
    }

    /// The entries whose keys begin with `prefix`, by key. *Consistency*: those of one revision. *Cost*: O(keys),
    /// or O(log keys + results) for a map opened with `ordered`.
    #[must_use]
    pub fn prefix(&self, prefix: &str) -> Vec<(Key, Entry)> {
        self.snapshot().prefix(prefix)
    }

    /// The entries whose keys lie in `range` of the order of their UTF-8 bytes, by key. As [`Map::prefix`].
    #[must_use]
    pub fn range<'a>(&self, range: impl RangeBounds<&'a str>) -> Vec<(Key, Entry)> {
        self.snapshot().range(range)
    }

    /// The whole map at one revision. *Cost*: O(1); it keeps what it shows in memory.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot { view: self.shared.follower.view_full(), now: self.shared.engine.now() }
    }

    /// The last change that the local copy shows, and the generation it belongs to.
    #[must_use]
    pub fn position(&self) -> Position {
        self.shared.follower.position()
    }

    /// The revision of the last change that the local copy shows; 0 for a map that nobody has written yet.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.position().revision
    }

    /// How far the local copy is to be trusted.
    #[must_use]
    pub fn status(&self) -> Status {
        self.shared.follower.status()
    }

    /// Waits until [`Map::status`] satisfies `wanted`, and returns it.
    pub async fn status_is(&self, wanted: impl FnMut(&Status) -> bool) -> Status {
        let mut status = self.shared.follower.watch_status();
        // The sender lives as long as the handle, so waiting cannot fail.
        status.wait_for(wanted).await.map_or(Status::Closed, |status| *status)
    }

    /// Numbers that rise when a key of their group changes, for caches above the core.
    #[must_use]
    pub fn stamps(&self) -> &Stamps {
        self.shared.follower.stamps()
    }
}

/// Stronger reads and watching.
impl Map {
    /// The entry of `key` as the engine has it now.
    ///
    /// *Errors*: `Invalid` for a bad key, `Closed`, `Timeout`, `Unavailable`. *Consistency*: linearizable with
    /// all writes, on an engine with one primary. *Cost*: one round trip.
    pub async fn get_latest(&self, key: &str) -> Result<Option<Entry>> {
        let key = super::write::valid_key(key).map_err(|error| error.at("map.get_latest", self.name()))?;
        self.ask("map.get_latest", self.shared.link.read(key)).await
    }

    /// Waits until the local copy shows everything that the engine had accepted when this was called.
    ///
    /// *Errors*: `Closed`, `Timeout`, `Unavailable`. *Consistency*: reads that follow see every write that
    /// returned anywhere before the call. *Cost*: one round trip, more if changes were missed.
    pub async fn sync(&self) -> Result<u64> {
        let tip = self.ask("map.sync", self.shared.link.tip()).await?;
        let Some(tip) = tip else { return Ok(self.revision()) };
        let follower = &self.shared.follower;
        if tip.position > follower.position() {
            follower.ask(super::follow::Need::Repair);
        }
        self.wait("map.sync", tip.position).await
    }

    /// Waits until the local copy shows `revision` of its generation, or a later generation; returns the
    /// revision it shows.
    ///
    /// *Errors*: `Closed`, `Timeout`. *Cost*: none, if it is reached already.
    pub async fn wait_for(&self, revision: u64) -> Result<u64> {
        if self.position().generation == 0 && revision > 0 {
            // Nobody has written yet: the life that the revision is of begins with the first write.
            self.wait("map.wait_for", Position { generation: 1, revision: 0 }).await?;
        }
        self.wait("map.wait_for", at_least(self.position(), revision)).await
    }

    /// The changes from now on; `filter` is a key, a glob such as `btc*`, or a [`Filter`].
    ///
    /// The watcher is registered when this returns. The first event is [`Event::Synced`].
    ///
    /// *Consistency*: an event comes after the local copy shows its change. *Cost*: no round trip; memory as
    /// [`Watcher`] says.
    ///
    /// ```
    /// # let runtime = tokio::runtime::Runtime::new()?;
    /// # runtime.block_on(async {
    /// use ponos::Event;
    /// let client = ponos::Ponos::open("memory://").await?;
    /// let prices = client.map("watched").await?;
    /// let mut changes = prices.watch("btc*");
    /// prices.set("btc", "64000").await?;
    /// assert!(matches!(changes.next().await, Some(Event::Synced { .. })));
    /// assert!(matches!(changes.next().await, Some(Event::Set { .. })));
    /// # Ok::<(), ponos::Error>(()) })?; Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn watch(&self, filter: impl Into<Filter>) -> Watcher {
        self.watch_with(WatchOptions::default().filter(filter))
    }

    /// As [`Map::watch`], and says where to begin.
    #[must_use]
    pub fn watch_with(&self, options: WatchOptions) -> Watcher {
        let shared = &self.shared;
        let channel = Arc::new(Channel::new(options.filter, shared.options.watch_queue));
        let now = shared.engine.now();
        shared.follower.attach(&channel, |channel, view| match options.from {
            From::Now => channel.start_with_events([Event::Synced { revision: view.position.revision }]),
            From::Snapshot => channel.start_with_snapshot(view, now),
            From::Revision(_) => {}
        });
        if let From::Revision(revision) = options.from {
            let view = shared.follower.view_full();
            let (link, channel) = (shared.link.clone(), channel.clone());
            shared.tasks.spawn(async move {
                let events = past(&*link, revision, &view, now).await;
                channel.start_with_events(events);
            });
        }
        if shared.is_closed() {
            channel.end();
        }
        Watcher::new(channel, shared.follower.clone())
    }

    async fn ask<T>(&self, operation: &'static str, call: impl Future<Output = Result<T>>) -> Result<T> {
        let shared = &self.shared;
        let result = if shared.is_closed() {
            Err(shared.closed())
        } else {
            time::within(shared.deadline(), "the read", call).await
        };
        result.map_err(|error| error.at(operation, &shared.id.name))
    }

    async fn wait(&self, operation: &'static str, position: Position) -> Result<u64> {
        let mut status = self.shared.follower.watch_status();
        let reached = async {
            tokio::select! {
                () = self.shared.follower.reached(position) => Ok(self.revision()),
                // The guard that this gives keeps a lock: it is let go at once.
                () = async { drop(status.wait_for(|status| *status == Status::Closed).await) } => {
                    Err(self.shared.closed())
                }
            }
        };
        self.ask(operation, reached).await
    }
}

/// The events after `revision` up to what `view` shows, then `Synced`.
async fn past(link: &dyn MapEngine, revision: u64, view: &View, now: u64) -> Vec<Event> {
    let end = view.position;
    let synced = Event::Synced { revision: end.revision };
    let mut past = Past::default();
    let mut from = at_least(end, revision);
    while from.revision < end.revision {
        let next = at_least(end, from.revision + 1);
        let Ok(Log { batches, .. }) = link.log(next).await else {
            return anew(view, revision, now);
        };
        let changes = batches.iter().flat_map(|batch| &batch.changes);
        let reached = from.revision;
        for change in changes.filter(|change| change.revision <= end.revision) {
            if change.revision > from.revision + 1 {
                return anew(view, revision, now);
            }
            if change.revision == from.revision + 1 {
                past.push(change);
                from.revision = change.revision;
            }
        }
        if from.revision == reached {
            return anew(view, revision, now);
        }
    }
    past.finish(&view.entries, now).into_iter().chain([synced]).collect()
}

/// The log does not reach back: says so, and gives everything that is there.
fn anew(view: &View, revision: u64, now: u64) -> Vec<Event> {
    let (from, to) = (at_least(view.position, revision), view.position);
    let mut present: Vec<Event> = view
        .entries
        .iter()
        .filter(|(_, entry)| entry.alive(now))
        .map(|(key, entry)| present(key.clone(), entry))
        .collect();
    present.sort_by(|left, right| left.key().cmp(&right.key()));
    let resynced = Event::Resynced { reason: Reason::Trimmed, from, to };
    [resynced].into_iter().chain(present).chain([Event::Synced { revision: to.revision }]).collect()
}
