//! Loading a whole map without stopping the engine: a scan that writes overlap, then the changes since.
//!
//! Guarantees: [`Join::finish`] holds exactly the state at its position. Relies on: the scan gives every
//! entry that existed throughout, each entry carries its revision, and the changes from the position at
//! the start of the scan on are all given, in order. In between the entries are a mixture of moments, so
//! nobody sees them before the end.

use super::change::{Batch, Change};
use super::entries::Entries;
use super::replica::Snapshot;
use super::value::{Entry, Key, OpId, Position};

/// A map being loaded.
#[derive(Debug)]
pub struct Join {
    position: Position,
    id: OpId,
    entries: Entries,
}

/// The changes given to [`Join::catch_up`] do not follow on what it has: start again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

impl Join {
    /// Begins at the engine's position as of before the scan.
    #[must_use]
    pub fn start(position: Position, id: OpId) -> Self {
        Self { position, id, entries: Entries::default() }
    }

    /// Which change it has reached.
    #[must_use]
    pub const fn position(&self) -> Position {
        self.position
    }

    /// Takes some scanned entries.
    pub fn page(&mut self, entries: impl IntoIterator<Item = (Key, Entry)>) {
        for (key, entry) in entries {
            self.entries.insert(key, entry);
        }
    }

    /// Takes changes made since the start.
    ///
    /// # Errors
    /// [`Broken`] if one is missing or of another generation.
    pub fn catch_up(&mut self, batch: &Batch) -> Result<(), Broken> {
        if batch.generation != self.position.generation {
            return Err(Broken);
        }
        for change in &batch.changes {
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
        Snapshot { position: self.position, id: self.id, entries: self.entries }
    }

    /// A scanned entry may be newer than the change: then it already holds what the change did.
    fn apply(&mut self, change: &Change) {
        let scanned = self.entries.clone();
        let includes = |key: &Key| scanned.get(key).is_some_and(|entry| entry.revision >= change.revision);
        for effect in &change.effects {
            match effect.key() {
                Some(key) if includes(key) => {}
                Some(_) => {
                    self.entries.apply(effect, change.revision);
                }
                None => {
                    let newer = scanned.iter().filter(|(_, entry)| entry.revision >= change.revision);
                    let mut left = Entries::default();
                    newer.for_each(|(key, entry)| drop(left.insert(key.clone(), entry.clone())));
                    self.entries = left;
                }
            }
        }
        self.position.revision = change.revision;
        self.id = change.id;
    }
}

#[cfg(test)]
#[path = "join_tests.rs"]
mod tests;
