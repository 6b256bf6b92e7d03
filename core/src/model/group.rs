//! A consumer group: who holds which events of a stream, and what is still to be handed out.
//!
//! Guarantees: an event that the group has taken from the log is, until it is settled, in exactly one place: held by
//! one consumer, or waiting to be delivered again. What a consumer that is not a member (any more) asks for is
//! refused, so one that was thought dead cannot undo what others have done since.
//! Relies on: the log numbers events without holes; whoever takes fresh events has read the log from the lane's
//! cursor on and left out only what the group does not want.
//!
//! A *lane* is a part of the stream with a cursor of its own. Without order there is one that all consumers take from.
//! With order by key there is one for each partition of the keys, with total order one for all; such a lane has one
//! owner at a time. Acknowledging touches nothing but what the consumer itself holds, so consumers do not get in each
//! other's way; [`Group::touches`] tells an engine which parts an operation reads and writes.

use std::collections::BTreeMap;

use super::spans::{Held, Spans};

/// Names a consumer of a group: drawn by chance, for each membership anew.
pub type ConsumerId = u64;

/// The number of a lane.
pub type LaneId = u16;

/// A run of event numbers: the first and the last.
pub type Run = (u64, u64);

/// An event of a lane.
pub type Place = (LaneId, u64);

/// An event that is to be delivered again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// How often it has been delivered.
    pub count: u32,
    /// Not before this moment, milliseconds of the engine's clock.
    pub due: u64,
}

/// A part of the stream as the group goes through it.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Lane {
    /// The last event that was looked at.
    pub cursor: u64,
    /// The one consumer that may take from it, in groups with order.
    pub owner: Option<ConsumerId>,
    /// Events that came back.
    pub waiting: BTreeMap<u64, Waiting>,
}

/// A consumer of the group.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Member {
    /// When it is to be thought dead unless it is heard of again, milliseconds of the engine's clock.
    pub until: u64,
    /// What it holds of each lane.
    pub held: BTreeMap<LaneId, Spans>,
}

/// The state of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    lanes: Vec<Lane>,
    members: BTreeMap<ConsumerId, Member>,
    /// Whether a lane has to be claimed before it is taken from.
    owned: bool,
}

/// A part of a group that an operation reads or writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// A lane.
    Lane(LaneId),
    /// A member.
    Member(ConsumerId),
}

/// What is taken from one lane.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Taking {
    /// Which lane.
    pub lane: LaneId,
    /// Where its cursor was when the log was read.
    pub from: u64,
    /// Where it is to be.
    pub to: u64,
    /// Those in between that the group wants.
    pub fresh: Vec<Run>,
    /// Those that wait and are due.
    pub again: Vec<u64>,
}

/// What is settled of one lane.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Settling {
    /// Which lane.
    pub lane: LaneId,
    /// They need not be delivered again.
    pub done: Vec<Run>,
    /// Each is to be delivered again, not before this moment.
    pub back: Vec<(u64, u64)>,
    /// These never reached anybody: they are to be delivered as if for the first time.
    pub unread: Vec<Run>,
}

impl Settling {
    /// Whether something comes back to the group.
    #[must_use]
    pub const fn returns(&self) -> bool {
        !self.back.is_empty() || !self.unread.is_empty()
    }
}

/// What a consumer asks of its group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Become a member, or stay one, until this moment.
    Join {
        /// Milliseconds of the engine's clock.
        until: u64,
    },
    /// Take events, from all of these lanes or from none.
    Take(Vec<Taking>),
    /// Be done with events that it holds.
    Settle {
        /// Which ones.
        parts: Vec<Settling>,
        /// Whether all or nothing is to be done.
        whole: bool,
    },
    /// Own a lane that nobody owns.
    Claim(LaneId),
    /// Give a lane up, with all that it holds of it.
    Release(LaneId),
    /// Cease to be a member: what it holds waits for others, from now on.
    Leave,
    /// Take a member for dead whose time is over: as if it had left.
    Evict(ConsumerId),
}

