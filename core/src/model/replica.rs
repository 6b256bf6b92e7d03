//! The local copy of one map: applies changes in order and notices a missed, doubled or foreign one.
//!
//! Guarantees: the entries are always those of exactly the changes up to [`Replica::position`] of one
//! history; a change is applied once; what does not fit is reported as a [`Step`], never skipped.
//! Relies on: an engine numbers the changes of a generation contiguously from 1, and gives each the id of
//! the write that made it.
//!
//! Getters: [`Replica::position`], [`Replica::entries`], [`Replica::last_id`]. Events in:
//! [`Replica::offer`], [`Replica::install`]. There are no timers: the driver decides how long an early
//! change may wait for the ones before it.

use std::collections::{BTreeMap, VecDeque};

use super::change::{Change, Effect};
use super::entries::{Entries, Touched};
use super::event::{self, Event, Reason};
use super::value::{OpId, Position};

/// How many ids of applied changes are kept to recognise another history.
const RECENT: usize = 1_024;

/// How many changes may wait for the ones before them; more are left to the repair.
const EARLY: usize = 4_096;

/// Where a change was heard of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// By the subscription or the log, which give every change in order: a hole there is a loss.
    Push,
    /// By the answer to a write, which may overtake the changes of others.
    Reply,
}

/// What became of an offered change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is applied, and so are those that waited for it.
    Applied,
    /// It was applied before, or belongs to an older generation.
    Duplicate,
    /// Changes before it are on their way: it waits.
    Early,
    /// Changes before it were lost: read them from the log.
    Hole,
    /// This revision was another change here: load the map anew.
    Forked,
    /// The map lives a new life: load it anew.
    NewGeneration,
}

/// How a replica stands to the engine's newest position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing is missing.
    Current,
    /// Changes are missing.
    Behind,
    /// The engine has another history.
    Forked,
    /// The engine has another generation, or no map.
    NewGeneration,
}

/// One effect of an applied change, with the entry before and after.
#[derive(Debug)]
pub struct Applied {
    /// The revision it belongs to.
    pub revision: u64,
    /// The write that made it.
    pub id: OpId,
    /// The engine's clock when it was made.
    pub at: u64,
    /// What was done.
    pub effect: Effect,
    /// The entry before and after; `None` for [`Effect::Clear`].
    pub touched: Option<Touched>,
}

/// The whole map at one position.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// Which one.
    pub position: Position,
    /// The id of that revision's write.
    pub id: OpId,
    /// The entries.
    pub entries: Entries,
    /// Whether any of them may have a deadline.
    pub deadlines: bool,
}

/// The local copy of one map.
#[derive(Debug, Default)]
pub struct Replica {
    position: Position,
    entries: Entries,
    /// The ids of the last applied changes, newest at the back.
    recent: VecDeque<OpId>,
    early: BTreeMap<u64, (u64, Change)>,
}

impl Replica {
    /// Which change it has applied last.
    #[must_use]
    pub const fn position(&self) -> Position {
        self.position
    }

    /// What it holds.
    #[must_use]
    pub const fn entries(&self) -> &Entries {
        &self.entries
    }

    /// The id of the change it has applied last, if it is known.
    #[must_use]
    pub fn last_id(&self) -> Option<OpId> {
        self.recent.back().copied()
    }

    /// Whether changes wait for ones before them.
    #[must_use]
    pub fn waits(&self) -> bool {
        !self.early.is_empty()
    }

    /// Whether `id` made `revision` here; `None` if that is not known any more.
    #[must_use]
    pub fn made_by(&self, revision: u64, id: OpId) -> Option<bool> {
        let back = usize::try_from(self.position.revision.checked_sub(revision)?).ok()?;
        let at = self.recent.len().checked_sub(back + 1)?;
        Some(self.recent[at] == id)
    }

    /// Whether it has applied the `count` changes that begin with `first`, made by `id`.
    #[must_use]
    pub fn has(&self, first: Position, id: OpId, count: u64) -> bool {
        first.generation == self.position.generation
            && first.revision.saturating_add(count) <= self.position.revision.saturating_add(1)
            && self.made_by(first.revision, id) == Some(true)
    }

