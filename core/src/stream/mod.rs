//! Streams: an ordered log of events with topics, read by readers (each sees all) and by sinks (consumer groups that
//! share the work).
//!
//! # What a stream promises
//! 1. **At least once.** An event is delivered to a group until it is acknowledged, given up, or delivered `max_deliver`
//!    times; then it is in the dead letter, once. A reader gets each event once and in order.
//! 2. **A trim is told.** Events that were to come and are gone are an [`Item::Gap`] that says exactly which.
//! 3. **Order** is total in a stream; a group may ask for the order of each key, kept through failure and redelivery.
//! 4. **Published once**: a publish whose answer was lost is looked for before it is sent again, and with a `dedup_id`
//!    whoever publishes the same again appends nothing.
//! 5. **A deleted stream is told**, and its next life has other ids.
//! 6. **Acknowledging and writing in one step**: [`Answer::ack_with`].
//! 7. **A consumer's death costs nothing but time**: what it held is delivered to others.

mod desk;
mod event;
mod follow;
mod info;
mod merge;
mod options;
mod publish;
mod pull;
mod reader;
mod reply;
mod shared;
mod sink;
mod step;
mod task;

pub use crate::model::cursor::Gap;
pub use crate::model::log::{Retention, WhenBehind};
pub use crate::model::record::EventId;
pub use crate::model::settings::{Order, Start};
pub use event::{Event, Item};
pub use info::{GroupInfo, StreamInfo};
pub use merge::{MAX_WAIT, Merged, MergedReader, merge};
pub use options::{PublishOptions, ReaderOptions, SinkOptions, StreamOptions};
pub use publish::{Message, Published};
pub use reader::Reader;
pub use reply::REPLY_TO;
pub use sink::{Answer, Delivery, Sink, Ticket};
pub use step::StepBuilder;

pub(crate) use shared::Shared;

use std::sync::Arc;

/// A handle to a stream: cheap to clone, safe to share. See the [module](self) for what it promises.
#[derive(Clone)]
pub struct Stream {
    pub(crate) shared: Arc<Shared>,
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Stream({:?})", self.shared)
    }
}

impl Stream {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.id.name
    }
}
