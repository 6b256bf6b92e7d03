//! What a revision did to a map, as data that every replica applies in the same way.

use bytes::Bytes;

use super::value::{Deadline, Key, OpId, Position, Shape};

/// One step of a change. A replica that holds the state before it reaches the state after it without
/// asking anyone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The key now has this value.
    Put {
        /// Which key.
        key: Key,
        /// Its bytes.
        value: Bytes,
        /// How to read them.
        shape: Shape,
        /// When it expires.
        deadline: Option<Deadline>,
    },
    /// The framed items stand behind the list or set.
    Append {
        /// Which key.
        key: Key,
        /// The items, framed as in [`super::items`].
        items: Bytes,
    },
    /// The framed items are gone from the list or set; others are left.
    Remove {
        /// Which key.
        key: Key,
        /// The items, framed as in [`super::items`].
        items: Bytes,
    },
    /// Only the deadline changed.
    Touch {
        /// Which key.
        key: Key,
        /// The new deadline.
        deadline: Option<Deadline>,
    },
    /// The key was deleted.
    Delete {
        /// Which key.
        key: Key,
    },
    /// The key's deadline had passed.
    Expire {
        /// Which key.
        key: Key,
    },
    /// Every key is gone.
    Clear,
}

impl Effect {
    /// How many bytes its key and value have.
    fn bytes(&self) -> usize {
        let content = match self {
            Self::Put { value, .. } => value.len(),
            Self::Append { items, .. } | Self::Remove { items, .. } => items.len(),
            _ => 0,
        };
        content + self.key().map_or(0, |key| key.len())
    }

    /// The key it touches; `None` for all of them.
    #[must_use]
    pub const fn key(&self) -> Option<&Key> {
        match self {
            Self::Put { key, .. }
            | Self::Append { key, .. }
            | Self::Remove { key, .. }
            | Self::Touch { key, .. }
            | Self::Delete { key }
            | Self::Expire { key } => Some(key),
            Self::Clear => None,
        }
    }
}

/// What one revision did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its number: one more than that of the change before it in the same generation.
    pub revision: u64,
    /// Whose write it was.
    pub id: OpId,
    /// Whether a transaction's conditions held; `true` for other writes.
    pub matched: bool,
    /// What it did, in order: one effect, or those of a transaction.
    pub effects: Vec<Effect>,
}

/// Changes that an engine made in one step, in order of their revisions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The generation they belong to.
    pub generation: u64,
    /// The engine's clock when they were made, milliseconds since 1970.
    pub at: u64,
    /// The changes; their revisions are contiguous.
    pub changes: Vec<Change>,
}

impl Batch {
    /// How many bytes its keys and values have.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.changes.iter().flat_map(|change| &change.effects).map(Effect::bytes).sum()
    }

    /// The position of its last change.
    #[must_use]
    pub fn last(&self) -> Position {
        let revision = self.changes.last().map_or(0, |change| change.revision);
        Position { generation: self.generation, revision }
    }
}
