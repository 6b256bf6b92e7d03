//! What a client knows of one stream: how far it goes, and the events that it heard of last.
//!
//! Everything here is short work under one lock, on whichever thread brings the news. Readers and sinks look here
//! first, and read from the engine what is not here (any more).

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use crate::engine::stream::StreamSink;
use crate::model::cursor::{Cursor, Step};
use crate::model::record::{Batch, EventId};

/// How many bytes of events are kept for those who come a moment later.
const KEPT: usize = 1 << 20;

/// How far a stream goes, as far as it is known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct Known {
    /// The last event; of generation 0 if the stream does not exist.
    pub(super) last: EventId,
    /// Rises when something may have been missed: what is known is to be asked for again.
    pub(super) doubts: u64,
    /// Whether the engine is out of reach.
    pub(super) lost: bool,
    /// Whether the stream is closed here.
    pub(super) closed: bool,
}

/// What all readers and sinks of a stream in one client share.
#[derive(Default)]
pub(super) struct Follower {
    known: watch::Sender<Known>,
    recent: Mutex<Recent>,
    /// When the next delayed event is due.
    due: watch::Sender<Option<u64>>,
    /// Those who want to hear of changes of a group.
    groups: Mutex<HashMap<String, Vec<Arc<Notify>>>>,
}

/// The events heard of last, without holes.
#[derive(Default)]
struct Recent {
    batches: VecDeque<Arc<Batch>>,
    bytes: usize,
}

impl Follower {
    pub(super) fn known(&self) -> Known {
        *self.known.borrow()
    }

    pub(super) fn watch(&self) -> watch::Receiver<Known> {
        self.known.subscribe()
    }

    pub(super) fn watch_due(&self) -> watch::Receiver<Option<u64>> {
        self.due.subscribe()
    }

    /// Has `notify` hear of changes of a group.
    pub(super) fn watch_group(&self, group: &str, notify: Arc<Notify>) {
        self.groups.lock().entry(group.to_owned()).or_default().push(notify);
    }

    pub(super) fn unwatch_group(&self, group: &str, notify: &Arc<Notify>) {
        let mut groups = self.groups.lock();
        if let Some(watching) = groups.get_mut(group) {
            watching.retain(|other| !Arc::ptr_eq(other, notify));
            if watching.is_empty() {
                groups.remove(group);
            }
        }
    }

    /// The batch that is next at `cursor`, if it was heard of lately.
    pub(super) fn recent(&self, cursor: &Cursor) -> Option<Arc<Batch>> {
        let recent = self.recent.lock();
        let at = recent.batches.partition_point(|batch| cursor.step(batch) == Step::Seen);
        recent.batches.get(at).filter(|batch| matches!(cursor.step(batch), Step::Next(_))).cloned()
    }

    /// Whoever waits is at the end.
    pub(super) fn close(&self) {
        self.known.send_modify(|known| known.closed = true);
        for notify in self.groups.lock().values().flatten() {
            notify.notify_one();
        }
    }

    /// The delayed events that were due are being appended.
    pub(super) fn released(&self) {
        self.due.send_if_modified(|due| {
            *due = None;
            false
        });
    }

    /// What the engine said of the end of the stream.
    pub(super) fn learn(&self, last: EventId) {
        self.known.send_if_modified(|known| {
            // Only an older life's end, or an answer that was overtaken, is smaller; an end of all life is 0.
            let news = last > known.last || (last.generation == 0 && known.last.generation != 0);
            if news {
                known.last = last;
            }
            news && self.known.receiver_count() > 0 // mostly nobody waits, and waking nobody takes a while too
        });
    }
}

impl Recent {
    fn push(&mut self, batch: &Batch) {
        let follows = self
            .batches
            .back()
            .is_some_and(|back| back.generation == batch.generation && back.last() + 1 == batch.first);
        if !follows {
            self.batches.clear();
            self.bytes = 0;
        }
        self.bytes += size(batch);
        self.batches.push_back(Arc::new(batch.clone()));
        while self.bytes > KEPT && self.batches.len() > 1 {
            let oldest = self.batches.pop_front();
            self.bytes -= oldest.map_or(0, |oldest| size(&oldest));
        }
    }
}

fn size(batch: &Batch) -> usize {
    batch.records.iter().map(|record| record.packed().len()).sum()
}

impl StreamSink for Follower {
    fn wants_events(&self) -> bool {
        self.known.receiver_count() > 0
    }

    fn appended(&self, batch: &Batch) {
        self.recent.lock().push(batch);
        self.learn(EventId { generation: batch.generation, seq: batch.last() });
    }

    fn grown(&self, last: EventId) {
        self.learn(last);
        if last.generation == 0 {
            *self.recent.lock() = Recent::default();
            self.groups.lock().values().flatten().for_each(|notify| notify.notify_one());
        }
    }

    fn removed(&self, _id: EventId) {
        *self.recent.lock() = Recent::default();
    }

    fn delayed(&self, due: u64) {
        self.due.send_if_modified(|known| {
            let sooner = known.is_none_or(|known| known != due);
            *known = Some(due);
            sooner
        });
    }

    fn regrouped(&self, group: &str) {
        for notify in self.groups.lock().get(group).into_iter().flatten() {
            notify.notify_one();
        }
    }

    fn lost(&self) {
        self.known.send_modify(|known| known.lost = true);
    }

    fn restored(&self) {
        self.known.send_modify(|known| {
            known.lost = false;
            known.doubts += 1;
        });
        for notify in self.groups.lock().values().flatten() {
            notify.notify_one();
        }
    }
}

impl std::fmt::Debug for Follower {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Follower({:?})", self.known())
    }
}
