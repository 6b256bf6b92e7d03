//! Events of the past, from the log alone: what a watcher gets that begins at an old revision.
//!
//! Guarantees: who applies the events to the state at the beginning has the state at the end, and each effect of a
//! change is counted in one event. Relies on: the changes are all of those from the beginning to the end, in order.
//! The log says of an edit only which items came or went. So an edit of a value that was set since the beginning has
//! an event of its own, and edits of one that is older are merged into one event with the value that they led to.

use std::collections::HashMap;

use bytes::Bytes;

use super::change::{Change, Effect};
use super::entries::Entries;
use super::event::Event;
use super::items;
use super::value::{Key, Shape};

/// Collects the events of a stretch of the log.
#[derive(Debug, Default)]
pub struct Past {
    events: Vec<Event>,
    /// The values that are known, because they were set since the beginning.
    values: HashMap<Key, (Bytes, Shape)>,
    /// How often other values were edited, and the revision that last did it.
    edits: HashMap<Key, (u32, u64)>,
}

impl Past {
    /// Takes the next change.
    pub fn push(&mut self, change: &Change) {
        change.effects.iter().for_each(|effect| self.effect(effect, change.revision));
    }

    /// The events, in order, of changes that led to `entries`.
    #[must_use]
    pub fn finish(mut self, entries: &Entries, now: u64) -> Vec<Event> {
        for (key, (coalesced, revision)) in self.edits {
            // Of one that has expired meanwhile the removal will tell.
            if let Some(entry) = entries.get(&key).filter(|entry| entry.alive(now)) {
                let (value, shape) = (entry.value.clone(), entry.shape);
                self.events.push(set(key, value, shape, revision, coalesced));
            }
        }
        self.events.sort_by_key(Event::revision);
        self.events
    }

    fn effect(&mut self, effect: &Effect, revision: u64) {
        match effect {
            Effect::Put { key, value, shape, .. } => {
                self.values.insert(key.clone(), (value.clone(), *shape));
                let coalesced = 1 + self.merged(key);
                self.events.push(set(key.clone(), value.clone(), *shape, revision, coalesced));
            }
            Effect::Append { key, items } => {
                self.edit(key, revision, |value| items::concat(value, items));
            }
            Effect::Remove { key, items } => {
                self.edit(key, revision, |value| items::without(value, items));
            }
            Effect::Touch { .. } => {}
            Effect::Delete { key } | Effect::Expire { key } => {
                self.values.remove(key);
                let (coalesced, key) = (1 + self.merged(key), key.clone());
                let (old, old_shape) = (None, Shape::Plain);
                self.events.push(match effect {
                    Effect::Expire { .. } => Event::Expire { key, old, old_shape, revision, coalesced },
                    _ => Event::Delete { key, old, old_shape, revision, coalesced },
                });
            }
            Effect::Clear => {
                self.values.clear();
                let coalesced = 1 + self.edits.drain().map(|(_, (count, _))| count).sum::<u32>();
                self.events.push(Event::Clear { revision, coalesced });
            }
        }
    }

    fn edit(&mut self, key: &Key, revision: u64, change: impl FnOnce(&Bytes) -> Bytes) {
        if let Some((value, shape)) = self.values.get_mut(key) {
            *value = change(value);
            self.events.push(set(key.clone(), value.clone(), *shape, revision, 1));
        } else {
            let (count, last) = self.edits.entry(key.clone()).or_default();
            (*count, *last) = (*count + 1, revision);
        }
    }

    /// How many edits an event that ends their value stands for as well.
    fn merged(&mut self, key: &Key) -> u32 {
        self.edits.remove(key).map_or(0, |(count, _)| count)
    }
}

fn set(key: Key, value: Bytes, shape: Shape, revision: u64, coalesced: u32) -> Event {
    Event::Set { key, value, shape, old: None, old_shape: Shape::Plain, revision, coalesced }
}

#[cfg(test)]
#[path = "past_tests.rs"]
mod tests;
