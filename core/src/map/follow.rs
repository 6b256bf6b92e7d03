//! A client's copy of one map: hears the engine's changes, shows them to readers, watchers and writers.
//!
//! Everything here is short work under one lock, done on whichever thread brings the change; what has to
//! wait for the engine (loading, repair) is asked of [`super::task`] by a [`Need`].

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use foldhash::fast::RandomState;
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use super::snapshot::View;
use super::watch::Channel;
use crate::engine::{Sink, Source};
use crate::model::change::{Batch, Effect};
use crate::model::entries::Touched;
use crate::model::event::{self, Event, Reason};
use crate::model::replica::{Applied, Replica, Snapshot, Standing, Step};
use crate::model::value::{Entry, Key, OpId, Position};
use crate::time::{self, Instant};

/// How far a map's replica is to be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// It follows the engine.
    Live,
    /// The engine is out of reach since then (milliseconds since 1970, the local clock): reads show the
    /// last known state.
    Stale {
        /// Since when.
        since: u64,
    },
    /// It is being loaded anew; reads show the state before.
    Resyncing,
    /// It is closed; reads show the last state.
    Closed,
}

/// What the map's task has to do next, most urgent last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Need {
    Nothing,
    /// Changes may be missing: read the log from the replica's position.
    Repair,
    /// The replica cannot follow: load the map.
    Rejoin(Cause),
}

/// [`Reason`], ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cause {
    Trimmed,
    Forked,
    NewGeneration,
}

impl Cause {
    pub(super) const fn reason(self) -> Reason {
        match self {
            Self::Trimmed => Reason::Trimmed,
            Self::Forked => Reason::Forked,
            Self::NewGeneration => Reason::NewGeneration,
        }
    }
}

/// What a write in flight wants to know of its change.
#[derive(Debug, Default)]
pub(super) struct Captured {
    pub(super) before: Option<Arc<Entry>>,
    pub(super) after: Option<Arc<Entry>>,
    /// How many items it has after an append.
    pub(super) count: Option<usize>,
}

/// The copy, as its readers, its writers, its task and its engine share it.
pub(super) struct Follower {
    /// Names this replica among all writers.
    pub(super) writer: u64,
    view: ArcSwap<View>,
    live: Mutex<Live>,
    progress: watch::Sender<Position>,
    status: watch::Sender<Status>,
    /// Wakes the task when there is a [`Need`].
    pub(super) kick: Notify,
    stamps: Stamps,
}

/// What changes with every batch.
struct Live {
    replica: Replica,
    order: Option<imbl::OrdSet<Key>>,
    channels: Vec<Arc<Channel>>,
    writes: HashMap<u64, Captured, RandomState>,
    deadlines: BTreeSet<(u64, Key)>,
    need: Need,
    /// Set while the map is loaded anew: what the old copy would make of changes is of no use.
    paused: bool,
    /// Since when a change waits for the ones before it.
    early_since: Option<Instant>,
    scratch: Vec<Applied>,
}

impl Follower {
    pub(super) fn new(ordered: bool) -> Self {
        let order = ordered.then(imbl::OrdSet::new);
        let view = View { order: order.clone(), ..View::default() };
        Self {
            writer: time::random_u64(),
            view: ArcSwap::from_pointee(view),
            live: Mutex::new(Live {
                replica: Replica::default(),
                order,
                channels: Vec::new(),
                writes: HashMap::default(),
                deadlines: BTreeSet::new(),
                need: Need::Nothing,
                paused: true,
                early_since: None,
                scratch: Vec::new(),
            }),
            progress: watch::Sender::new(Position::default()),
            status: watch::Sender::new(Status::Resyncing),
            kick: Notify::new(),
            stamps: Stamps::default(),
        }
    }

    pub(super) fn view(&self) -> arc_swap::Guard<Arc<View>> {
        self.view.load()
    }

    pub(super) fn view_full(&self) -> Arc<View> {
        self.view.load_full()
    }

    pub(super) fn stamps(&self) -> &Stamps {
        &self.stamps
    }

    pub(super) fn status(&self) -> Status {
        *self.status.borrow()
    }

    /// Changes the status; a closed copy stays closed.
    pub(super) fn set_status(&self, status: Status) {
        self.status.send_if_modified(|now| {
            let changes = *now != status && *now != Status::Closed;
            let since_when = matches!((*now, status), (Status::Stale { .. }, Status::Stale { .. }));
            if changes && !since_when {
                tracing::debug!(from = ?now, to = ?status, "map status");
                *now = status;
            }
            changes && !since_when
        });
    }

