//! Loading a whole map without stopping the engine: a scan that writes overlap, then the changes since.
//!
//! Guarantees: [`Join::finish`] holds exactly the state at its position. Relies on: the scan gives every
//! entry that existed throughout, each entry carries its revision, and the changes from the position at
//! the start of the scan on are all given, in order. In between the entries are a mixture of moments, so
//! nobody sees them before the end.

use super::change::{Batch, Change, Effect};
use super::entries::Entries;
use super::replica::Snapshot;
use super::value::{Entry, Key, OpId, Position};

/// A map being loaded.
#[derive(Debug)]
pub struct Join {
    position: Position,
    id: OpId,
    entries: Entries,
    /// The highest revision of a scanned entry: later changes are surely not in what was scanned.
    scanned: u64,
    /// Whether an entry may have a deadline.
    deadlines: bool,
}

/// The changes given to [`Join::catch_up`] do not follow on what it has: start again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

impl Join {
    /// Begins at the engine's position as of before the scan.
    #[must_use]
    pub fn start(position: Position, id: OpId) -> Self {
        Self { position, id, entries: Entries::default(), scanned: 0, deadlines: false }
    }

    /// Which change it has reached.
    #[must_use]
    pub const fn position(&self) -> Position {
        self.position
    }

    /// Takes some scanned entries.
    pub fn page(&mut self, entries: impl IntoIterator<Item = (Key, Entry)>) {
        for (key, entry) in entries {
            self.scanned = self.scanned.max(entry.revision);
            self.insert(key, entry);
        }
    }

    /// Takes changes made since the start.
    ///
    /// # Errors
    /// [`Broken`] if one is missing or of another generation.
    pub fn catch_up(&mut self, batch: Batch) -> Result<(), Broken> {
        if batch.generation != self.position.generation {
            return Err(Broken);
        }
        for change in batch.changes {
            if change.revision <= self.position.revision {
                continue;
            }
            if change.revision > self.position.revision + 1 {
                return Err(Broken);
            }
            self.apply(change);
        }
        Ok(())
    }

    /// The map at the last change it was given.
    #[must_use]
    pub fn finish(self) -> Snapshot {
        let Self { position, id, entries, deadlines, .. } = self;
        Snapshot { position, id, entries, deadlines }
    }

    fn insert(&mut self, key: Key, entry: Entry) {
        self.deadlines |= entry.deadline.is_some();
        self.entries.insert(key, entry);
    }

    fn apply(&mut self, change: Change) {
        let Change { revision, id, effects, .. } = change;
        (self.position.revision, self.id) = (revision, id);
        if revision > self.scanned {
            return effects.into_iter().for_each(|effect| self.effect(effect, revision));
        }
        // A scanned entry may be newer than the change: then it already holds what the change did.
        let scanned = self.entries.clone();
        let newer = |entry: &Entry| entry.revision >= revision;
        for effect in effects {
            match effect.key() {
                Some(key) if scanned.get(key).is_some_and(newer) => {}
                Some(_) => self.effect(effect, revision),
                None => {
                    self.entries = Entries::default();
                    let left = scanned.iter().filter(|(_, entry)| newer(entry));
                    left.for_each(|(key, entry)| self.insert(key.clone(), entry.clone()));
                }
            }
        }
    }

    fn effect(&mut self, effect: Effect, revision: u64) {
        match effect {
            Effect::Put { key, value, shape, deadline } => {
                self.insert(key, Entry { value, revision, deadline, shape });
            }
            effect => {
                self.deadlines |= matches!(effect, Effect::Touch { .. });
                self.entries.apply(&effect, revision);
            }
        }
    }
}

#[cfg(test)]
#[path = "join_tests.rs"]
mod tests;
