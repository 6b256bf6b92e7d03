//! What a watcher receives.

use bytes::Bytes;

use super::change::Effect;
use super::entries::Touched;
use super::replica::Applied;
use super::value::{Entry, Key, Position, Shape};

/// Why a replica was loaded anew instead of following change by change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The changes that were missed are no longer in the engine's log.
    Trimmed,
    /// The engine's history is not the one this replica followed: a failover or restore lost or replaced
    /// acknowledged changes.
    Forked,
    /// The map was deleted, flushed or has expired, and lives anew or not at all.
    NewGeneration,
}

impl Reason {
    /// Its name in messages and in the other languages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trimmed => "trimmed",
            Self::Forked => "forked",
            Self::NewGeneration => "new_generation",
        }
    }
}

/// What happened to a map, in order of revisions.
///
/// `coalesced` counts the changes that an event stands for: 1, or more if the watcher fell behind its queue;
/// `old` is then the value before the first and `value` the one after the last of them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A key has a new value.
    Set {
        /// Which key.
        key: Key,
        /// Its value now.
        value: Bytes,
        /// How to read `value`.
        shape: Shape,
        /// Its value before; `None` if it was absent, or if the event comes from the log of the past.
        old: Option<Bytes>,
        /// How to read `old`.
        old_shape: Shape,
        /// The revision that did it.
        revision: u64,
        /// How many changes this event stands for.
        coalesced: u32,
    },
    /// A key was deleted.
    Delete {
        /// Which key.
        key: Key,
        /// Its last value, as far as it is known.
        old: Option<Bytes>,
        /// How to read `old`.
        old_shape: Shape,
        /// The revision that did it.
        revision: u64,
        /// How many changes this event stands for.
        coalesced: u32,
    },
    /// A key's time to live ended.
    Expire {
        /// Which key.
        key: Key,
        /// Its last value, as far as it is known.
        old: Option<Bytes>,
        /// How to read `old`.
        old_shape: Shape,
        /// The revision that removed it.
        revision: u64,
        /// How many changes this event stands for.
        coalesced: u32,
    },
    /// Every key was removed.
    Clear {
        /// The revision that did it.
        revision: u64,
        /// How many changes this event stands for.
        coalesced: u32,
    },
    /// The watcher has seen all up to this revision and is live from here on.
    Synced {
        /// The replica's revision.
        revision: u64,
    },
    /// Changes one by one could not be had; the events that follow, up to the next change, are the
    /// difference between what this replica held and what the engine holds.
    Resynced {
        /// Why.
        reason: Reason,
        /// Where the replica was.
        from: Position,
        /// Where it is now.
        to: Position,
    },
}

impl Event {
    /// The key it is about; `None` for events about the whole map.
    #[must_use]
    pub const fn key(&self) -> Option<&Key> {
        match self {
            Self::Set { key, .. } | Self::Delete { key, .. } | Self::Expire { key, .. } => Some(key),
            _ => None,
        }
    }

    /// The revision it belongs to.
    #[must_use]
    pub const fn revision(&self) -> u64 {
        match self {
            Self::Set { revision, .. }
            | Self::Delete { revision, .. }
            | Self::Expire { revision, .. }
            | Self::Clear { revision, .. }
            | Self::Synced { revision } => *revision,
            Self::Resynced { to, .. } => to.revision,
        }
    }

    /// How many changes it stands for; 0 for `Synced` and `Resynced`.
    #[must_use]
    pub const fn coalesced(&self) -> u32 {
        match self {
            Self::Set { coalesced, .. }
            | Self::Delete { coalesced, .. }
            | Self::Expire { coalesced, .. }
            | Self::Clear { coalesced, .. } => *coalesced,
            Self::Synced { .. } | Self::Resynced { .. } => 0,
        }
    }

    /// The value before, if it is known.
    #[must_use]
    pub const fn old(&self) -> Option<&Bytes> {
        match self {
            Self::Set { old, .. } | Self::Delete { old, .. } | Self::Expire { old, .. } => old.as_ref(),
            _ => None,
        }
    }

    /// How to read [`old`](Self::old).
    #[must_use]
    pub const fn old_shape(&self) -> Shape {
        match self {
            Self::Set { old_shape, .. } | Self::Delete { old_shape, .. } | Self::Expire { old_shape, .. } => {
                *old_shape
            }
            _ => Shape::Plain,
        }
    }
}

/// Gives the events of one applied effect to `emit`: one, or two if the entry it met had already expired.
pub(crate) fn of_applied(applied: &Applied, mut emit: impl FnMut(Event)) {
    let Applied { revision, at, effect, touched, .. } = applied;
    let revision = *revision;
    let Some(key) = effect.key() else { return emit(Event::Clear { revision, coalesced: 1 }) };
    let Some(Touched { old, new, .. }) = touched else { return };
    let expired = old.as_deref().filter(|old| !old.alive(*at));
    let replaced = old.as_deref().filter(|old| old.alive(*at));
    let expire = || {
        let (old, old_shape) = value_of(expired);
        Event::Expire { key: key.clone(), old, old_shape, revision, coalesced: 1 }
    };
    match effect {
        Effect::Touch { .. } => {}
        Effect::Expire { .. } => emit(expire()),
        Effect::Delete { .. } => emit(delete(key, replaced, revision)),
        Effect::Put { .. } | Effect::Append { .. } | Effect::Remove { .. } | Effect::Clear => {
            if expired.is_some() {
                emit(expire());
            }
            emit(set(key, new.as_deref(), replaced, revision));
        }
    }
}

/// The event for a key that went from `old` to `new` while nobody followed.
pub(crate) fn of_difference(key: &Key, old: Option<&Entry>, new: Option<&Entry>, revision: u64) -> Event {
    match new {
        Some(_) => set(key, new, old, revision),
        None => delete(key, old, revision),
    }
}

fn set(key: &Key, new: Option<&Entry>, old: Option<&Entry>, revision: u64) -> Event {
    let ((value, shape), (old, old_shape)) = (value_of(new), value_of(old));
    let value = value.unwrap_or_default();
    Event::Set { key: key.clone(), value, shape, old, old_shape, revision, coalesced: 1 }
}

fn delete(key: &Key, old: Option<&Entry>, revision: u64) -> Event {
    let (old, old_shape) = value_of(old);
    Event::Delete { key: key.clone(), old, old_shape, revision, coalesced: 1 }
}

fn value_of(entry: Option<&Entry>) -> (Option<Bytes>, Shape) {
    entry.map(|entry| (Some(entry.value.clone()), entry.shape)).unwrap_or_default()
}
