//! What one consumer does with the events it holds: when each is handed to the program, and when it has waited for an
//! answer long enough.
//!
//! Guarantees: no more than `max_in_flight` events are handed out and unanswered; in groups with order no event of a
//! key is handed out before the one before it is settled; an event is handed out at most once for each time that it
//! was taken from the group.
//! Relies on: in groups with order, all events of a lane that are not settled are made known, oldest first, before
//! newer ones of it: what comes back stays known by [`Consumer::returned`].

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::group::{LaneId, Place};

/// What belongs together in a group with order: the hash of a key.
pub type KeyHash = u64;

/// How a consumer works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// How long an event may stay unanswered, in milliseconds.
    pub ack_wait: u64,
    /// How many may be unanswered at once.
    pub max_in_flight: usize,
    /// How many are to lie ready.
    pub prefetch: usize,
}

/// An event that was handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Out {
    count: u32,
    deadline: u64,
    /// Whether the program has answered: what it said is on its way to the group.
    answered: bool,
}

/// What an answer of the program comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// It counts; the event was delivered so often.
    Counts(u32),
    /// There was one before.
    Again,
    /// The event is not handed out (any more).
    TooLate,
}

/// An event that is handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handed {
    /// Which one.
    pub place: Place,
    /// How often it has been delivered, this time included.
    pub count: u32,
}

/// The events that one consumer holds.
#[derive(Debug)]
pub struct Consumer {
    rules: Rules,
    /// Taken and not handed out yet.
    ready: BTreeMap<Place, u32>,
    out: BTreeMap<Place, Out>,
    deadlines: BTreeSet<(u64, Place)>,
    /// For lanes with order: all that is known and not settled, by key.
    order: HashMap<(LaneId, KeyHash), BTreeSet<u64>>,
    keys: HashMap<Place, KeyHash>,
    /// Lanes that nothing is handed out from any more.
    draining: BTreeSet<LaneId>,
}

