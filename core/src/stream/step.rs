//! Steps: writes to maps and events for streams of one scope, all done or none; an event may be acknowledged with it.

use std::time::Duration;

use super::desk::{Desk, too_late};
use super::publish::{Message, refused};
use super::{Shared, Stream};
use crate::engine::stream::{Outcome, Settlement, Step, StreamId};
use crate::error::{Error, ErrorKind, Result};
use crate::map::{Part, TxnBuilder};
use crate::model::group::{Answer, Place, Request, Settling};
use crate::model::log::{Publish, Refusal, Retention};
use crate::time;

/// How long a step waits before it is tried again while the engine is coming back.
const RETRY: Duration = Duration::from_millis(20);

/// What is to be done in one step to maps and streams of one scope; nothing happens before it is used.
///
/// Objects of one scope are opened by [`Ponos::scope`](crate::Ponos::scope); an object that is opened by its name alone
/// has a scope of its own.
#[derive(Debug, Default)]
#[must_use = "a step does nothing before it is committed, or an event is acknowledged with it"]
pub struct StepBuilder {
    scope: Option<String>,
    maps: Vec<Part>,
    publishes: Vec<(StreamId, Publish, Retention)>,
    wrong: Option<Error>,
}

impl StepBuilder {
    /// An empty step.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes to a map what a transaction says; all its conditions are conditions of the step. Once for each map.
    pub fn map(mut self, txn: TxnBuilder) -> Self {
        match txn.part() {
            Ok(part) => {
                let (id, _) = part.request(false);
                let twice = self.maps.iter().any(|other| other.request(false).0 == id);
                self.check(&id.scope, twice, &id.name);
                self.maps.push(part);
            }
            Err(error) => self.refuse(error),
        }
        self
    }

    /// Publishes events to a stream. Once for each stream.
    pub fn publish(mut self, stream: &Stream, messages: impl IntoIterator<Item = Message>) -> Self {
        let id = &stream.shared.id;
        let twice = self.publishes.iter().any(|(other, ..)| other == id);
        self.check(&id.scope, twice, &id.name);
        let items = messages.into_iter().map(|message| stream.item(message)).collect::<Result<Vec<_>>>();
        match items {
            Ok(items) => {
                let request = Publish { items, ..Publish::default() };
                self.publishes.push((id.clone(), request, stream.shared.options.retention));
            }
            Err(error) => self.refuse(error),
        }
        self
    }

    fn check(&mut self, scope: &str, twice: bool, name: &str) {
        let first = self.scope.get_or_insert_with(|| scope.to_owned());
        if first != scope {
            let message = format!(
                "a step stays in one scope: {name:?} is in {scope:?}, not in {first:?}; open both with client.scope()"
            );
            self.refuse(Error::invalid(message));
        } else if twice {
            self.refuse(Error::invalid(format!("{name:?} is in the step twice: put both parts into one")));
        }
    }

    fn refuse(&mut self, error: Error) {
        self.wrong.get_or_insert(error);
    }

    /// Acknowledges an event with the step.
    pub(super) async fn settle(
        mut self,
        shared: &Shared,
        desk: &Desk,
        group: &str,
        membership: (u64, u64),
        place: Place,
    ) -> Result<()> {
        self.check(&shared.id.scope, false, "the step");
        let (number, consumer) = membership;
        if let Some(wrong) = self.wrong {
            return Err(wrong);
        }
        desk.reserve(number, place)?;
        let part = Settling { lane: place.0, done: vec![(place.1, place.1)], ..Settling::default() };
        let settlement = Settlement {
            stream: shared.id.name.clone(),
            group: group.to_owned(),
            consumer,
            request: Request::Settle { parts: vec![part], whole: true },
        };
        let done = self.insist(shared, Some(settlement)).await;
        match &done {
            Ok(()) => desk.settled(number, place),
            Err(error) if error.kind() == ErrorKind::Fenced => {}
            // It may come to be answered otherwise; if the step was done after all, the group will say so then.
            Err(_) => desk.unreserve(number, place),
        }
        done
    }

    /// Has the step done, once.
    async fn insist(&self, shared: &Shared, settle: Option<Settlement>) -> Result<()> {
        let deadline = shared.deadline();
        let mut retry = false;
        loop {
            let step = self.step(shared, settle.clone(), retry);
            let error = match time::within(deadline, "the step", shared.engine.step(step)).await {
                Ok(outcome) => return self.outcome(outcome, retry && settle.is_some()).await,
                Err(error) => error,
            };
            if error.kind() == ErrorKind::Timeout {
                return Err(error.with_maybe_applied(true));
            }
            retry |= error.maybe_applied();
            if error.kind() != ErrorKind::Unavailable || !retry || time::now() + RETRY >= deadline {
                return Err(error.with_maybe_applied(retry));
            }
            time::sleep(time::jitter(RETRY)).await;
        }
    }

    fn step(&self, shared: &Shared, settle: Option<Settlement>, retry: bool) -> Step {
        let maps = self.maps.iter().map(|part| part.request(retry)).collect();
        Step { scope: shared.id.scope.clone(), settle, maps, publishes: self.publishes.clone() }
    }

    async fn outcome(&self, outcome: Outcome, tried: bool) -> Result<()> {
        match outcome {
            Outcome::Done { maps, .. } => {
                for (part, verdict) in self.maps.iter().zip(maps) {
                    part.shown(verdict).await;
                }
                Ok(())
            }
            // The event is settled, and nobody but us could: an attempt whose answer was lost has done it all.
            Outcome::GroupRefuses(Answer::Lost(_)) if tried => Ok(()),
            Outcome::GroupRefuses(_) => Err(too_late()),
            Outcome::Unmatched => Err(Error::conflict("a condition of the step does not hold")),
            Outcome::MapRefuses(refusal) => {
                let part = self.maps.first().map(|part| part.refused(refusal));
                Err(part.unwrap_or_else(|| Error::internal("an engine refuses what was not asked of it")))
            }
            Outcome::StreamRefuses(refusal) => Err(refused(refusal)),
            Outcome::Unknown => Err(refused(Refusal::Unknown)),
        }
    }
}