    /// Compares with the engine's newest position, asked for when this replica was at `before`: it may have
    /// gone on since, but the engine cannot have been behind it then.
    #[must_use]
    pub fn standing(&self, before: Position, tip: Option<(Position, OpId)>) -> Standing {
        let Some((tip, id)) = tip else {
            let nothing = before.generation == 0;
            return if nothing { Standing::Current } else { Standing::NewGeneration };
        };
        if tip.generation > self.position.generation {
            return Standing::NewGeneration;
        }
        if tip < before || self.made_by(tip.revision, id) == Some(false) {
            return Standing::Forked;
        }
        if tip > self.position { Standing::Behind } else { Standing::Current }
    }

    /// Takes a change of `generation` made at `at`; what is applied goes to `out`, in order.
    pub fn offer(
        &mut self,
        generation: u64,
        at: u64,
        change: &Change,
        source: Source,
        out: &mut Vec<Applied>,
    ) -> Step {
        if self.position.generation == 0 {
            if change.revision > 1 {
                return Step::Hole;
            }
            self.position.generation = generation; // the first change of a map that did not exist
        }
        if generation < self.position.generation {
            return Step::Duplicate;
        }
        if generation > self.position.generation {
            return Step::NewGeneration;
        }
        let next = self.position.revision + 1;
        if change.revision < next {
            let known = self.made_by(change.revision, change.id);
            return if known == Some(false) { Step::Forked } else { Step::Duplicate };
        }
        if change.revision > next {
            if self.early.len() < EARLY {
                self.early.insert(change.revision, (at, change.clone()));
            }
            return if source == Source::Push { Step::Hole } else { Step::Early };
        }
        self.apply(at, change, out);
        while let Some((at, change)) = self.early.remove(&(self.position.revision + 1)) {
            self.apply(at, &change, out);
        }
        self.drop_passed();
        Step::Applied
    }

    /// Takes the whole map as it is at the engine; the difference to what was held goes to `emit` behind
    /// an [`Event::Resynced`] that says `reason`.
    pub fn install(&mut self, snapshot: Snapshot, reason: Option<Reason>, mut emit: impl FnMut(Event)) {
        let Snapshot { position, id, entries, .. } = snapshot;
        let from = std::mem::replace(&mut self.position, position);
        let old = std::mem::replace(&mut self.entries, entries);
        self.recent.clear();
        self.recent.push_back(id);
        if from.generation == position.generation {
            self.drop_passed();
        } else {
            self.early.clear();
        }
        let Some(reason) = reason else { return };
        emit(Event::Resynced { reason, from, to: position });
        for event in difference(&old, &self.entries, position.revision) {
            emit(event);
        }
    }

    /// Goes on with a copy of its entries that lacks just what was `applied` last. Its own stay as they are with whom
    /// they were shown to: so a reader's view and this replica take turns with two copies, and neither has to copy
    /// nodes that the other holds.
    pub fn take_over(&mut self, mut copy: Entries, applied: &[Applied]) {
        for Applied { effect, touched, .. } in applied {
            match (effect.key(), touched) {
                (Some(key), Some(touched)) => copy.put(key, touched.new.clone()),
                (Some(_), None) => {}
                (None, _) => copy = Entries::default(),
            }
        }
        self.entries.become_copy(copy);
    }

    fn drop_passed(&mut self) {
        if !self.early.is_empty() {
            self.early = self.early.split_off(&(self.position.revision + 1));
        }
    }

    fn apply(&mut self, at: u64, change: &Change, out: &mut Vec<Applied>) {
        let (revision, id) = (change.revision, change.id);
        for effect in &change.effects {
            let touched = self.entries.apply(effect, revision);
            out.push(Applied { revision, id, at, effect: effect.clone(), touched });
        }
        self.position.revision = revision;
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(id);
    }
}

/// The events that lead from `old` to `new`, by key.
fn difference(old: &Entries, new: &Entries, revision: u64) -> Vec<Event> {
    let mut changed: Vec<_> = old
        .iter()
        .map(|(key, entry)| (key, Some(entry), new.get(key)))
        .chain(
            new.iter().filter(|(key, _)| old.get(key).is_none()).map(|(key, entry)| (key, None, Some(entry))),
        )
        .filter(|(_, old, new)| old.map(|entry| &entry.value) != new.map(|entry| &entry.value))
        .collect();
    changed.sort_unstable_by(|left, right| left.0.cmp(right.0));
    changed.into_iter().map(|(key, old, new)| event::of_difference(key, old, new, revision)).collect()
}

#[cfg(test)]
#[path = "replica_tests.rs"]
mod tests;
