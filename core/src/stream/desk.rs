//! Where a sink's task and the program meet: events that are ready, and answers that are on their way to the group.
//!
//! Short work under one lock, for both sides. The program hands in an [`Ask`] for each event that it is done with, and
//! the task sends them on, as many as there are at once.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use foldhash::fast::RandomState;
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot, watch};

use super::event::{Event, Item};
use crate::engine::stream::GroupEngine;
use crate::error::{Error, ErrorKind, Result};
use crate::model::consumer::{Answered, Consumer, Handed, Rules};
use crate::model::group::{ConsumerId, Place};
use crate::time::{self, Instant};

/// What is to become of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is done.
    Done,
    /// It is to come again: after this many milliseconds, or as the group's pauses say.
    Back(Option<u64>),
    /// It is given up, and why.
    Dead(String),
}

/// An answer to some events on its way to the group.
#[derive(Debug)]
pub(super) struct Ask {
    /// Which ones.
    pub(super) events: Vec<Handed>,
    pub(super) fate: Fate,
    /// Who wants to know when it is there; nobody, if the time of the events is over.
    pub(super) told: Option<oneshot::Sender<Result<()>>>,
}

impl Ask {
    pub(super) fn tell(self, result: Result<()>) {
        if let Some(told) = self.told {
            drop(told.send(result)); // who has stopped waiting does not want to know
        }
    }
}

/// What the program gets.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) event: Event,
    pub(super) place: Place,
    pub(super) count: u32,
    pub(super) membership: u64,
    pub(super) consumer: ConsumerId,
}

/// How a sink is.
#[derive(Debug)]
enum Phase {
    Open,
    /// The program wants no more; the task is leaving the group.
    Closing,
    /// The task has ended, for this reason if it was not asked to.
    Ended(Option<Error>),
}

/// The meeting place.
#[derive(Debug)]
pub(super) struct Desk {
    state: Mutex<State>,
    /// Wakes the task.
    pub(super) kick: Notify,
    /// Wakes one who waits for an event.
    ready: Notify,
    /// Set when the task has ended.
    left: watch::Sender<bool>,
    began: Instant,
}

#[derive(Debug)]
struct State {
    consumer: Consumer,
    events: HashMap<Place, Event, RandomState>,
    news: VecDeque<Item<()>>,
    asks: Vec<Ask>,
    /// Counts memberships: an event of an earlier one is not ours any more.
    membership: u64,
    /// The membership that this is.
    member: Option<Arc<dyn GroupEngine>>,
    phase: Phase,
    rules: Rules,
}

impl Desk {
    pub(super) fn new(rules: Rules) -> Self {
        let state = State {
            consumer: Consumer::new(rules.clone()),
            events: HashMap::default(),
            news: VecDeque::new(),
            asks: Vec::new(),
            // By chance, so that what another sink of the group has handed out is not taken for ours.
            membership: time::random_u64() >> 1,
            member: None,
            phase: Phase::Open,
            rules,
        };
        let (kick, ready, left) = (Notify::new(), Notify::new(), watch::Sender::new(false));
        Self { state: Mutex::new(state), kick, ready, left, began: time::now() }
    }

    /// Milliseconds since this sink began, of a clock that never goes back.
    fn now(&self) -> u64 {
        u64::try_from((time::now() - self.began).as_millis()).unwrap_or(u64::MAX)
    }

    /// Waits for what comes next; `None` at the end. Cancel safe.
    pub(super) async fn next(&self) -> Option<Result<Item<Served>>> {
        loop {
            let ready = self.ready.notified();
            if let Some(end) = self.take_one() {
                return end;
            }
            ready.await;
        }
    }

    /// Waits until there is something to take, or the end; takes nothing. Cancel safe.
    pub(super) async fn ready(&self) {
        loop {
            let ready = self.ready.notified();
            if self.state.lock().is_ready() {
                self.ready.notify_one(); // others who wait may find more
                return;
            }
            ready.await;
        }
    }

