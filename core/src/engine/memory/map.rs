//! One embedded map: the model under a lock, and the sinks of those who have it open.

use std::collections::VecDeque;
use std::future::ready;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use crate::engine::{Log, MapEngine, MapId, Page, Reply, Request, Sink, Source, Tip, Verdict};
use crate::error::{Error, Result};
use crate::model::change::{Batch, Change};
use crate::model::entries::Entries;
use crate::model::op::Context;
use crate::model::txn::{self, Decision, Write};
use crate::model::value::{Entry, Key, OpId, Position};
use crate::time;

/// What the process holds of one map.
#[derive(Default)]
pub(super) struct MapState {
    /// `None` while the map does not exist.
    tip: Option<Tip>,
    entries: Entries,
    log: VecDeque<Batch>,
    /// How many bytes of keys and values the log holds.
    log_bytes: usize,
    /// The highest generation there ever was.
    generation: u64,
    sinks: Vec<(u64, Weak<dyn Sink>)>,
    attached: u64,
}

impl std::fmt::Debug for MapState {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "MapState({:?}, {} entries)", self.tip, self.entries.len())
    }
}

/// A map as one client has it open.
pub(super) struct Attached {
    state: Arc<Mutex<MapState>>,
    id: MapId,
    number: u64,
    max_value: usize,
    log_len: usize,
}

impl Attached {
    pub(super) fn new(
        state: Arc<Mutex<MapState>>,
        id: MapId,
        sink: Weak<dyn Sink>,
        max_value: usize,
        log_len: usize,
    ) -> Self {
        let number = {
            let mut state = state.lock();
            state.attached += 1;
            let number = state.attached;
            state.sinks.push((number, sink));
            number
        };
        Self { state, id, number, max_value, log_len }
    }

    fn decide(&self, request: &Request) -> Result<Verdict> {
        let mut state = self.state.lock();
        let now = time::wall_ms();
        Ok(match state.prepare(&self.id, request, Context { now, max_value: self.max_value })? {
            Prepared::Known(verdict) => verdict,
            Prepared::Change(decision) => state.commit(&self.id, request, decision, now, self.log_len),
        })
    }
}

/// What a write will do, before it is done.
pub(super) enum Prepared {
    /// Nothing: it was done before, is refused or changes nothing.
    Known(Verdict),
    /// This.
    Change(Decision),
}

impl MapState {
    /// Decides a write; only a destroyed empty map is changed by that.
    pub(super) fn prepare(&mut self, id: &MapId, request: &Request, context: Context) -> Result<Prepared> {
        if let Some(verdict) = request.retry_after.and_then(|after| self.find(request.id, after)) {
            return Ok(Prepared::Known(verdict));
        }
        if let Some(tip) = &self.tip
            && tip.codec != id.codec
        {
            let message = format!("the map's codec is {:?}, not {:?}", tip.codec, id.codec);
            return Err(Error::invalid(message));
        }
        Ok(match txn::eval(&request.write, &self.entries, context) {
            Err(refusal) => Prepared::Known(Verdict::Refused(refusal)),
            Ok(decision) if !decision.effects.is_empty() => Prepared::Change(decision),
            Ok(Decision { matched, .. }) => {
                if request.write == Write::Destroy {
                    self.destroy();
                }
                Prepared::Known(Verdict::Unchanged { matched })
            }
        })
    }

    /// Does what was decided.
    pub(super) fn commit(
        &mut self,
        id: &MapId,
        request: &Request,
        decision: Decision,
        now: u64,
        log_len: usize,
    ) -> Verdict {
        let Decision { effects, matched } = decision;
        let tip = self.tip.get_or_insert_with(|| {
            self.generation = now.max(self.generation + 1);
            let position = Position { generation: self.generation, revision: 0 };
            Tip { position, id: OpId::default(), codec: id.codec.clone() }
        });
        tip.position.revision += 1;
        tip.id = request.id;
        let position = tip.position;
        effects.iter().for_each(|effect| drop(self.entries.apply(effect, position.revision)));
        let change = Change { revision: position.revision, id: request.id, matched, effects };
        let batch = Batch { generation: position.generation, at: now, changes: vec![change] };
        self.tell(&batch);
        self.keep(batch, log_len);
        if request.write == Write::Destroy {
            self.destroy();
        }
        Verdict::Applied { position, matched }
    }

    fn tell(&self, batch: &Batch) {
        for (_, sink) in &self.sinks {
            if let Some(sink) = sink.upgrade() {
                sink.batch(batch, Source::Push);
            }
        }
    }

    fn keep(&mut self, batch: Batch, log_len: usize) {
        self.log_bytes += batch.bytes();
        self.log.push_back(batch);
        while self.log.len() > log_len || (self.log_bytes > LOG_BYTES && self.log.len() > 1) {
            let oldest = self.log.pop_front();
            self.log_bytes -= oldest.map_or(0, |oldest| oldest.bytes());
        }
    }

    fn destroy(&mut self) {
        self.tip = None;
        self.entries = Entries::default();
        self.log.clear();
        self.log_bytes = 0;
    }

    /// The verdict of a write that was applied before. A lost reply cannot happen in one process, so only
    /// the testkit and a future durable engine come here.
    fn find(&self, id: OpId, after: Position) -> Option<Verdict> {
        let batches = self.log.iter().rev().filter(|batch| batch.generation >= after.generation);
        let mut changes = batches.flat_map(|batch| batch.changes.iter().map(move |change| (batch, change)));
        let (batch, change) = changes.find(|(_, change)| change.id == id)?;
        let position = Position { generation: batch.generation, revision: change.revision };
        Some(Verdict::Applied { position, matched: change.matched })
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        self.state.lock().sinks.retain(|(number, _)| *number != self.number);
    }
}

impl MapEngine for Attached {
    fn write(&self, request: Request) -> Reply<'_, Verdict> {
        Box::pin(ready(self.decide(&request)))
    }

    fn tip(&self) -> Reply<'_, Option<Tip>> {
        Box::pin(ready(Ok(self.state.lock().tip.clone())))
    }

    fn scan(&self, _cursor: u64) -> Reply<'_, Page> {
        let entries = self.state.lock().entries.clone();
        let entries: Vec<_> = entries.iter().map(|(key, entry)| Ok((key.clone(), entry.clone()))).collect();
        Box::pin(ready(Ok(Page { entries: Box::new(entries.into_iter()), cursor: 0 })))
    }

    fn read(&self, key: Key) -> Reply<'_, Option<Entry>> {
        let state = self.state.lock();
        let live = state.entries.get(&key).filter(|entry| entry.alive(time::wall_ms())).cloned();
        Box::pin(ready(Ok(live)))
    }

    fn log(&self, from: Position) -> Reply<'_, Log> {
        let state = self.state.lock();
        let first = state.log.partition_point(|batch| batch.last() < from);
        let same = |batch: &&Batch| batch.generation == from.generation;
        let batches: Vec<Batch> =
            state.log.iter().skip(first).take_while(same).take(LOG_PAGE).cloned().collect();
        let last = batches.get(LOG_PAGE - 1).map(Batch::last);
        let next = last.map(|last| Position { revision: last.revision + 1, ..last });
        Box::pin(ready(Ok(Log { batches, next })))
    }
}

/// The most bytes that the log of one map holds: large values leave it fewer changes than `log_len`.
const LOG_BYTES: usize = 64 << 20;
/// How many log entries one call gives.
const LOG_PAGE: usize = 1_000;
