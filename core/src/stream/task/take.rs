//! Taking events: those that wait and are due, then new ones of the log.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::settle::{key, runs};
use super::{Task, Turn};
use crate::error::Result;
use crate::model::consumer::Handed;
use crate::model::cursor::{Cursor, Gap, Step};
use crate::model::group::{Answer, LaneId, Place, Request, Run, Settling, Taking};
use crate::model::hash;
use crate::model::record::{Batch, EventId, Record};
use crate::model::settings::Order;
use crate::stream::desk::{Ask, Fate};
use crate::stream::event::{Event, Item};
use crate::time;

/// How many events are read from the engine in one step.
const PAGE: usize = 500;

/// What of the log has been read and not gone through by all lanes.
#[derive(Debug, Default)]
pub(super) struct Scan {
    batches: VecDeque<Arc<Batch>>,
    /// The first event that was there when something was found to be gone.
    first: u64,
}

/// What a turn will take, with the events themselves.
#[derive(Default)]
pub(super) struct Haul {
    lanes: BTreeMap<LaneId, Taking>,
    pub(super) events: Vec<(Place, u32, Event)>,
    /// New events that are taken before they are read.
    pub(super) unread: Option<Run>,
    /// Events that are taken and gone from the log.
    gone: Vec<Place>,
    gaps: Vec<Gap>,
}

impl Haul {
    /// Events that cannot be had any more.
    fn gap(&mut self, generation: u64, (first, last): Run) {
        let id = |seq| EventId { generation, seq };
        self.gaps.push(Gap { first_missing: id(first), next: id(last + 1), count: last - first + 1 });
    }
}

impl Task {
    /// Takes as many events as there is room for.
    pub(super) async fn take(&mut self) -> Result<Turn> {
        let room = self.desk.with(|held| held.consumer.wants());
        // With order, what lies ready may all wait for one that came back: that one must always find room.
        let room_again = if self.settings.lanes().is_some() { PAGE } else { room };
        let mut haul = Haul::default();
        self.gather_waiting(room_again, &mut haul).await?;
        let left = room.saturating_sub(haul.events.len());
        self.gather_fresh(left, &mut haul).await?;
        let lanes: Vec<Taking> = haul.lanes.values().filter(|taking| taking.is_some()).cloned().collect();
        if lanes.is_empty() {
            return Ok(Turn::Idle);
        }
        if self.is_at_hand(&haul) && self.has_no_rival() {
            return self.take_at_once(lanes, haul).await;
        }
        let answer = self.apply(Request::Take(lanes)).await?;
        self.taken(answer, haul).await
    }

    /// Goes on with what the group says of a haul.
    pub(super) async fn taken(&mut self, answer: Answer, mut haul: Haul) -> Result<Turn> {
        match answer {
            Answer::Done => {
                self.read_taken(&mut haul).await?;
                let gone = self.land(haul);
                self.pass_over(gone).await
            }
            Answer::Moved(lanes) => {
                for (lane, cursor) in lanes {
                    let known = self.lanes.entry(lane).or_default();
                    // The same cursor: what was waiting has gone.
                    self.look |= known.cursor == cursor;
                    known.cursor = cursor;
                }
                Ok(Turn::Worked)
            }
            Answer::Fenced | Answer::Lost(_) => Ok(Turn::Fenced),
        }
    }

    /// The events of a haul are this consumer's; gives those that are gone from the log.
    pub(super) fn land(&mut self, haul: Haul) -> Vec<Place> {
        for taking in haul.lanes.into_values() {
            let lane = self.lanes.entry(taking.lane).or_default();
            lane.cursor = taking.to;
            lane.waiting.retain(|seq, _| !taking.again.contains(seq));
        }
        let (ordered, order) = (self.settings.lanes().is_some(), self.settings.order);
        let (most, mut worn_out) = (self.settings.max_deliver, Vec::new());
        self.desk.with(|held| {
            held.news.extend(haul.gaps.into_iter().map(Item::Gap));
            for place in &haul.gone {
                held.consumer.settled(*place);
            }
            for (place, count, event) in haul.events {
                let key = ordered.then(|| key(&event, order));
                held.events.insert(place, event);
                if most > 0 && count > most {
                    // Its last consumer died with it: it was delivered as often as it may be.
                    held.consumer.returned(place, key);
                    worn_out.push(Handed { place, count: count - 1 });
                } else {
                    held.consumer.taken(place, count, key);
                }
            }
        });
        if !worn_out.is_empty() {
            let fate = Fate::Dead(super::settle::WORN_OUT.to_owned());
            self.desk.keep_asks(vec![Ask { events: worn_out, fate, told: None }]);
        }
        haul.gone
    }