    /// What is there now, or the end; `None` if there is nothing yet.
    #[expect(clippy::option_option, reason = "nothing yet, the end, or something")]
    pub(super) fn take_one(&self) -> Option<Option<Result<Item<Served>>>> {
        let now = self.now();
        let mut state = self.state.lock();
        if let Phase::Closing = state.phase {
            self.ready.notify_one();
            return Some(None);
        }
        let sure = state.is_sure();
        let item = state.serve(now, sure);
        let end = match (&item, &mut state.phase) {
            (None, Phase::Ended(why)) => Some(why.take()),
            _ => None,
        };
        let (more, wants) = (state.has_more(), state.wants_more());
        drop(state);
        if more || end.is_some() {
            self.ready.notify_one(); // one wakes the next
        }
        if wants {
            self.kick.notify_one();
        }
        match (item, end) {
            (Some(item), _) => Some(Some(Ok(item))),
            (None, Some(why)) => Some(why.map(Err)),
            (None, None) => None,
        }
    }

    /// More of what is there now, at most `most`.
    pub(super) fn take_more(&self, batch: &mut Vec<Item<Served>>, most: usize) {
        let now = self.now();
        let mut state = self.state.lock();
        let sure = state.is_sure();
        while batch.len() < most && matches!(state.phase, Phase::Open) {
            let Some(item) = state.serve(now, sure) else { break };
            batch.push(item);
        }
        if state.wants_more() {
            self.kick.notify_one();
        }
    }

    /// Hands in an answer to events of this membership: what is told when the group has it. If one of them cannot be
    /// answered, the others are all the same.
    pub(super) fn ask(
        &self,
        places: impl IntoIterator<Item = (u64, Place)>,
        fate: Fate,
    ) -> (oneshot::Receiver<Result<()>>, Result<()>) {
        let (told, hears) = oneshot::channel();
        let (mut events, mut refused) = (Vec::new(), Ok(()));
        let mut state = self.state.lock();
        for (membership, place) in places {
            match state.answered(membership, place) {
                Ok(count) => events.push(Handed { place, count }),
                Err(error) => refused = refused.and(Err(error)),
            }
        }
        if events.is_empty() {
            drop(told.send(Ok(())));
            return (hears, refused);
        }
        state.asks.push(Ask { events, fate, told: Some(told) });
        let first = state.asks.len() == 1;
        drop(state);
        if first {
            self.kick.notify_one();
        }
        (hears, refused)
    }

    /// Says that an event is being answered in a way of its own: how often it was delivered.
    pub(super) fn reserve(&self, membership: u64, place: Place) -> Result<u32> {
        self.state.lock().answered(membership, place)
    }

    /// An event that was reserved is settled.
    pub(super) fn settled(&self, membership: u64, place: Place) {
        let mut state = self.state.lock();
        if state.membership == membership {
            state.consumer.settled(place);
            state.events.remove(&place);
        }
        drop(state);
        self.ready.notify_one();
        self.kick.notify_one();
    }

    /// As if it had not been answered: it was not settled after all.
    pub(super) fn unreserve(&self, membership: u64, place: Place) {
        let now = self.now();
        let mut state = self.state.lock();
        if state.membership == membership {
            state.consumer.reopen(place, now);
        }
        self.kick.notify_one();
    }

    /// The program works on an event: its time begins anew.
    pub(super) fn progress(&self, membership: u64, place: Place) -> Result<()> {
        let now = self.now();
        let mut state = self.state.lock();
        let ours = state.membership == membership && state.consumer.progress(place, now);
        drop(state);
        self.kick.notify_one();
        if ours { Ok(()) } else { Err(too_late()) }
    }

