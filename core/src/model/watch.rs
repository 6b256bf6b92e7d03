//! The queue between a replica and one watcher.
//!
//! Guarantees: events come out in order of revisions; none is lost. Up to `limit` of them wait one by one.
//! Beyond that, events of one key are merged: the value before the first, the value after the last, and
//! how many there were. So memory is bounded by the limit plus the number of keys, however slow the
//! watcher is.

use std::collections::{HashMap, VecDeque};

use super::event::Event;
use super::filter::Filter;
use super::value::Key;

/// The events that wait for one watcher.
#[derive(Debug)]
pub struct Queue {
    filter: Filter,
    limit: usize,
    /// `None` where an event was merged into a later one.
    slots: VecDeque<Option<Event>>,
    /// The number of the slot at the front.
    front: u64,
    waiting: usize,
    /// Where the last event of each key waits; kept only while events are merged.
    merged: Option<HashMap<Key, u64>>,
}

impl Queue {
    /// An empty queue that merges beyond `limit` events.
    #[must_use]
    pub fn new(filter: Filter, limit: usize) -> Self {
        Self { filter, limit, slots: VecDeque::new(), front: 0, waiting: 0, merged: None }
    }

    /// How many events wait.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.waiting
    }

    /// Whether none waits.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    /// Takes an event if the filter wants it.
    pub fn push(&mut self, event: &Event) {
        if event.key().is_some_and(|key| !self.filter.matches(key)) {
            return;
        }
        if self.merged.is_none() && self.waiting < self.limit {
            self.slots.push_back(Some(event.clone()));
            self.waiting += 1;
        } else {
            self.merge(event.clone());
        }
    }

    /// The next event.
    pub fn pop(&mut self) -> Option<Event> {
        loop {
            let Some(slot) = self.slots.pop_front() else {
                self.merged = None;
                return None;
            };
            let number = self.front;
            self.front += 1;
            let Some(event) = slot else { continue };
            self.waiting -= 1;
            if let (Some(merged), Some(key)) = (&mut self.merged, event.key())
                && merged.get(key) == Some(&number)
            {
                merged.remove(key);
            }
            return Some(event);
        }
    }

    fn merge(&mut self, mut event: Event) {
        let mut merged = self.merged.take().unwrap_or_else(|| self.index());
        if let Event::Clear { coalesced, .. } = &mut event {
            *coalesced = coalesced.saturating_add(self.absorb());
            merged.clear();
        }
        if let Some(key) = event.key().cloned() {
            let place = merged.get(&key).map(|number| self.place(*number));
            if let Some(earlier) = place.and_then(|place| self.slots[place].take()) {
                self.waiting -= 1;
                join(&earlier, &mut event);
            }
            merged.insert(key, self.front + self.slots.len() as u64);
        }
        self.slots.push_back(Some(event));
        self.waiting += 1;
        self.merged = Some(merged);
        if self.slots.len() > 2 * self.waiting + self.limit {
            self.slots.retain(Option::is_some);
            self.merged = Some(self.index());
        }
    }

    /// Takes out every change: a `Clear` stands for them.
    fn absorb(&mut self) -> u32 {
        let mut count = 0_u32;
        for slot in &mut self.slots {
            if let Some(event) = slot.take_if(|event| event.coalesced() > 0) {
                count = count.saturating_add(event.coalesced());
                self.waiting -= 1;
            }
        }
        count
    }

    /// Where the last event of each key waits, as far as it may be merged: not over a `Clear`.
    fn index(&self) -> HashMap<Key, u64> {
        let mut index = HashMap::new();
        for (slot, number) in self.slots.iter().zip(self.front..) {
            match slot {
                Some(Event::Clear { .. }) => index.clear(),
                Some(event) => drop(event.key().map(|key| index.insert(key.clone(), number))),
                None => {}
            }
        }
        index
    }

    fn place(&self, number: u64) -> usize {
        usize::try_from(number - self.front).unwrap_or(usize::MAX)
    }
}

/// Makes `later` stand for `earlier` as well.
fn join(earlier: &Event, later: &mut Event) {
    let before = (earlier.old().cloned(), earlier.old_shape());
    let count = earlier.coalesced();
    match later {
        Event::Set { old, old_shape, coalesced, .. }
        | Event::Delete { old, old_shape, coalesced, .. }
        | Event::Expire { old, old_shape, coalesced, .. } => {
            (*old, *old_shape) = before;
            *coalesced = coalesced.saturating_add(count);
        }
        Event::Clear { .. } | Event::Synced { .. } | Event::Resynced { .. } => {}
    }
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