    /// Has the group be done with events that are gone from the log.
    pub(super) async fn pass_over(&self, gone: Vec<Place>) -> Result<Turn> {
        let mut done = BTreeMap::<LaneId, Vec<u64>>::new();
        gone.into_iter().for_each(|(lane, seq)| done.entry(lane).or_default().push(seq));
        if !done.is_empty() {
            let part = |(lane, seqs)| Settling { lane, done: runs(seqs), ..Settling::default() };
            let parts = done.into_iter().map(part).collect();
            self.apply(Request::Settle { parts, whole: false }).await?;
        }
        Ok(Turn::Worked)
    }

    async fn gather_waiting(&mut self, room: usize, haul: &mut Haul) -> Result<()> {
        let now = self.shared.engine.now();
        let due = self.lanes.iter().flat_map(|(lane, state)| {
            let due = state.waiting.iter().filter(move |(_, waiting)| waiting.due <= now);
            due.map(|(seq, waiting)| ((*lane, *seq), waiting.count))
        });
        let due: Vec<(Place, u32)> = due.take(room).collect();
        if due.is_empty() {
            return Ok(());
        }
        let found = self.look_up(due.iter().map(|(place, _)| place.1).collect()).await?;
        let generation = self.membership.generation();
        for ((lane, seq), count) in due {
            let cursor = self.lanes.get(&lane).map_or(0, |state| state.cursor);
            haul.lanes.entry(lane).or_insert_with(|| Taking::at(lane, cursor)).again.push(seq);
            let event = found.binary_search_by_key(&seq, |(seq, _)| *seq).ok().map(|at| &found[at].1);
            match event {
                Some(event) if !event.record.is_removed() => {
                    haul.events.push(((lane, seq), count + 1, event.clone()));
                }
                removed => {
                    haul.gone.push((lane, seq));
                    if removed.is_none() {
                        haul.gap(generation, (seq, seq));
                    }
                }
            }
        }
        Ok(())
    }

    /// The events of these numbers, as far as they are still in the log, in order.
    pub(super) async fn look_up(&self, seqs: Vec<u64>) -> Result<Vec<(u64, Event)>> {
        let mut found = Vec::new();
        for run in runs(seqs) {
            self.look_up_run(run, &mut found).await?;
        }
        Ok(found)
    }

    async fn look_up_run(&self, (first, last): Run, found: &mut Vec<(u64, Event)>) -> Result<()> {
        let mut from = first;
        while from <= last {
            let Some(reached) = self.look_up_some(from, last, found).await? else { break };
            from = reached + 1;
        }
        Ok(())
    }

    /// Finds some of the events from `from` to `last`; up to where, or nothing if the log ends before.
    async fn look_up_some(&self, from: u64, last: u64, found: &mut Vec<(u64, Event)>) -> Result<Option<u64>> {
        let generation = self.membership.generation();
        let mut take = |page: &Batch| {
            for (seq, record) in page.from(from).take_while(|(seq, _)| *seq <= last) {
                let id = EventId { generation, seq };
                found.push((seq, Event { id, at: page.at, record: record.clone() }));
            }
            page.last()
        };
        let cursor = Cursor::behind(EventId { generation, seq: from - 1 });
        if let Some(batch) = self.shared.follower.recent(&cursor) {
            return Ok(Some(take(&batch)));
        }
        let most = usize::try_from(last - from + 1).unwrap_or(PAGE).min(PAGE);
        let reading = self.shared.link.read(from, most);
        let pages = time::within(self.shared.deadline(), "reading", reading).await?;
        Ok(pages.iter().filter(|page| page.generation == generation).map(take).last())
    }

    async fn gather_fresh(&mut self, room: usize, haul: &mut Haul) -> Result<()> {
        let start = self.lanes.values().map(|lane| lane.cursor).min();
        let Some(start) = start.filter(|_| room > 0) else { return Ok(()) };
        let generation = self.membership.generation();
        if self.settings.topics.is_all() && self.settings.lanes().is_none() {
            self.reserve(start, room, haul);
            return Ok(());
        }
        let mut cursor = Cursor::behind(EventId { generation, seq: start });
        let mut left = room;
        while left > 0 {
            let Some(batch) = self.next_batch(&cursor).await? else { break };
            let (gap, records) = cursor.advance(&batch);
            haul.gaps.extend(gap);
            let mut reached = batch.last();
            for (seq, record) in records {
                let Some(lane) = self.wanted(seq, record) else { continue };
                if left == 0 {
                    reached = seq - 1;
                    break;
                }
                left -= 1;
                let known = self.lanes.get(&lane).map_or(0, |state| state.cursor);
                haul.lanes.entry(lane).or_insert_with(|| Taking::at(lane, known)).add(seq);
                let id = EventId { generation, seq };
                haul.events.push(((lane, seq), 1, Event { id, at: batch.at, record: record.clone() }));
            }
            cursor.at.seq = reached;
        }
        if cursor.at.seq > start {
            // Lanes that want nothing of it have gone through it as well.
            for (lane, state) in self.lanes.iter().filter(|(_, state)| state.cursor < cursor.at.seq) {
                haul.lanes.entry(*lane).or_insert_with(|| Taking::at(*lane, state.cursor)).to = cursor.at.seq;
            }
        }
        Ok(())
    }

