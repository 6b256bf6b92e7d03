//! What an engine does for streams, and for what is done to several objects of a scope in one step.
//!
//! # Rules
//! 1. **Published once and in order.** [`StreamEngine::publish`] does what [`Log::publish`](crate::model::log::Log)
//!    does; the numbers of a life of a stream are contiguous from 1.
//! 2. **Told.** After a publish every [`StreamSink`] of the stream that [listens](StreamEngine::listen) hears of it, with
//!    the events or without. An engine whose messages may get lost looks by itself, about once a second, and tells what
//!    it finds; those that do not listen hear that as well.
//! 3. **Kept.** [`StreamEngine::read`] gives events from a number on, beginning with the first that is still there.
//!    Numbers between two events that it gives are never missing.
//! 4. **Groups are as the model has them.** [`GroupEngine::apply`] decides as [`Group::apply`](crate::model::group)
//!    does, on the state that everything before it has left. A membership lasts until the consumer leaves, or until a
//!    while after its [`GroupEngine`] is dropped or its process is gone; the engine renews it meanwhile.
//! 5. **A step is whole.** [`super::Engine::step`] does all of a [`Step`] or nothing.
//! 6. **Groups and what they have not settled end with the life of their stream.**

use std::sync::Arc;
use std::time::Duration;

use super::{Engine, MapId, Reply, Request, Verdict};
use crate::model::group::{self, Answer, ConsumerId, Group};
use crate::model::log::{self, Publish, Retention};
use crate::model::op::Refusal;
use crate::model::record::{Batch, EventId};
use crate::model::settings::{Settings, Start};

/// Names one stream of an engine, and what it must be.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StreamId {
    /// The unit of atomicity that the stream belongs to; by default its own name.
    pub scope: String,
    /// Its name inside the scope.
    pub name: String,
    /// The name of the codec of its payloads.
    pub codec: String,
}

/// Where a stream is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tail {
    /// The last event; number 0 if there was none yet.
    pub last: EventId,
    /// The number of the first event that is still there, or of the next one.
    pub first: u64,
    /// How many bytes its events take.
    pub bytes: u64,
    /// When the next delayed event is due, milliseconds of the engine's clock.
    pub due: Option<u64>,
    /// The codec that the stream was created with.
    pub codec: String,
}

/// Hears of one stream. Its methods are called in order and must not wait or call the engine.
pub trait StreamSink: Send + Sync {
    /// Whether anyone here wants to see events; else it is enough to tell how far the stream goes.
    fn wants_events(&self) -> bool {
        true
    }
    /// These events were appended.
    fn appended(&self, batch: &Batch);
    /// The stream has events up to this one, which may have been known. What is missing is to be read.
    fn grown(&self, last: EventId);
    /// An event was taken out; it may have been told before.
    fn removed(&self, id: EventId);
    /// A delayed event is due then, which may have been known.
    fn delayed(&self, due: u64);
    /// A group of this name has changed in a way that concerns all its consumers.
    fn regrouped(&self, group: &str);
    /// From now on something may be missed.
    fn lost(&self);
    /// All is heard again; something may have been missed.
    fn restored(&self);
}

/// One stream at an engine.
pub trait StreamEngine: Send + Sync {
    /// Publishes, or refuses to.
    fn publish<'a>(&'a self, request: &'a Publish, keep: Retention) -> Reply<'a, log::Verdict>;

    /// From now on the sink hears of everything as it happens; whether it did not before. Who only publishes does
    /// without.
    fn listen(&self) -> Reply<'_, bool>;

    /// Where the stream is; `None` if it does not exist.
    fn tail(&self) -> Reply<'_, Option<Tail>>;

    /// Events from the number `from` on, in order: about `most` of them, or none if there are no more.
    fn read(&self, from: u64, most: usize) -> Reply<'_, Vec<Batch>>;

    /// The number of the first event that was appended at `at` (milliseconds) or later, or of the next one.
    fn since(&self, at: u64) -> Reply<'_, u64>;

    /// Takes an event out for all who have not read it; whether it was there.
    fn remove(&self, id: EventId) -> Reply<'_, bool>;

    /// Appends the delayed events that are due.
    fn release(&self, keep: Retention) -> Reply<'_, ()>;

    /// Ends the life of the stream; whether it had one.
    fn destroy(&self) -> Reply<'_, bool>;

    /// The groups of the stream as they are now.
    fn groups(&self) -> Reply<'_, Vec<(String, Arc<Group>)>>;

    /// Removes a group; whether it was there.
    fn disband(&self, group: String) -> Reply<'_, bool>;

    /// Becomes a consumer of a group, which begins at `start` if it is new; that creates the stream as well.
    ///
    /// Fails with `Invalid` if the group is there with other settings.
    fn join(&self, group: String, settings: Settings, start: Start) -> Reply<'_, Arc<dyn GroupEngine>>;
}

/// A consumer's membership of a group.
pub trait GroupEngine: Send + Sync {
    /// Its name in the group.
    fn consumer(&self) -> ConsumerId;

    /// The life of the stream that the group belongs to.
    fn generation(&self) -> u64;

    /// Whether nobody can have taken the consumer for dead by now, as far as it was told until when it is a member.
    fn is_sure(&self) -> bool;

    /// The group as it is now; `None` if it is gone.
    fn state(&self) -> Reply<'_, Option<Arc<Group>>>;

    /// Does what the consumer asks for.
    fn apply(&self, request: group::Request) -> Reply<'_, Answer>;
}

impl std::fmt::Debug for dyn GroupEngine {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "GroupEngine(consumer {:x})", self.consumer())
    }
}

/// A consumer's request to its group, as part of a [`Step`].
#[derive(Clone, Debug)]
pub struct Settlement {
    /// The name of the stream.
    pub stream: String,
    /// The name of the group.
    pub group: String,
    /// Who asks.
    pub consumer: ConsumerId,
    /// For what; the step is done only if all of it is.
    pub request: group::Request,
}

/// What is done to objects of one scope: all of it, or nothing.
#[derive(Clone, Debug, Default)]
pub struct Step {
    /// The scope.
    pub scope: String,
    /// What is settled.
    pub settle: Option<Settlement>,
    /// What is written, at most once to each map. Transactions, whose conditions are those of the step.
    pub maps: Vec<(MapId, Request)>,
    /// What is published, at most once to each stream.
    pub publishes: Vec<(StreamId, Publish, Retention)>,
}

/// What became of a [`Step`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All is done: what each map and each stream says to it.
    Done {
        /// In the order of the step.
        maps: Vec<Verdict>,
        /// In the order of the step.
        publishes: Vec<log::Verdict>,
    },
    /// The conditions on a map do not hold.
    Unmatched,
    /// A map refuses an operation.
    MapRefuses(Refusal),
    /// A stream refuses an event.
    StreamRefuses(log::Refusal),
    /// The step was sent again, and what became of it the first time is not known any more.
    Unknown,
    /// The group refuses the settlement.
    GroupRefuses(Answer),
}

/// Where a step is done.
#[derive(Clone)]
pub(crate) struct Home {
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) scope: String,
    pub(crate) timeout: Duration,
}

impl std::fmt::Debug for Home {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Home({:?})", self.scope)
    }
}
