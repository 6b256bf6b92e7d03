//! What a map holds: keys, entries and the shape of a value.

use std::num::NonZeroU64;
use std::sync::Arc;

use bytes::Bytes;

/// A map's key: non-empty UTF-8, cheap to clone.
pub type Key = Arc<str>;

/// The moment, in milliseconds of the engine's clock since 1970, at which an entry stops to exist.
pub type Deadline = NonZeroU64;

/// How the bytes of a value are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Hash)]
#[repr(u8)]
pub enum Shape {
    /// Bytes as the user (or a codec) wrote them; counters are decimal text.
    #[default]
    Plain = 0,
    /// Items in order, possibly repeated; see [`super::items`].
    List = 1,
    /// Items in order of their first addition, each once.
    Set = 2,
}

impl Shape {
    /// The shape that was written as this number.
    #[must_use]
    pub const fn from_u8(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Plain),
            1 => Some(Self::List),
            2 => Some(Self::Set),
            _ => None,
        }
    }
}

/// One key's value, with the revision that last changed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The bytes: for lists and sets the items as [`super::items`] frames them.
    pub value: Bytes,
    /// The revision of the last change to this entry.
    pub revision: u64,
    /// When the entry stops to exist, on the engine's clock.
    pub deadline: Option<Deadline>,
    /// How to read `value`.
    pub shape: Shape,
}

impl Entry {
    /// Whether the entry still exists at `now`.
    #[must_use]
    pub fn alive(&self, now: u64) -> bool {
        self.deadline.is_none_or(|deadline| deadline.get() > now)
    }

    /// The items of a list or set; `None` for a plain value.
    #[must_use]
    pub fn items(&self) -> Option<Vec<Bytes>> {
        (self.shape != Shape::Plain).then(|| super::items::split(&self.value).collect())
    }
}

/// A point in the history of one map: a revision inside a generation.
///
/// Generation 0 means that the map does not exist at the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct Position {
    /// Which life of the map.
    pub generation: u64,
    /// The last accepted change of that life.
    pub revision: u64,
}

/// Who made a change, and which of its writes it was: a retry carries the same id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Hash)]
pub struct OpId {
    /// A random number drawn by each replica that writes.
    pub writer: u64,
    /// Counts that replica's writes.
    pub seq: u64,
}
