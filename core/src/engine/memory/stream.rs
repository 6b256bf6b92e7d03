//! One embedded stream: its log and its groups under a lock, and the sinks of those who have it open.

use std::collections::HashMap;
use std::future::ready;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use crate::engine::Reply;
use crate::engine::stream::{GroupEngine, StreamEngine, StreamId, StreamSink, Tail};
use crate::error::{Error, Result};
use crate::model::group::{Answer, ConsumerId, Group, Request};
use crate::model::log::{Log, Publish, Retention, Verdict};
use crate::model::record::{Batch, EventId};
use crate::model::settings::{Settings, Start};
use crate::time;

/// What the process holds of one stream.
#[derive(Default)]
pub(super) struct StreamState {
    log: Log,
    /// The codec of this life.
    codec: String,
    groups: HashMap<String, Founded>,
    sinks: Vec<(u64, Weak<dyn StreamSink>)>,
    attached: u64,
}

/// A group and what it was set to by its first consumer.
struct Founded {
    settings: Settings,
    group: Arc<Group>,
}

impl std::fmt::Debug for StreamState {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            out,
            "StreamState({}-{}, {} groups)",
            self.log.generation(),
            self.log.last(),
            self.groups.len()
        )
    }
}

impl StreamState {
    pub(super) fn tell(&self, tell: impl Fn(&dyn StreamSink)) {
        for (_, sink) in &self.sinks {
            if let Some(sink) = sink.upgrade() {
                tell(&*sink);
            }
        }
    }

    fn floor(&self) -> Option<u64> {
        self.groups.values().map(|founded| founded.group.floor()).min()
    }

    /// The error for whoever takes the stream for one of another codec.
    pub(super) fn check_codec(&self, id: &StreamId) -> Result<()> {
        if self.log.generation() != 0 && self.codec != id.codec {
            let message =
                format!("the stream's codec is {:?}, not {:?}; open it with that one", self.codec, id.codec);
            return Err(Error::invalid(message));
        }
        Ok(())
    }

    /// The verdict on a request that will not be done (again).
    pub(super) fn decided(&self, request: &Publish, keep: &Retention) -> Option<Verdict> {
        self.log.decided(request, keep, self.floor())
    }

    pub(super) fn publish(
        &mut self,
        id: &StreamId,
        request: &Publish,
        keep: &Retention,
        now: u64,
    ) -> Verdict {
        let (floor, before) = (self.floor(), self.log.last());
        if self.log.generation() == 0 {
            self.codec.clone_from(&id.codec);
        }
        let verdict = self.log.publish(request, keep, floor, now);
        self.tell_growth(before);
        if let Some(due) = self.log.due() {
            self.tell(|sink| sink.delayed(due));
        }
        verdict
    }

    fn tell_growth(&self, before: u64) {
        if self.log.last() > before {
            let last = EventId { generation: self.log.generation(), seq: self.log.last() };
            self.tell(|sink| sink.grown(last));
        }
    }

    fn start(&self, start: Start) -> Result<u64> {
        let (first, last) = (self.log.first(), self.log.last());
        Ok(match start {
            Start::First => first - 1,
            Start::End => last,
            Start::Behind(id) if id.generation == self.log.generation() => id.seq.clamp(first - 1, last),
            Start::Behind(id) => {
                return Err(Error::not_found(format!("the event {id} is of another life of the stream")));
            }
            Start::Time(at) => self.log.since(at) - 1,
            Start::Last(count) => last.saturating_sub(count).max(first - 1),
        })
    }

    /// Has a group decide a request, and tells what concerns all its consumers.
    pub(super) fn apply(&mut self, name: &str, consumer: ConsumerId, request: &Request) -> Answer {
        let Some(founded) = self.groups.get_mut(name) else { return Answer::Fenced };
        let answer = Arc::make_mut(&mut founded.group).apply(consumer, request, time::wall_ms());
        if request.concerns_others() && answer != Answer::Fenced {
            self.tell(|sink| sink.regrouped(name));
        }
        answer
    }

    /// Whether a group would do all of a request, or why not.
    pub(super) fn would(&self, name: &str, consumer: ConsumerId, request: &Request) -> Answer {
        let Some(founded) = self.groups.get(name) else { return Answer::Fenced };
        Group::clone(&founded.group).apply(consumer, request, time::wall_ms())
    }
}

/// A stream as one client has it open.
pub(super) struct Attached {
    state: Arc<Mutex<StreamState>>,
    id: StreamId,
    number: u64,
}

impl Attached {
    pub(super) fn new(state: Arc<Mutex<StreamState>>, id: StreamId, sink: Weak<dyn StreamSink>) -> Self {
        let number = {
            let mut state = state.lock();
            state.attached += 1;
            let number = state.attached;
            state.sinks.push((number, sink));
            number
        };
        Self { state, id, number }
    }