impl Request {
    /// Whether other consumers may have something to do because of it.
    #[must_use]
    pub fn concerns_others(&self) -> bool {
        match self {
            Self::Take(_) => false,
            Self::Settle { parts, .. } => parts.iter().any(Settling::returns),
            _ => true,
        }
    }
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is done.
    Done,
    /// These events it does not hold (any more); the others are settled, unless all was to be done or nothing.
    Lost(Vec<Place>),
    /// Nothing is done: others have taken from these lanes, whose cursors are here now, or have what was waiting.
    Moved(Vec<(LaneId, u64)>),
    /// Nothing is done: it is no member, or not the owner of a lane.
    Fenced,
}

impl Group {
    /// A new group that begins behind the event `after`; `ordered` says how many lanes with an owner each it has.
    #[must_use]
    pub fn new(after: u64, ordered: Option<LaneId>) -> Self {
        let lane = Lane { cursor: after, ..Lane::default() };
        let lanes = vec![lane; usize::from(ordered.unwrap_or(1).max(1))];
        Self { lanes, members: BTreeMap::new(), owned: ordered.is_some() }
    }

    /// A group of these parts.
    #[must_use]
    pub const fn from_parts(lanes: Vec<Lane>, members: BTreeMap<ConsumerId, Member>, owned: bool) -> Self {
        Self { lanes, members, owned }
    }

    /// Its lanes.
    #[must_use]
    pub fn lanes(&self) -> &[Lane] {
        &self.lanes
    }

    /// Its members.
    #[must_use]
    pub const fn members(&self) -> &BTreeMap<ConsumerId, Member> {
        &self.members
    }

    /// Replaces a lane by what an engine holds of it.
    pub fn set_lane(&mut self, lane: LaneId, state: Lane) {
        if let Some(held) = self.lanes.get_mut(usize::from(lane)) {
            *held = state;
        }
    }

    /// Replaces a member by what an engine holds of it.
    pub fn set_member(&mut self, consumer: ConsumerId, state: Option<Member>) {
        match state {
            Some(state) => self.members.insert(consumer, state),
            None => self.members.remove(&consumer),
        };
    }

    /// Up to which event everything is settled or not wanted.
    #[must_use]
    pub fn floor(&self) -> u64 {
        let lane =
            |lane: &Lane| lane.waiting.keys().next().map_or(lane.cursor, |first| lane.cursor.min(first - 1));
        let held = self.members.values().flat_map(|member| member.held.values());
        let held = held.filter_map(|spans| Some(spans.first()? - 1));
        self.lanes.iter().map(lane).chain(held).min().unwrap_or(0)
    }

    /// How many events have been delivered and are not settled, those that wait to be delivered again included.
    #[must_use]
    pub fn pending(&self) -> u64 {
        let held = self.members.values().flat_map(|member| member.held.values()).map(Spans::len);
        held.sum::<u64>() + self.lanes.iter().map(|lane| lane.waiting.len() as u64).sum::<u64>()
    }

    /// Since when the event is held that has been held for longest.
    #[must_use]
    pub fn oldest(&self) -> Option<u64> {
        let spans = self.members.values().flat_map(|member| member.held.values());
        spans.flat_map(|spans| spans.runs().map(|(_, _, held)| held.since)).min()
    }

    /// The members whose time is over at `now`.
    pub fn overdue(&self, now: u64) -> impl Iterator<Item = ConsumerId> {
        self.members.iter().filter(move |(_, member)| member.until <= now).map(|(id, _)| *id)
    }