    /// The program wants no more.
    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        if matches!(state.phase, Phase::Open) {
            state.phase = Phase::Closing;
        }
        drop(state);
        self.kick.notify_one();
        self.ready.notify_one();
    }

    pub(super) fn is_closing(&self) -> bool {
        matches!(self.state.lock().phase, Phase::Closing)
    }

    /// The task has ended: whoever waits hears it.
    pub(super) fn end(&self, why: Option<Error>) {
        let mut state = self.state.lock();
        state.phase = Phase::Ended(why);
        state.clear();
        let asks = std::mem::take(&mut state.asks);
        drop(state);
        asks.into_iter().for_each(|ask| ask.tell(Err(ended())));
        self.ready.notify_one();
        self.left.send_replace(true);
    }

    /// Waits until the task has ended; why, if it was not asked to or could not leave.
    pub(super) async fn ended(&self) -> Result<()> {
        crate::rt::set(&mut self.left.subscribe()).await;
        match &mut self.state.lock().phase {
            Phase::Ended(why) => why.take().map_or(Ok(()), Err),
            Phase::Open | Phase::Closing => Ok(()),
        }
    }

    /// The answers that wait; those that were handed in too late are there as well.
    pub(super) fn take_asks(&self) -> Vec<Ask> {
        std::mem::take(&mut self.state.lock().asks)
    }

    /// Answers that could not be sent yet.
    pub(super) fn keep_asks(&self, mut asks: Vec<Ask>) {
        let mut state = self.state.lock();
        asks.append(&mut state.asks);
        state.asks = asks;
    }

    /// The events whose time is over.
    pub(super) fn expired(&self) -> Vec<Handed> {
        self.state.lock().consumer.expired(self.now())
    }

    /// How long until the next event's time is over, in milliseconds.
    pub(super) fn until_expiry(&self) -> Option<u64> {
        let deadline = self.state.lock().consumer.deadline()?;
        Some(deadline.saturating_sub(self.now()))
    }

    /// Works on what is held, and wakes whoever can go on because of it.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut Held<'_>) -> T) -> T {
        let mut state = self.state.lock();
        let State { consumer, events, news, .. } = &mut *state;
        let result = work(&mut Held { consumer, events, news });
        let more = state.has_more();
        drop(state);
        if more {
            self.ready.notify_one();
        }
        result
    }

    /// The membership is confirmed: what lies ready may go out.
    pub(super) fn resume(&self) {
        if self.state.lock().has_more() {
            self.ready.notify_one();
        }
    }

    /// Begins a new membership, which holds nothing; answers on their way are too late.
    pub(super) fn begin(&self, member: Arc<dyn GroupEngine>) {
        let mut state = self.state.lock();
        state.membership += 1;
        state.member = Some(member);
        state.clear();
        let asks = std::mem::take(&mut state.asks);
        drop(state);
        asks.into_iter().for_each(|ask| ask.tell(Err(too_late())));
    }
}

/// What a sink holds, for its task.
pub(super) struct Held<'a> {
    pub(super) consumer: &'a mut Consumer,
    pub(super) events: &'a mut HashMap<Place, Event, RandomState>,
    pub(super) news: &'a mut VecDeque<Item<()>>,
}

impl State {
    /// The next of what lies ready; of events only while it is `sure` that they are not others' by now.
    fn serve(&mut self, now: u64, sure: bool) -> Option<Item<Served>> {
        match self.news.pop_front() {
            Some(Item::Gap(gap)) => return Some(Item::Gap(gap)),
            Some(Item::Deleted) => return Some(Item::Deleted),
            Some(Item::Event(())) | None => {}
        }
        let consumer = self.member.as_ref().filter(|_| sure)?.consumer();
        let Handed { place, count } = self.consumer.next(now)?;
        let event = self.events.get(&place)?.clone();
        Some(Item::Event(Served { event, place, count, membership: self.membership, consumer }))
    }

    fn is_sure(&self) -> bool {
        self.member.as_ref().is_some_and(|member| member.is_sure())
    }

    fn clear(&mut self) {
        self.consumer = Consumer::new(self.rules.clone());
        self.events.clear();
    }

    fn has_more(&self) -> bool {
        !self.news.is_empty() || (self.consumer.has_next() && self.is_sure())
    }

    fn is_ready(&self) -> bool {
        self.has_more() || !matches!(self.phase, Phase::Open)
    }

    /// Whether it is worth its while to take more.
    fn wants_more(&self) -> bool {
        self.consumer.wants() > self.rules.prefetch / 2
    }

    fn answered(&mut self, membership: u64, place: Place) -> Result<u32> {
        if matches!(self.phase, Phase::Ended(_)) {
            return Err(ended());
        }
        if self.membership != membership {
            return Err(too_late());
        }
        match self.consumer.answered(place) {
            Answered::Counts(count) => Ok(count),
            Answered::Again => Err(Error::conflict("an answer to the event is on its way already")),
            Answered::TooLate => Err(too_late()),
        }
    }
}

fn ended() -> Error {
    Error::closed("the sink is closed: the event goes to another consumer")
}

/// The error for an answer to what somebody else has by now.
pub(super) fn too_late() -> Error {
    Error::new(
        ErrorKind::Fenced,
        "the event is not this consumer's any more: it was settled, or its time was over and others get it",
    )
}