    pub(super) fn watch_status(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    /// Whether the copy has reached `position`, or has gone on to a later generation.
    pub(super) fn has_reached(&self, position: Position) -> bool {
        // Not the view: caches above the core are told after it is shown, and this after them.
        *self.progress.borrow() >= position
    }

    /// Waits until it has.
    pub(super) async fn reached(&self, position: Position) {
        if self.has_reached(position) {
            return;
        }
        let mut progress = self.progress.subscribe();
        // The sender lives as long as this borrow, so waiting cannot fail.
        drop(progress.wait_for(|reached| *reached >= position).await);
    }

    /// Asks to be told what the write `seq` did.
    pub(super) fn expect(&self, seq: u64) {
        self.live.lock().writes.insert(seq, Captured::default());
    }

    /// What is known of the write `seq`.
    pub(super) fn captured(&self, seq: u64) -> Captured {
        self.live.lock().writes.remove(&seq).unwrap_or_default()
    }

    /// Adds a watcher at the present position; `begin` sees the state it begins with.
    pub(super) fn attach(&self, channel: &Arc<Channel>, begin: impl FnOnce(&Channel, Arc<View>)) {
        let mut live = self.live.lock();
        begin(channel, self.view.load_full());
        live.channels.push(channel.clone());
    }

    pub(super) fn detach(&self, channel: &Arc<Channel>) {
        self.live.lock().channels.retain(|other| !Arc::ptr_eq(other, channel));
    }

    /// Takes no more changes, and ends every watcher once it has read what waits for it.
    pub(super) fn close(&self) {
        self.status.send_if_modified(|status| std::mem::replace(status, Status::Closed) != Status::Closed);
        let mut live = self.live.lock();
        live.paused = true;
        for channel in live.channels.drain(..) {
            channel.end();
        }
    }

    pub(super) fn position(&self) -> Position {
        self.view.load().position
    }

    /// Takes what is to be done, and whether a change has been waiting since some moment.
    pub(super) fn need(&self) -> (Need, Option<Instant>) {
        let live = self.live.lock();
        (live.need, live.early_since)
    }

    /// Says that something is to be done.
    pub(super) fn ask(&self, need: Need) {
        let mut live = self.live.lock();
        live.need = live.need.max(need);
        drop(live);
        self.kick.notify_one();
    }

    /// Begins to do what is needed: asking again from now on counts anew.
    pub(super) fn begin(&self) {
        let mut live = self.live.lock();
        live.need = Need::Nothing;
        live.early_since = None;
    }

    /// Takes no more changes until [`Follower::install`].
    pub(super) fn pause(&self) {
        self.live.lock().paused = true;
    }

    /// See [`Replica::standing`].
    pub(super) fn standing(&self, before: Position, tip: Option<(Position, OpId)>) -> Standing {
        self.live.lock().replica.standing(before, tip)
    }

    /// Shows a freshly loaded state; with a reason, watchers hear of the difference.
    pub(super) fn install(&self, snapshot: Snapshot, reason: Option<Reason>) {
        let mut guard = self.live.lock();
        let live = &mut *guard;
        let mut events = Vec::new();
        let deadlines = snapshot.deadlines;
        live.replica.install(snapshot, reason, |event| events.push(event));
        live.need = Need::Nothing;
        live.early_since = None;
        live.paused = false;
        let entries = live.replica.entries();
        if let Some(order) = &mut live.order {
            *order = entries.iter().map(|(key, _)| key.clone()).collect();
        }
        let with_deadline =
            entries.iter().filter_map(|(key, entry)| Some((entry.deadline?.get(), key.clone())));
        // Mostly there is none, and looking at every entry takes a while.
        live.deadlines = if deadlines { with_deadline.collect() } else { BTreeSet::new() };
        drop(self.show(live));
        self.stamps.bump_all();
        events.iter().for_each(|event| tell(&live.channels, event));
        self.wake(live);
    }

    /// The keys whose deadline is past at `now`, and the next deadline after that.
    pub(super) fn expired(&self, now: u64, most: usize) -> (Vec<Key>, Option<u64>) {
        let live = self.live.lock();
        let past = live.deadlines.iter().take_while(|(deadline, _)| *deadline <= now);
        let keys = past.take(most).map(|(_, key)| key.clone()).collect();
        let next = live.deadlines.iter().find(|(deadline, _)| *deadline > now);
        (keys, next.map(|(deadline, _)| *deadline))
    }

    /// Swaps the view that readers see; gives the one before.
    fn show(&self, live: &Live) -> Arc<View> {
        let position = live.replica.position();
        let entries = live.replica.entries().clone();
        self.view.swap(Arc::new(View { position, entries, order: live.order.clone() }))
    }

    /// Wakes who waits for events or for a revision: what they were told of is shown by now.
    fn wake(&self, live: &Live) {
        for channel in &live.channels {
            channel.wake();
        }
        self.progress.send_if_modified(|reached| {
            *reached = live.replica.position();
            self.progress.receiver_count() > 0 // mostly nobody waits, and waking nobody takes a while too
        });
    }
}

impl std::fmt::Debug for Follower {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Follower({:?}, {:?})", self.position(), self.status())
    }
}

impl Live {
    /// Keeps what this replica's own writes stored, even if it never applies them one by one.
    fn capture_values(&mut self, batch: &Batch, writer: u64) {
        if self.writes.is_empty() {
            return;
        }
        for change in batch.changes.iter().filter(|change| change.id.writer == writer) {
            if let (Some(captured), [Effect::Put { value, shape, deadline, .. }, ..]) =
                (self.writes.get_mut(&change.id.seq), &change.effects[..])
            {
                let (value, revision) = (value.clone(), change.revision);
                let entry = Entry { value, revision, deadline: *deadline, shape: *shape };
                captured.after = Some(Arc::new(entry));
            }
        }
    }

