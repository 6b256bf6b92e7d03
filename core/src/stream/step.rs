//! Steps: writes to maps and events for streams of one scope, all done or none; an event may be acknowledged with it.

use std::sync::Arc;

use super::desk::{Desk, too_late};
use super::publish::{Message, refused};
use super::{Shared, Stream};
use crate::engine::stream::{Home, Outcome, Settlement, Step};
use crate::error::{Error, ErrorKind, Result};
use crate::map::{Part, TxnBuilder};
use crate::model::group::{Answer, Place, Request, Settling};
use crate::model::log::{Publish, Refusal};
use crate::model::record::EventId;
use crate::retry::Attempts;
use crate::rt::Pass;
use crate::time::{self, Instant};

/// What is to be done in one step to maps and streams of one scope; nothing happens before it is used.
///
/// Objects of one scope are opened by [`Ponos::scope`](crate::Ponos::scope); an object that is opened by its name alone
/// has a scope of its own.
#[derive(Debug, Default)]
#[must_use = "a step does nothing before it is committed, or an event is acknowledged with it"]
pub struct StepBuilder {
    home: Option<Home>,
    maps: Vec<Part>,
    streams: Vec<(Arc<Shared>, Publish)>,
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
                let twice = self.maps.iter().any(|other| other.id() == part.id());
                self.check(part.home(), twice, &part.id().name);
                self.maps.push(part);
            }
            Err(error) => self.refuse(error),
        }
        self
    }

    /// Publishes events to a stream. Once for each stream.
    pub fn publish(mut self, stream: &Stream, messages: impl IntoIterator<Item = Message>) -> Self {
        let shared = &stream.shared;
        let twice = self.streams.iter().any(|(other, _)| other.id == shared.id);
        self.check(shared.home(), twice, &shared.id.name);
        match stream.items(&messages.into_iter().collect::<Vec<_>>()) {
            Ok(items) => self.streams.push((shared.clone(), Publish { items, ..Publish::default() })),
            Err(error) => self.refuse(error),
        }
        self
    }

    /// Does it.
    ///
    /// *Errors*: `Invalid` if it is empty or a part is bad; `Conflict` if a condition does not hold: nothing has changed
    /// then; else as those of its parts. *Consistency*: when it returns, the maps show it here, and nobody ever sees a
    /// part of it alone at the engine. *Cost*: one round trip.
    ///
    /// ```
    /// # let runtime = tokio::runtime::Runtime::new()?;
    /// # runtime.block_on(async {
    /// use ponos::stream::{Message, StepBuilder};
    /// let shop = ponos::Ponos::open("memory://").await?.scope("shop");
    /// let (stock, events) = (shop.map("stock").await?, shop.stream("events").await?);
    /// let step = StepBuilder::new().map(stock.txn().incr("pen", -1));
    /// step.publish(&events, [Message::new("sold", "pen")]).commit().await?;
    /// assert_eq!(stock.get("pen").as_deref(), Some(&b"-1"[..]));
    /// # Ok::<(), ponos::Error>(()) })?; Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn commit(mut self) -> Result<()> {
        let done = async {
            let home = self.home.clone().ok_or_else(|| Error::invalid("the step is empty"))?;
            match self.wrong.take() {
                Some(wrong) => Err(wrong),
                None => self.insist(&home, None).await,
            }
        };
        done.await.map_err(|error| error.at("step.commit", ""))
    }

    fn check(&mut self, home: Home, twice: bool, name: &str) {
        let first = self.home.get_or_insert_with(|| home.clone());
        let (ours, theirs) = (first.scope.clone(), home.scope);
        if ours != theirs {
            let message = format!(
                "a step stays in one scope: {name:?} is in {theirs:?}, not in {ours:?}; open both with client.scope()"
            );
            self.refuse(Error::invalid(message));
        } else if !Arc::ptr_eq(&first.engine, &home.engine) {
            self.refuse(Error::invalid(format!("a step stays in one client: {name:?} is another's")));
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
        self.check(shared.home(), false, &shared.id.name);
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
        let done = self.insist(&shared.home(), Some(settlement)).await;
        match &done {
            Ok(()) => desk.settled(number, place),
            Err(error) if error.kind() == ErrorKind::Fenced => {}
            // It may come to be answered otherwise; if the step was done after all, the group will say so then.
            Err(_) => desk.unreserve(number, place),
        }
        done
    }

    /// Keeps what has a part in the step open until it is done; what is closed would never show it.
    fn enter(&self) -> Result<Vec<Pass>> {
        let maps = self.maps.iter().map(Part::enter);
        maps.chain(self.streams.iter().map(|(shared, _)| shared.enter())).collect()
    }

    /// Has the step done, once.
    async fn insist(&self, home: &Home, settle: Option<Settlement>) -> Result<()> {
        let _passes = self.enter()?;
        let before: Vec<EventId> =
            self.streams.iter().map(|(shared, _)| shared.follower.known().last).collect();
        let deadline = time::now() + home.timeout;
        let mut attempts = Attempts::until(deadline);
        loop {
            let step = self.step(home, settle.clone(), attempts.repeats.then_some(&before));
            if let Some(outcome) = attempts.make("the step", home.engine.step(step)).await? {
                return self.outcome(outcome, attempts.repeats && settle.is_some(), deadline).await;
            }
        }
    }

    /// The step as the engine gets it; for a retry, with the last events before the first attempt.
    fn step(&self, home: &Home, settle: Option<Settlement>, retry: Option<&Vec<EventId>>) -> Step {
        let maps = self.maps.iter().map(|part| part.request(retry.is_some())).collect();
        let publish = |(at, (shared, request)): (usize, &(Arc<Shared>, Publish))| {
            let retry_after = retry.and_then(|before| before.get(at)).copied();
            (shared.id.clone(), Publish { retry_after, ..request.clone() }, shared.options.retention)
        };
        let publishes = self.streams.iter().enumerate().map(publish).collect();
        Step { scope: home.scope.clone(), settle, maps, publishes }
    }

    async fn outcome(&self, outcome: Outcome, tried: bool, deadline: Instant) -> Result<()> {
        match outcome {
            Outcome::Done { maps, .. } => {
                for (part, verdict) in self.maps.iter().zip(maps) {
                    part.shown(verdict, deadline).await?;
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