impl Consumer {
    /// A consumer that holds nothing.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self {
            rules,
            ready: BTreeMap::new(),
            out: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            order: HashMap::new(),
            keys: HashMap::new(),
            draining: BTreeSet::new(),
        }
    }

    /// How many events are handed out and unanswered.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.out.len()
    }

    /// How many more events it wants to take.
    #[must_use]
    pub fn wants(&self) -> usize {
        self.rules.prefetch.saturating_sub(self.ready.len())
    }

    /// Whether it still waits for an answer to an event of this lane.
    #[must_use]
    pub fn is_busy(&self, lane: LaneId) -> bool {
        self.out.range((lane, 0)..=(lane, u64::MAX)).next().is_some()
    }

    /// It has taken this event. With order, `key` tells which others it must not overtake.
    pub fn taken(&mut self, place: Place, count: u32, key: Option<KeyHash>) {
        self.known(place, key);
        self.ready.insert(place, count);
    }

    /// This event of its lane is unsettled, but not (yet) to be had: those of its key wait for it.
    pub fn returned(&mut self, place: Place, key: Option<KeyHash>) {
        self.known(place, key);
        self.forget_out(place);
        self.ready.remove(&place);
    }

    fn known(&mut self, place: Place, key: Option<KeyHash>) {
        if let Some(key) = key {
            self.keys.insert(place, key);
            self.order.entry((place.0, key)).or_default().insert(place.1);
        }
    }

    /// The next event to hand out at `now`, if there is one.
    pub fn next(&mut self, now: u64) -> Option<Handed> {
        if self.out.len() >= self.rules.max_in_flight {
            return None;
        }
        let (&place, &count) = self.ready.iter().find(|(place, _)| self.may_go(**place))?;
        self.ready.remove(&place);
        let deadline = now.saturating_add(self.rules.ack_wait);
        self.out.insert(place, Out { count, deadline, answered: false });
        self.deadlines.insert((deadline, place));
        Some(Handed { place, count })
    }

    fn may_go(&self, place: Place) -> bool {
        if self.draining.contains(&place.0) {
            return false;
        }
        let Some(key) = self.keys.get(&place) else { return true };
        self.order.get(&(place.0, *key)).is_none_or(|seqs| seqs.first() == Some(&place.1))
    }

    /// An event is dealt with: others of its key may go. Whether it was handed out.
    pub fn settled(&mut self, place: Place) -> bool {
        if !self.keys.is_empty()
            && let Some(key) = self.keys.remove(&place)
            && let Some(seqs) = self.order.get_mut(&(place.0, key))
        {
            seqs.remove(&place.1);
            if seqs.is_empty() {
                self.order.remove(&(place.0, key));
            }
        }
        let handed_out = self.forget_out(place);
        if !handed_out {
            self.ready.remove(&place);
        }
        handed_out
    }

    fn forget_out(&mut self, place: Place) -> bool {
        let Some(out) = self.out.remove(&place) else { return false };
        if !out.answered {
            self.deadlines.remove(&(out.deadline, place));
        }
        true
    }

    /// The program has answered: the event does not expire any more, and stays in flight until it is
    /// [`settled`](Self::settled) or [`returned`](Self::returned).
    pub fn answered(&mut self, place: Place) -> Answered {
        let Some(out) = self.out.get_mut(&place) else { return Answered::TooLate };
        if std::mem::replace(&mut out.answered, true) {
            return Answered::Again;
        }
        self.deadlines.remove(&(out.deadline, place));
        Answered::Counts(out.count)
    }

    /// The answer came to nothing: the event's time begins anew.
    pub fn reopen(&mut self, place: Place, now: u64) {
        if let Some(out) = self.out.get_mut(&place) {
            out.answered = false;
        }
        self.progress(place, now);
    }

    /// Whether there is an event to hand out.
    #[must_use]
    pub fn has_next(&self) -> bool {
        self.out.len() < self.rules.max_in_flight && self.ready.keys().any(|place| self.may_go(*place))
    }

    /// The program works on it: its time begins anew. Whether it was handed out.
    pub fn progress(&mut self, place: Place, now: u64) -> bool {
        let Some(out) = self.out.get_mut(&place).filter(|out| !out.answered) else { return false };
        self.deadlines.remove(&(out.deadline, place));
        out.deadline = now.saturating_add(self.rules.ack_wait);
        self.deadlines.insert((out.deadline, place))
    }

    /// The events whose time is over at `now`: as if the program had answered that they are to come again.
    pub fn expired(&mut self, now: u64) -> Vec<Handed> {
        let mut expired = Vec::new();
        while let Some((deadline, place)) =
            self.deadlines.first().copied().filter(|(deadline, _)| *deadline <= now)
        {
            self.deadlines.remove(&(deadline, place));
            if let Some(out) = self.out.get_mut(&place) {
                out.answered = true;
                expired.push(Handed { place, count: out.count });
            }
        }
        expired
    }

    /// When the next event's time is over.
    #[must_use]
    pub fn deadline(&self) -> Option<u64> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// Hands out nothing more of a lane that is to be given up.
    pub fn drain(&mut self, lane: LaneId) {
        self.draining.insert(lane);
    }

    /// A lane is not to be given up after all.
    pub fn keep(&mut self, lane: LaneId) {
        self.draining.remove(&lane);
    }

    /// What it holds of a lane and has not handed out: nobody has seen these.
    pub fn unread(&self, lane: LaneId) -> impl Iterator<Item = u64> {
        self.ready.range((lane, 0)..=(lane, u64::MAX)).map(|((_, seq), _)| *seq)
    }

    /// Forgets all about a lane.
    pub fn drop_lane(&mut self, lane: LaneId) {
        self.ready.retain(|place, _| place.0 != lane);
        self.out.retain(|place, _| place.0 != lane);
        self.deadlines.retain(|(_, place)| place.0 != lane);
        self.keys.retain(|place, _| place.0 != lane);
        self.order.retain(|(other, _), _| *other != lane);
        self.draining.remove(&lane);
    }
}

/// When an event that came back is to be delivered again: `backoff` has the pauses after the first, second … delivery,
/// the last of them for all that follow.
#[must_use]
pub fn due(backoff: &[u64], count: u32, now: u64) -> u64 {
    let at = usize::try_from(count.saturating_sub(1)).unwrap_or(usize::MAX);
    now.saturating_add(backoff.get(at).or_else(|| backoff.last()).copied().unwrap_or(0))
}

#[cfg(test)]
#[path = "consumer_tests.rs"]
mod tests;
