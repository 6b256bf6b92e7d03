//! Where the truth of maps and streams lives: the contract of an engine, and the engines.
//!
//! An engine does five things for a map and nothing else; what it does for a stream is in [`stream`]. It holds no retries, no deadlines and no user
//! events: those are above it, once for all engines. `testkit` (a feature) checks the rules below.
//!
//! # Rules
//! 1. **Atomic.** [`MapEngine::write`] decides a write as [`txn::eval`](crate::model::txn::eval) does, on the
//!    state that all accepted writes before it have left, and applies all of it or nothing.
//! 2. **Numbered.** An accepted write that changes something gets the next revision of its generation,
//!    beginning with 1. A write that changes nothing, or is refused, gets none.
//! 3. **Told.** Every change is given to every [`Sink`] of the map, in order. An engine that may lose one says
//!    so with [`Sink::lost`] as soon as it knows. The sink of the writer has the change, marked
//!    [`Source::Reply`] or [`Source::Push`], before `write` returns.
//! 4. **Kept.** [`MapEngine::log`] gives the last changes again, each with the id of its write. How many is
//!    the engine's affair; that they are contiguous is not.
//! 5. **Once.** A write that is sent again with [`Request::retry_after`] is not applied twice: the engine looks
//!    for its id among the changes after that position, and answers [`Verdict::Unknown`] if it cannot tell.
//! 6. **Generations rise.** A map that is created anew, after a destroy, a flush or a loss, has a higher
//!    generation than ever before.
//! 7. **A codec is for life.** The first write of a generation fixes the codec's name; a write with another is
//!    refused as `Invalid`.
//! 8. **Dropped is gone.** After a [`MapEngine`] is dropped its sink hears no more; writes in flight may still
//!    be applied.

use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::{Arc, Weak};

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::error::Result;
use crate::model::change::Batch;
use crate::model::op::Refusal;
use crate::model::txn::Write;
use crate::model::value::{Entry, Key, OpId, Position};

pub use crate::model::replica::Source;
use reply::Address;
use stream::{Outcome, Step, StreamEngine, StreamId, StreamSink};

pub mod memory;
#[cfg(feature = "redis")]
pub mod redis;
pub mod reply;
pub mod stream;
#[cfg(feature = "testkit")]
pub mod testkit;

/// What an engine's methods return: a future that may be ready at once.
pub type Reply<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// Names one map of an engine, and what it must be.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MapId {
    /// The unit of atomicity that the map belongs to; by default its own name.
    pub scope: String,
    /// Its name inside the scope.
    pub name: String,
    /// The name of the codec of its values.
    pub codec: String,
}

/// A write on its way to an engine.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Tells it from every other write.
    pub id: OpId,
    /// What to do.
    pub write: Write,
    /// Set when it may have been applied before: no later than this position it was surely not.
    pub retry_after: Option<Position>,
}

/// What an engine decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The write made this revision.
    Applied {
        /// Which one.
        position: Position,
        /// Whether a transaction's conditions held; `true` for other writes.
        matched: bool,
    },
    /// The write was accepted and changed nothing.
    Unchanged {
        /// As above.
        matched: bool,
    },
    /// The write was refused.
    Refused(Refusal),
    /// The write was sent again, and what became of it the first time is not known any more.
    Unknown,
}

/// The newest position of a map, and what is known about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tip {
    /// The last change.
    pub position: Position,
    /// The id of its write.
    pub id: OpId,
    /// The codec that the map was created with.
    pub codec: String,
}

/// Entries that are made when they are asked for: so the next step of a scan can be on its way to the server before
/// those of the last one are made.
pub type Scanned = Box<dyn Iterator<Item = Result<(Key, Entry)>> + Send>;

/// Some entries of a scan.
pub struct Page {
    /// The entries; one may come twice, and each as new as the scan found it.
    pub entries: Scanned,
    /// Where to go on; 0 at the end.
    pub cursor: u64,
}

/// Some changes of the log.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// The changes, in order.
    pub batches: Vec<Batch>,
    /// Where to go on; `None` if there were no more.
    pub next: Option<Position>,
}

/// Hears the changes of one map. Its methods are called in order and must not wait or call the engine.
pub trait Sink: Send + Sync {
    /// These changes were made.
    fn batch(&self, batch: &Batch, source: Source);
    /// Whether it has these changes already, so that telling them again can be spared: `count` of them, of which the
    /// write `id` made the `first`.
    fn knows(&self, _first: Position, _id: OpId, _count: u64) -> bool {
        false
    }
    /// From now on changes may be missed.
    fn lost(&self);
    /// Changes are heard again; some may have been missed.
    fn restored(&self);
}

/// An engine: opens maps and streams.
pub trait Engine: Send + Sync {
    /// The engine's clock as well as this process knows it, milliseconds since 1970.
    fn now(&self) -> u64;

    /// Opens a map and subscribes `sink` to it: changes made after this resolves are told.
    fn map(&self, id: MapId, sink: Weak<dyn Sink>) -> Reply<'_, Arc<dyn MapEngine>>;

    /// Opens a stream and subscribes `sink` to it: what happens after this resolves is told.
    fn stream(&self, id: StreamId, sink: Weak<dyn StreamSink>) -> Reply<'_, Arc<dyn StreamEngine>>;

    /// Does several things to objects of one scope, or none of them.
    fn step(&self, step: Step) -> Reply<'_, Outcome>;

    /// An address of this client, where `waits` gets the reply that is sent to it.
    fn listen(&self, waits: oneshot::Sender<Bytes>) -> Reply<'_, Address>;

    /// Sends a reply to an address; whether somebody still waited there.
    fn reply(&self, address: String, reply: Bytes) -> Reply<'_, bool>;

    /// Ends everything that runs for this engine.
    fn close(&self) -> Reply<'_, ()>;
}

/// One map at an engine.
pub trait MapEngine: Send + Sync {
    /// Decides and applies a write.
    fn write(&self, request: Request) -> Reply<'_, Verdict>;

    /// The newest position; `None` if the map does not exist.
    fn tip(&self) -> Reply<'_, Option<Tip>>;

    /// Some entries, from `cursor` on (0 to begin). A key that exists throughout the scan is given at least once.
    fn scan(&self, cursor: u64) -> Reply<'_, Page>;

    /// One entry as it is now, unless it has expired.
    fn read(&self, key: Key) -> Reply<'_, Option<Entry>>;

    /// Changes from the revision of `from` itself on, in order: some, or none if there are no more or that
    /// generation has no log.
    fn log(&self, from: Position) -> Reply<'_, Log>;

    /// As [`MapEngine::log`], for who loads the whole map: what this gives may keep in memory all that was read for it,
    /// because the next load replaces it as a whole.
    fn replay(&self, from: Position) -> Reply<'_, Log> {
        self.log(from)
    }

    /// Up to how many effects of changes it costs less to read from the log than to scan the map.
    fn replayable(&self) -> Reply<'_, u64> {
        Box::pin(ready(Ok(0)))
    }
}