    /// Which parts a request of `consumer` reads and writes.
    #[must_use]
    pub fn touches(&self, consumer: ConsumerId, request: &Request) -> Vec<Part> {
        let me = Part::Member(consumer);
        let lanes: Vec<LaneId> = match request {
            Request::Join { .. } => Vec::new(),
            Request::Take(lanes) => lanes.iter().map(|taking| taking.lane).collect(),
            Request::Settle { parts, .. } => {
                parts.iter().filter(|part| part.returns()).map(|part| part.lane).collect()
            }
            Request::Claim(lane) | Request::Release(lane) => vec![*lane],
            Request::Leave => return self.of_member(consumer),
            Request::Evict(other) => return self.of_member(*other),
        };
        lanes.into_iter().map(Part::Lane).chain([me]).collect()
    }

    fn of_member(&self, consumer: ConsumerId) -> Vec<Part> {
        let held = self.members.get(&consumer).map(|member| member.held.keys().copied());
        let owned = (0..).zip(&self.lanes).filter(|(_, lane)| lane.owner == Some(consumer)).map(|(id, _)| id);
        let mut parts: Vec<Part> = held.into_iter().flatten().chain(owned).map(Part::Lane).collect();
        parts.push(Part::Member(consumer));
        parts.sort_unstable();
        parts.dedup();
        parts
    }

    /// Does what `consumer` asks for, or nothing of it.
    pub fn apply(&mut self, consumer: ConsumerId, request: &Request, now: u64) -> Answer {
        if let Request::Join { until } = request {
            self.members.entry(consumer).or_default().until = *until;
            return Answer::Done;
        }
        if !self.members.contains_key(&consumer) {
            return Answer::Fenced;
        }
        match request {
            Request::Join { .. } => Answer::Done,
            Request::Take(lanes) => self.take(consumer, lanes, now),
            Request::Settle { parts, whole } => self.settle(consumer, parts, *whole, now),
            Request::Claim(lane) => self.claim(consumer, *lane),
            Request::Release(lane) => self.release(consumer, *lane, now),
            Request::Leave => self.leave(consumer, now),
            Request::Evict(other) => match self.members.get(other) {
                Some(member) if member.until <= now => self.leave(*other, now),
                _ => Answer::Done, // it lives, or others were faster
            },
        }
    }

    /// The lane, if `consumer` may take from it.
    fn lane(&mut self, consumer: ConsumerId, lane: LaneId) -> Option<&mut Lane> {
        let owned = self.owned;
        let lane = self.lanes.get_mut(usize::from(lane))?;
        (!owned || lane.owner == Some(consumer)).then_some(lane)
    }

    fn take(&mut self, consumer: ConsumerId, lanes: &[Taking], now: u64) -> Answer {
        let mut moved = Vec::new();
        for Taking { lane: id, from, again, .. } in lanes {
            let Some(lane) = self.lane(consumer, *id) else { return Answer::Fenced };
            let due = |seq: &u64| lane.waiting.get(seq).is_some_and(|waiting| waiting.due <= now);
            if lane.cursor != *from || !again.iter().all(due) {
                moved.push((*id, lane.cursor));
            }
        }
        if !moved.is_empty() {
            return Answer::Moved(moved);
        }
        for taking in lanes {
            self.take_from(consumer, taking, now);
        }
        Answer::Done
    }

    fn take_from(&mut self, consumer: ConsumerId, taking: &Taking, now: u64) {
        let (Some(lane), Some(member)) =
            (self.lanes.get_mut(usize::from(taking.lane)), self.members.get_mut(&consumer))
        else {
            return;
        };
        lane.cursor = taking.to.max(taking.from);
        let mut held = member.held.remove(&taking.lane).unwrap_or_default();
        for (first, last) in &taking.fresh {
            held.insert(*first, *last, Held { count: 1, since: now });
        }
        for seq in &taking.again {
            if let Some(waiting) = lane.waiting.remove(seq) {
                held.insert(*seq, *seq, Held { count: waiting.count + 1, since: now });
            }
        }
        if !held.is_empty() {
            member.held.insert(taking.lane, held);
        }
    }