    /// Tells watchers, and caches above the core, of an effect that readers see by now.
    fn tell(&self, applied: &Applied, stamps: &Stamps) {
        match applied.effect.key() {
            Some(key) => stamps.bump(key),
            None => stamps.bump_all(),
        }
        if !self.channels.is_empty() {
            event::of_applied(applied, |event| tell(&self.channels, &event));
        }
    }

    /// Keeps what follows from an applied effect: the order of keys, their deadlines, what a write waits for.
    fn note(&mut self, applied: &Applied, writer: u64) {
        let (Some(key), Some(Touched { old, new, count })) = (applied.effect.key(), &applied.touched) else {
            self.order.iter_mut().for_each(imbl::OrdSet::clear);
            return self.deadlines.clear();
        };
        if let Some(order) = &mut self.order {
            if new.is_none() {
                order.remove(key);
            } else if old.is_none() {
                order.insert(key.clone());
            }
        }
        let deadline = |entry: &Option<Arc<Entry>>| entry.as_ref()?.deadline.map(|deadline| deadline.get());
        let (was, is) = (deadline(old), deadline(new));
        if was != is {
            was.map(|deadline| self.deadlines.remove(&(deadline, key.clone())));
            is.map(|deadline| self.deadlines.insert((deadline, key.clone())));
        }
        if applied.id.writer == writer
            && let Some(captured) = self.writes.get_mut(&applied.id.seq)
        {
            captured.before = old.clone().filter(|entry| entry.alive(applied.at));
            captured.after = new.clone();
            captured.count = *count;
        }
    }
}

impl Sink for Follower {
    fn batch(&self, batch: &Batch, source: Source) {
        let mut guard = self.live.lock();
        let live = &mut *guard;
        if live.paused {
            return live.capture_values(batch, self.writer);
        }
        let mut applied = std::mem::take(&mut live.scratch);
        let from = live.replica.position();
        let mut need = Need::Nothing;
        let mut all = true;
        for change in &batch.changes {
            let step = live.replica.offer(batch.generation, batch.at, change, source, &mut applied);
            all &= step == Step::Applied;
            match step {
                Step::Applied | Step::Duplicate => {}
                Step::Early => live.early_since = live.early_since.or_else(|| Some(time::now())),
                Step::Hole => need = need.max(Need::Repair),
                Step::Forked => need = need.max(Need::Rejoin(Cause::Forked)),
                Step::NewGeneration => need = need.max(Need::Rejoin(Cause::NewGeneration)),
            }
        }
        if !all {
            live.capture_values(batch, self.writer);
        }
        if !applied.is_empty() {
            applied.iter().for_each(|effect| live.note(effect, self.writer));
            let before = self.show(live);
            // If nobody reads the view before any more, its copy is the next to be changed.
            if let Some(before) = Arc::into_inner(before).filter(|before| before.position == from) {
                live.replica.take_over(before.entries, &applied);
            }
            applied.iter().for_each(|effect| live.tell(effect, &self.stamps));
            self.wake(live);
        }
        applied.clear();
        live.scratch = applied;
        if !live.replica.waits() {
            live.early_since = None;
        }
        live.need = live.need.max(need);
        let wake = need != Need::Nothing || live.early_since.is_some() || !live.deadlines.is_empty();
        drop(guard);
        if wake {
            self.kick.notify_one();
        }
    }

    fn knows(&self, first: Position, id: OpId, count: u64) -> bool {
        let live = self.live.lock();
        !live.paused && live.replica.has(first, id, count)
    }

    fn lost(&self) {
        self.set_status(Status::Stale { since: time::wall_ms() });
    }

    fn restored(&self) {
        self.ask(Need::Repair);
    }
}

fn tell(channels: &[Arc<Channel>], event: &Event) {
    for channel in channels {
        channel.push(event);
    }
}

/// A number for each of 1,024 groups of keys that rises when one of them changes: with it a cache above the
/// core (a decoded value in another language) sees by one atomic read that its entry still holds.
#[derive(Debug)]
pub struct Stamps(Box<[AtomicU64]>);

impl Default for Stamps {
    fn default() -> Self {
        Self((0..Self::GROUPS).map(|_| AtomicU64::new(1)).collect())
    }
}

impl Stamps {
    /// How many groups there are.
    pub const GROUPS: usize = 1_024;

    /// The numbers.
    #[must_use]
    pub fn all(&self) -> &[AtomicU64] {
        &self.0
    }

    /// The group of `key`.
    #[must_use]
    pub fn group(key: &str) -> usize {
        // FNV-1a: any spread will do, and the group is asked once per key and cache.
        let mix = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        key.bytes().fold(0x811c_9dc5, mix) as usize % Self::GROUPS
    }

    fn bump(&self, key: &str) {
        self.0[Self::group(key)].fetch_add(1, Ordering::Release);
    }

    fn bump_all(&self) {
        for stamp in &self.0 {
            stamp.fetch_add(1, Ordering::Release);
        }
    }
}
