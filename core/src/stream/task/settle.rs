//! Sending answers: those of the program, and "it is to come again" for events whose time is over.

use std::collections::BTreeMap;

use super::{Task, Turn};
use crate::engine::stream::{Outcome, Settlement, Step, StreamId};
use crate::error::{Error, Result};
use crate::model::consumer::{self, Handed};
use crate::model::group::{Answer, LaneId, Place, Request, Run, Settling};
use crate::model::hash;
use crate::model::log::{Item, Publish, Retention};
use crate::model::record::{Draft, Record};
use crate::model::settings::Order;
use crate::stream::desk::{Ask, Fate, too_late};
use crate::stream::event::Event;
use crate::time;

/// Why an event is given up that was delivered as often as it may be.
pub(super) const WORN_OUT: &str = "max_deliver";

impl Task {
    /// Sends all answers that there are.
    pub(super) async fn settle(&mut self) -> Result<Turn> {
        let asks = self.asks();
        if asks.is_empty() {
            return Ok(Turn::Idle);
        }
        let (dead, mut others): (Vec<_>, Vec<_>) =
            asks.into_iter().partition(|ask| matches!(ask.fate, Fate::Dead(_)));
        let mut dead = dead.into_iter();
        while let Some(ask) = dead.next() {
            match self.bury(&ask).await {
                Ok(Turn::Fenced) => {
                    ask.tell(Err(too_late()));
                    others.extend(dead);
                    others.into_iter().for_each(|ask| ask.tell(Err(too_late())));
                    return Ok(Turn::Fenced);
                }
                Ok(_) => ask.tell(Ok(())),
                Err(error) => {
                    others.insert(0, ask);
                    others.extend(dead);
                    self.desk.keep_asks(others);
                    return Err(error);
                }
            }
        }
        self.send(others).await
    }

    /// The program's answers, and those that time has given. What was delivered often enough is given up.
    fn asks(&self) -> Vec<Ask> {
        let mut asks = self.desk.take_asks();
        let expired = self.desk.expired();
        if !expired.is_empty() {
            tracing::debug!(group = self.group, events = expired.len(), "unanswered within ack_wait");
            asks.push(Ask { events: expired, fate: Fate::Back(None), told: None });
        }
        let most = self.settings.max_deliver;
        if most == 0 {
            return asks;
        }
        let worn_out = |ask: &mut Ask| {
            let comes_again = matches!(ask.fate, Fate::Back(_));
            let worn = ask.events.extract_if(.., |event| comes_again && event.count >= most);
            let fate = Fate::Dead(WORN_OUT.to_owned());
            let events: Vec<Handed> = worn.collect();
            // Who gave the event back learns that it is dealt with.
            let told = if ask.events.is_empty() { ask.told.take() } else { None };
            (!events.is_empty()).then_some(Ask { events, fate, told })
        };
        let dead: Vec<Ask> = asks.iter_mut().filter_map(worn_out).collect();
        asks.retain(|ask| !ask.events.is_empty() || ask.told.is_some());
        asks.extend(dead);
        asks
    }

    /// Sends answers of which none gives an event up.
    async fn send(&mut self, asks: Vec<Ask>) -> Result<Turn> {
        let now = self.shared.engine.now();
        let mut parts = BTreeMap::<LaneId, Parts>::new();
        for ask in &asks {
            for Handed { place: (lane, seq), count } in ask.events.iter().copied() {
                let part = parts.entry(lane).or_default();
                match ask.fate {
                    Fate::Back(after) => {
                        let pause = || consumer::due(&self.settings.backoff, count, now);
                        part.back.push((seq, after.map_or_else(pause, |after| now.saturating_add(after))));
                    }
                    Fate::Done | Fate::Dead(_) => part.done.push(seq),
                }
            }
        }
        let parts = parts.into_iter().map(|(lane, part)| part.settling(lane)).collect();
        let answer = match self.apply(Request::Settle { parts, whole: false }).await {
            Ok(answer) => answer,
            Err(error) => {
                self.desk.keep_asks(asks);
                return Err(error);
            }
        };
        match answer {
            Answer::Fenced => {
                asks.into_iter().for_each(|ask| ask.tell(Err(too_late())));
                return Ok(Turn::Fenced);
            }
            // While it is a member nobody else takes what it holds: what is not there, an earlier attempt has settled.
            Answer::Lost(_) | Answer::Done | Answer::Moved(_) => {}
        }
        self.forget(&asks);
        asks.into_iter().for_each(|ask| ask.tell(Ok(())));
        Ok(Turn::Worked)
    }

    /// The group has these answers.
    fn forget(&mut self, asks: &[Ask]) {
        let (ordered, order) = (self.settings.lanes().is_some(), self.settings.order);
        self.desk.with(|held| {
            for ask in asks {
                for Handed { place, .. } in &ask.events {
                    match (&ask.fate, held.events.remove(place)) {
                        // Others of its key wait for it.
                        (Fate::Back(_), Some(event)) if ordered => {
                            held.consumer.returned(*place, Some(key(&event, order)));
                        }
                        _ => drop(held.consumer.settled(*place)),
                    }
                }
            }
        });
    }