    fn settle(&mut self, consumer: ConsumerId, parts: &[Settling], whole: bool, now: u64) -> Answer {
        let Some(member) = self.members.get(&consumer) else { return Answer::Fenced };
        if whole {
            let lost = lost(member, parts);
            if !lost.is_empty() {
                return Answer::Lost(lost);
            }
        }
        let mut lost = Vec::new();
        for part in parts {
            self.settle_part(consumer, part, now, &mut lost);
        }
        if lost.is_empty() { Answer::Done } else { Answer::Lost(lost) }
    }

    fn settle_part(&mut self, consumer: ConsumerId, part: &Settling, now: u64, lost: &mut Vec<Place>) {
        let (Some(lane), Some(member)) =
            (self.lanes.get_mut(usize::from(part.lane)), self.members.get_mut(&consumer))
        else {
            return;
        };
        let mut held = member.held.remove(&part.lane).unwrap_or_default();
        for seq in numbers(&part.done) {
            if held.remove(seq).is_none() {
                lost.push((part.lane, seq));
            }
        }
        let back = part.back.iter().map(|(seq, due)| (*seq, *due, 0));
        // What nobody has seen was not delivered.
        for (seq, due, uncounted) in back.chain(numbers(&part.unread).map(|seq| (seq, now, 1))) {
            match held.remove(seq) {
                Some(was) => {
                    let count = was.count.saturating_sub(uncounted);
                    lane.waiting.insert(seq, Waiting { count, due });
                }
                None => lost.push((part.lane, seq)),
            }
        }
        if !held.is_empty() {
            member.held.insert(part.lane, held);
        }
    }

    fn claim(&mut self, consumer: ConsumerId, id: LaneId) -> Answer {
        let Some(lane) = self.lanes.get_mut(usize::from(id)) else { return Answer::Fenced };
        match lane.owner {
            Some(owner) if owner != consumer && self.members.contains_key(&owner) => Answer::Fenced,
            _ => {
                lane.owner = Some(consumer);
                Answer::Done
            }
        }
    }

    fn release(&mut self, consumer: ConsumerId, id: LaneId, now: u64) -> Answer {
        let Some(lane) = self.lane(consumer, id) else { return Answer::Fenced };
        lane.owner = None;
        let held = self.members.get_mut(&consumer).and_then(|member| member.held.remove(&id));
        self.put_back(id, held.as_ref(), now);
        Answer::Done
    }

    fn leave(&mut self, consumer: ConsumerId, now: u64) -> Answer {
        let member = self.members.remove(&consumer).unwrap_or_default();
        for (id, spans) in &member.held {
            self.put_back(*id, Some(spans), now);
        }
        for lane in self.lanes.iter_mut().filter(|lane| lane.owner == Some(consumer)) {
            lane.owner = None;
        }
        Answer::Done
    }

    fn put_back(&mut self, id: LaneId, spans: Option<&Spans>, due: u64) {
        let Some(lane) = self.lanes.get_mut(usize::from(id)) else { return };
        for (seq, held) in spans.into_iter().flat_map(Spans::iter) {
            lane.waiting.insert(seq, Waiting { count: held.count, due });
        }
    }
}

/// Which events of these a member does not hold.
fn lost(member: &Member, parts: &[Settling]) -> Vec<Place> {
    let seqs = |part: &Settling| {
        let back = part.back.iter().map(|(seq, _)| *seq);
        numbers(&part.done).chain(back).chain(numbers(&part.unread)).collect::<Vec<u64>>()
    };
    let holds = |lane, seq| member.held.get(&lane).is_some_and(|spans| spans.get(seq).is_some());
    let places = parts.iter().flat_map(|part| seqs(part).into_iter().map(|seq| (part.lane, seq)));
    places.filter(|(lane, seq)| !holds(*lane, *seq)).collect()
}

fn numbers(runs: &[Run]) -> impl Iterator<Item = u64> {
    runs.iter().flat_map(|(first, last)| *first..=*last)
}

#[cfg(test)]
#[path = "group_tests.rs"]
mod tests;