    fn join(&self, name: String, settings: Settings, start: Start) -> Result<Arc<dyn GroupEngine>> {
        let mut state = self.state.lock();
        state.check_codec(&self.id)?;
        if let Some(founded) = state.groups.get(&name) {
            if let Some(difference) = founded.settings.difference(&settings) {
                let message = format!("the group {name:?} was created with {difference}");
                return Err(Error::invalid(message));
            }
        } else {
            let after = state.start(start)?;
            if state.log.generation() == 0 {
                state.codec.clone_from(&self.id.codec);
                state.log.create(time::wall_ms());
            }
            let group = Arc::new(Group::new(after, settings.lanes()));
            state.groups.insert(name.clone(), Founded { settings, group });
        }
        let consumer = time::random_u64();
        state.apply(&name, consumer, &Request::Join { until: u64::MAX });
        let generation = state.log.generation();
        Ok(Arc::new(Membership { state: self.state.clone(), name, consumer, generation }))
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        self.state.lock().sinks.retain(|(number, _)| *number != self.number);
    }
}

impl StreamEngine for Attached {
    fn publish<'a>(&'a self, request: &'a Publish, keep: Retention) -> Reply<'a, Verdict> {
        let mut state = self.state.lock();
        let checked = state.check_codec(&self.id);
        let verdict = checked.map(|()| state.publish(&self.id, request, &keep, time::wall_ms()));
        Box::pin(ready(verdict))
    }

    fn listen(&self) -> Reply<'_, bool> {
        Box::pin(ready(Ok(false))) // whoever is attached does
    }

    fn tail(&self) -> Reply<'_, Option<Tail>> {
        let state = self.state.lock();
        let log = &state.log;
        let last = EventId { generation: log.generation(), seq: log.last() };
        let (first, bytes, due) = (log.first(), log.bytes(), log.due());
        let tail = Tail { last, first, bytes, due, codec: state.codec.clone() };
        Box::pin(ready(Ok((log.generation() != 0).then_some(tail))))
    }

    fn read(&self, from: u64, most: usize) -> Reply<'_, Vec<Batch>> {
        Box::pin(ready(Ok(self.state.lock().log.read(from, most))))
    }

    fn since(&self, at: u64) -> Reply<'_, u64> {
        Box::pin(ready(Ok(self.state.lock().log.since(at))))
    }

    fn remove(&self, id: EventId) -> Reply<'_, bool> {
        let mut state = self.state.lock();
        let was = state.log.generation() == id.generation && state.log.remove(id.seq);
        state.tell(|sink| sink.removed(id));
        Box::pin(ready(Ok(was)))
    }

    fn release(&self, keep: Retention) -> Reply<'_, ()> {
        let mut state = self.state.lock();
        let (floor, before) = (state.floor(), state.log.last());
        state.log.release(&keep, floor, time::wall_ms(), RELEASE);
        state.tell_growth(before);
        if let Some(due) = state.log.due() {
            state.tell(|sink| sink.delayed(due));
        }
        Box::pin(ready(Ok(())))
    }

    fn destroy(&self) -> Reply<'_, bool> {
        let mut state = self.state.lock();
        let was = state.log.destroy();
        let groups = std::mem::take(&mut state.groups);
        groups.keys().for_each(|name| state.tell(|sink| sink.regrouped(name)));
        state.tell(|sink| sink.grown(EventId::default()));
        Box::pin(ready(Ok(was)))
    }

    fn groups(&self) -> Reply<'_, Vec<(String, Arc<Group>)>> {
        let state = self.state.lock();
        let groups = state.groups.iter().map(|(name, founded)| (name.clone(), founded.group.clone()));
        Box::pin(ready(Ok(groups.collect())))
    }

    fn disband(&self, group: String) -> Reply<'_, bool> {
        let mut state = self.state.lock();
        let was = state.groups.remove(&group).is_some();
        state.tell(|sink| sink.regrouped(&group));
        Box::pin(ready(Ok(was)))
    }

    fn join(&self, group: String, settings: Settings, start: Start) -> Reply<'_, Arc<dyn GroupEngine>> {
        Box::pin(ready(self.join(group, settings, start)))
    }
}

/// A consumer of a group in this process: dropped, it has left.
struct Membership {
    state: Arc<Mutex<StreamState>>,
    name: String,
    consumer: ConsumerId,
    generation: u64,
}

impl Membership {
    /// The stream, unless it has ended and begun anew since.
    fn same_life(&self) -> Option<parking_lot::MutexGuard<'_, StreamState>> {
        let state = self.state.lock();
        (state.log.generation() == self.generation).then_some(state)
    }
}

impl GroupEngine for Membership {
    fn consumer(&self) -> ConsumerId {
        self.consumer
    }

    fn generation(&self) -> u64 {
        self.generation
    }

    fn is_sure(&self) -> bool {
        true // who is in the same process dies with it
    }

    fn state(&self) -> Reply<'_, Option<Arc<Group>>> {
        let group = self.same_life().and_then(|state| Some(state.groups.get(&self.name)?.group.clone()));
        Box::pin(ready(Ok(group)))
    }

    fn apply(&self, request: Request) -> Reply<'_, Answer> {
        let answer = match self.same_life() {
            Some(mut state) => state.apply(&self.name, self.consumer, &request),
            None => Answer::Fenced,
        };
        Box::pin(ready(Ok(answer)))
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        if let Some(mut state) = self.same_life() {
            state.apply(&self.name, self.consumer, &Request::Leave);
        }
    }
}

/// How many delayed events are appended in one step.
const RELEASE: usize = 500;
