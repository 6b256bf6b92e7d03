//! Replicated maps: every node reads its own copy, writes are atomic operations at the engine, and changes
//! arrive in order, with data, without gaps.
//!
//! # What a map promises
//! 1. **Prefix.** What [`Map::get`] and a [`Snapshot`] show is always the state after exactly the changes up to
//!    [`Map::revision`] of one history. A transaction is seen whole or not at all.
//! 2. **Monotonic.** The revision of a handle never goes down within a generation; a change of generation is
//!    told by [`Event::Resynced`](crate::Event::Resynced).
//! 3. **Read your writes.** When a write returns, reads on the same handle show it or something later.
//! 4. **Events** come in order, without gaps, each once; those of a slow watcher are merged by key.
//! 5. **Reconnection**: missed changes one by one, or `Resynced` and the difference. Never silence.
//! 6. **A retried write is applied once.** When the answer is lost, the write is looked for before it is sent
//!    again; if that cannot be decided, the error says [`maybe_applied`](crate::Error::maybe_applied).
//! 7. **A failover** that lost or replaced acknowledged writes is noticed and told.
//! 8. **A deleted or flushed map** is a new generation, and told.

mod follow;
mod options;
mod part;
mod read;
mod shared;
mod snapshot;
mod task;
mod typed;
mod watch;
mod write;

pub use follow::{Stamps, Status};
pub use options::{DeleteOptions, From, IncrFloatOptions, IncrOptions, MapOptions, SetOptions, WatchOptions};
pub use snapshot::Snapshot;
#[cfg(feature = "json")]
pub use typed::Json;
pub use typed::{Codec, Text, TypedMap};
pub use watch::Watcher;
pub use write::{Counted, Edited, TxnBuilder, TxnDone, Written};

pub(crate) use part::Part;
pub(crate) use shared::Shared;

use std::sync::Arc;

/// A handle to a replicated map: cheap to clone, safe to share. See the [module](self) for what it promises.
#[derive(Clone)]
pub struct Map {
    pub(crate) shared: Arc<Shared>,
}

impl std::fmt::Debug for Map {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Map({:?}, {} keys, {:?})", self.name(), self.len(), self.status())
    }
}
