//! What readers and sinks give.

use std::fmt;

use bytes::Bytes;

use crate::model::cursor::Gap;
use crate::model::record::{EventId, Record};

/// An event of a stream. A clone shares its content.
#[derive(Clone, PartialEq, Eq)]
pub struct Event {
    pub(super) id: EventId,
    pub(super) at: u64,
    pub(super) record: Record,
}

impl fmt::Debug for Event {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (id, topic, size) = (self.id, self.topic(), self.record.payload().len());
        write!(out, "Event({id}, {topic:?}, {size} bytes)")
    }
}

impl Event {
    /// Its name: which life of the stream, and its number in it.
    #[must_use]
    pub const fn id(&self) -> EventId {
        self.id
    }

    /// When it was appended, milliseconds since 1970 of the engine's clock.
    #[must_use]
    pub const fn at(&self) -> u64 {
        self.at
    }

    /// Where it was published.
    #[must_use]
    pub fn topic(&self) -> &str {
        self.record.topic()
    }

    /// The key that it was published with.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        Some(self.record.key()).filter(|key| !key.is_empty())
    }

    /// Its content.
    #[must_use]
    pub fn payload(&self) -> Bytes {
        self.record.payload()
    }

    /// What was published along with the payload, in that order.
    pub fn headers(&self) -> impl Iterator<Item = (&str, Bytes)> {
        self.record.headers()
    }

    /// The first header of this name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<Bytes> {
        self.headers().find(|(other, _)| *other == name).map(|(_, value)| value)
    }
}

/// What comes next in a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Item<E = Event> {
    /// An event.
    Event(E),
    /// Events that were to come were trimmed before they could be read.
    Gap(Gap),
    /// The stream was deleted; what comes next belongs to its next life.
    Deleted,
}

impl Item {
    /// Where a reader is that has been given this.
    #[must_use]
    pub const fn position(&self) -> EventId {
        match self {
            Self::Event(event) => event.id,
            Self::Gap(Gap { next, .. }) => EventId { generation: next.generation, seq: next.seq - 1 },
            Self::Deleted => EventId { generation: 0, seq: 0 },
        }
    }
}

impl<E> Item<E> {
    /// The same with something else for an event.
    pub fn map<T>(self, map: impl FnOnce(E) -> T) -> Item<T> {
        match self {
            Self::Event(event) => Item::Event(map(event)),
            Self::Gap(gap) => Item::Gap(gap),
            Self::Deleted => Item::Deleted,
        }
    }

    /// The event, if it is one.
    #[must_use]
    pub fn event(self) -> Option<E> {
        match self {
            Self::Event(event) => Some(event),
            _ => None,
        }
    }
}