    /// Takes the next events whatever they are, if the group wants all: then only who has them reads them.
    fn reserve(&mut self, cursor: u64, room: usize, haul: &mut Haul) {
        let last = self.known.borrow_and_update().last;
        if last.generation != self.membership.generation() {
            self.look = true;
            return;
        }
        if self.scan.first > cursor + 1 {
            let to = self.scan.first - 1;
            haul.gap(self.membership.generation(), (cursor + 1, to));
            haul.lanes.entry(0).or_insert_with(|| Taking::at(0, cursor)).to = to;
            return;
        }
        let to = last.seq.min(cursor.saturating_add(room as u64));
        if to > cursor {
            let taking = haul.lanes.entry(0).or_insert_with(|| Taking::at(0, cursor));
            taking.to = to;
            taking.fresh.push((cursor + 1, to));
            haul.unread = Some((cursor + 1, to));
        }
    }

    /// Reads the events that were taken unread.
    pub(super) async fn read_taken(&mut self, haul: &mut Haul) -> Result<()> {
        let Some((first, last)) = haul.unread else { return Ok(()) };
        let mut found = Vec::new();
        self.look_up_run((first, last), &mut found).await?;
        if found.is_empty() {
            // It is far behind: what comes next is better passed over in one step.
            let tail =
                time::within(self.shared.deadline(), "asking for the first event", self.shared.link.tail());
            self.scan.first = tail.await?.map_or(0, |tail| tail.first);
        }
        let (mut missing, mut found) = (None::<Run>, found.into_iter().peekable());
        for seq in first..=last {
            match found.next_if(|(number, _)| *number == seq).map(|(_, event)| event) {
                Some(event) if !event.record.is_removed() => haul.events.push(((0, seq), 1, event)),
                Some(_) => haul.gone.push((0, seq)),
                None => {
                    haul.gone.push((0, seq));
                    missing = Some((missing.map_or(seq, |(first, _)| first), seq));
                }
            }
        }
        if let Some(missing) = missing {
            // What is gone was trimmed, and that is done from the front.
            haul.gap(self.membership.generation(), missing);
        }
        Ok(())
    }

    /// The lane of this consumer that wants an event.
    fn wanted(&self, seq: u64, record: &Record) -> Option<LaneId> {
        let lane = lane_of(record.key(), self.settings.order);
        let state = self.lanes.get(&lane)?;
        (seq > state.cursor && self.settings.topics.matches(record.topic())).then_some(lane)
    }

    /// The batch that is next at `cursor`; `None` at the end of the log.
    async fn next_batch(&mut self, cursor: &Cursor) -> Result<Option<Arc<Batch>>> {
        let passed = self.lanes.values().map(|lane| lane.cursor).min().unwrap_or(0);
        while self.scan.batches.front().is_some_and(|batch| batch.last() <= passed) {
            self.scan.batches.pop_front();
        }
        if let Some(batch) = self.scan.next(cursor) {
            return Ok(Some(batch));
        }
        let last = self.known.borrow_and_update().last;
        if last.generation != cursor.at.generation {
            self.look = true;
            return Ok(None);
        }
        if last.seq <= cursor.at.seq {
            return Ok(None);
        }
        if let Some(batch) = self.shared.follower.recent(cursor) {
            return Ok(Some(batch));
        }
        let reading = self.shared.link.read(cursor.next(), PAGE);
        let pages = time::within(self.shared.deadline(), "reading", reading).await?;
        let pages = pages.into_iter().filter(|page| page.generation == cursor.at.generation);
        self.scan.batches = pages.map(Arc::new).collect();
        self.look |= self.scan.batches.is_empty();
        Ok(self.scan.batches.front().cloned())
    }
}

impl Scan {
    fn next(&self, cursor: &Cursor) -> Option<Arc<Batch>> {
        let at = self.batches.partition_point(|batch| cursor.step(batch) == Step::Seen);
        self.batches.get(at).filter(|batch| matches!(cursor.step(batch), Step::Next(_))).cloned()
    }
}

impl Taking {
    fn at(lane: LaneId, cursor: u64) -> Self {
        Self { lane, from: cursor, to: cursor, ..Self::default() }
    }

    /// One more event.
    fn add(&mut self, seq: u64) {
        self.to = seq;
        match self.fresh.last_mut() {
            Some((_, last)) if *last + 1 == seq => *last = seq,
            _ => self.fresh.push((seq, seq)),
        }
    }

    /// Whether it does anything.
    fn is_some(&self) -> bool {
        self.to > self.from || !self.again.is_empty()
    }
}

/// The lane that events of a key belong to.
fn lane_of(key: &str, order: Order) -> LaneId {
    match order {
        Order::None | Order::Total => 0,
        Order::ByKey(partitions) => {
            LaneId::try_from(hash::stable(key.as_bytes()) % u64::from(partitions.max(1))).unwrap_or(0)
        }
    }
}