    /// Gives events up: they go to the dead letter, and the group is done with them, in one step.
    async fn bury(&mut self, ask: &Ask) -> Result<Turn> {
        let Fate::Dead(reason) = &ask.fate else { return Ok(Turn::Worked) };
        for handed in &ask.events {
            let event = self.desk.with(|held| held.events.get(&handed.place).cloned());
            let Some(event) = event else { continue };
            tracing::warn!(group = self.group, id = %event.id(), reason, "an event is given up");
            let step = self.burial(handed.place, &event, handed.count, reason);
            let burying = self.shared.engine.step(step);
            match time::within(self.shared.deadline(), "the dead letter", burying).await? {
                // Not there: an earlier attempt has done it.
                Outcome::Done { .. } | Outcome::GroupRefuses(Answer::Lost(_)) => {}
                Outcome::GroupRefuses(_) => return Ok(Turn::Fenced),
                Outcome::StreamRefuses(refusal) => return Err(crate::stream::publish::refused(refusal)),
                Outcome::Unmatched | Outcome::MapRefuses(_) | Outcome::Unknown => {
                    return Err(Error::internal("an engine refuses what was not asked of it"));
                }
            }
            self.desk.with(|held| {
                held.events.remove(&handed.place);
                held.consumer.settled(handed.place);
            });
        }
        Ok(Turn::Worked)
    }

    fn burial(&self, place: Place, event: &Event, count: u32, reason: &str) -> Step {
        let part = Settling { lane: place.0, done: vec![(place.1, place.1)], ..Settling::default() };
        let settle = Settlement {
            stream: self.shared.id.name.clone(),
            group: self.group.clone(),
            consumer: self.membership.consumer(),
            request: Request::Settle { parts: vec![part], whole: true },
        };
        let mut publishes = Vec::new();
        if !self.settings.dead_letter.is_empty() {
            let about = [
                ("ponos-reason", reason.to_owned()),
                ("ponos-stream", self.shared.id.name.clone()),
                ("ponos-group", self.group.clone()),
                ("ponos-id", event.id().to_string()),
                ("ponos-deliveries", count.to_string()),
            ];
            let headers = event.headers().map(|(name, value)| (name.to_owned(), value));
            let about = about.into_iter().map(|(name, value)| (name.to_owned(), value.into_bytes().into()));
            let headers: Vec<_> = headers.chain(about).collect();
            let draft = Draft {
                id: self.shared.next_ids(1),
                topic: event.topic(),
                key: event.key().unwrap_or_default(),
                headers: &headers,
                payload: &event.payload(),
            };
            let item = Item { record: Record::pack(draft), dedup: "".into(), delay: 0 };
            let id = StreamId { name: self.settings.dead_letter.clone(), ..self.shared.id.clone() };
            let request = Publish { items: [item].into(), ..Publish::default() };
            publishes.push((id, request, Retention::default()));
        }
        Step { scope: self.shared.id.scope.clone(), settle: Some(settle), maps: Vec::new(), publishes }
    }

    /// Gives back what nobody has seen.
    pub(super) async fn give_back_unread(&self) -> Result<()> {
        let lanes: Vec<LaneId> = self.lanes.keys().copied().collect();
        let unread = |lane| {
            let seqs = self.desk.with(|held| held.consumer.unread(lane).collect());
            Settling { lane, unread: runs(seqs), ..Settling::default() }
        };
        let parts: Vec<Settling> = lanes.into_iter().map(unread).filter(Settling::returns).collect();
        if !parts.is_empty() {
            self.apply(Request::Settle { parts, whole: false }).await?;
        }
        Ok(())
    }
}

/// What is settled of one lane, as it was handed in.
#[derive(Default)]
struct Parts {
    done: Vec<u64>,
    back: Vec<(u64, u64)>,
}

impl Parts {
    fn settling(self, lane: LaneId) -> Settling {
        Settling { lane, done: runs(self.done), back: self.back, unread: Vec::new() }
    }
}

/// What must not be overtaken in a group with order: the hash of an event's key, where those without a key have one in
/// common; with total order all events have.
pub(super) fn key(event: &Event, order: Order) -> u64 {
    let key = if order == Order::Total { "" } else { event.key().unwrap_or_default() };
    hash::stable(key.as_bytes())
}

/// Numbers as runs.
pub(super) fn runs(mut seqs: Vec<u64>) -> Vec<Run> {
    seqs.sort_unstable();
    let mut runs: Vec<Run> = Vec::new();
    for seq in seqs {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == seq => *last = seq,
            _ => runs.push((seq, seq)),
        }
    }
    runs
}
