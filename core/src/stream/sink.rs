//! Sinks: consumers of a group, which share its events; each event is answered for.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::Stream;
use super::desk::{Desk, Fate, Served};
use super::event::{Event, Item};
use super::options::{SinkOptions, millis};
use super::pull::{Pull, Pulled};
use super::shared::Shared;
use super::step::StepBuilder;
use super::task::Task;
use crate::error::{Error, ErrorKind, Result};
use crate::model::consumer::Rules;
use crate::model::group::{ConsumerId, Place};
use crate::model::name;
use crate::model::record::EventId;
use crate::model::settings::Start;
use crate::time;

/// A consumer of a group: cheap to clone, so that several tasks may take events from it.
///
/// A consumer that the engine has not heard of for five seconds is taken for dead, and others get what it holds: so long
/// out of reach of the engine, it hands out nothing until it has been heard of again.
///
/// It takes up to `prefetch` events ahead. When the last clone is dropped, what was not handed out goes to other
/// consumers at once, and what was handed out and not answered as well.
#[derive(Clone)]
pub struct Sink {
    inner: Arc<Inner>,
}

struct Inner {
    desk: Arc<Desk>,
    shared: Arc<Shared>,
    group: String,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.desk.close();
    }
}

impl std::fmt::Debug for Sink {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Sink({:?} of {:?})", self.inner.group, self.inner.shared.id.name)
    }
}

impl Stream {
    /// Becomes a consumer of the group of this name, which gets what is published from now on if it is new.
    ///
    /// *Errors*: `Invalid` for a bad name (1 to 200 bytes, no control characters or braces), or if the group is set to
    /// something else; `Closed`, `Timeout`, `Unavailable`. *Consistency*: when this has returned, a new group gets all
    /// that is published. *Cost*: two round trips.
    ///
    /// ```
    /// # let runtime = tokio::runtime::Runtime::new()?;
    /// # runtime.block_on(async {
    /// use ponos::stream::Item;
    /// let client = ponos::Ponos::open("memory://").await?;
    /// let orders = client.stream("sink").await?;
    /// let billing = orders.sink("billing").await?;
    /// orders.publish("created", "7").await?;
    /// if let Some(Item::Event(event)) = billing.next().await.transpose()? {
    ///     println!("bill {:?}", event.payload());
    ///     event.ack().await?;
    /// }
    /// billing.close().await?;
    /// # Ok::<(), ponos::Error>(()) })?; Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn sink(&self, group: &str) -> Result<Sink> {
        self.sink_with(group, SinkOptions::default()).await
    }

    /// As [`Stream::sink`], with a start in the past, filters, an order, time-outs, a dead letter or limits.
    ///
    /// *Errors*: `Invalid` for an option out of its limits.
    pub async fn sink_with(&self, group: &str, options: SinkOptions) -> Result<Sink> {
        self.open_sink(group, options).await.map_err(|error| error.at("stream.sink", self.name()))
    }

    async fn open_sink(&self, group: &str, options: SinkOptions) -> Result<Sink> {
        let _pass = self.shared.enter()?;
        name::check(group)?;
        let settings = options.settings()?;
        if !settings.dead_letter.is_empty() {
            name::check(&settings.dead_letter)?;
        }
        let SinkOptions { max_in_flight, prefetch, mut from, .. } = options;
        if from == Start::Behind(EventId::default()) {
            from = Start::First; // the position of a reader that was there before the stream
        }
        if self.shared.listen().await? {
            self.shared.ask().await?;
        }
        let desk = Arc::new(Desk::new(Rules { ack_wait: settings.ack_wait, max_in_flight, prefetch }));
        // Heard from before the membership on, so that nothing falls between.
        let regrouped = Arc::new(Notify::new());
        self.shared.follower.watch_group(group, regrouped.clone());
        let joining = self.shared.link.join(group.to_owned(), settings.clone(), from);
        let membership = match time::within(self.shared.deadline(), "joining the group", joining).await {
            Ok(membership) => membership,
            Err(error) => {
                self.shared.follower.unwatch_group(group, &regrouped);
                return Err(error);
            }
        };
        let (shared, group) = (self.shared.clone(), group.to_owned());
        let task = Task::new(shared.clone(), desk.clone(), group.clone(), settings, membership, regrouped);
        shared.attend(&desk);
        shared.tasks.spawn(task.run());
        Ok(Sink { inner: Arc::new(Inner { desk, shared, group }) })
    }
}

impl Sink {
    /// The name of its group.
    #[must_use]
    pub fn group(&self) -> &str {
        &self.inner.group
    }

    /// What comes next: an event, which is to be answered, or news of the stream; `None` once the sink or the stream
    /// is closed here.
    ///
    /// While the engine is out of reach it waits. *Errors*: `Internal` and `Invalid` if the engine holds what is no
    /// group of ours; then it is at its end. Cancel safe: what is not returned comes the next time.
    pub async fn next(&self) -> Option<Result<Item<Delivery>>> {
        let next = self.inner.desk.next().await?;
        Some(next.map(|item| self.delivery(item)).map_err(|error| error.at("sink.next", &self.inner.group)))
    }

    /// Waits for what comes next, then gives all that is ready, at most `max`; empty at the end.
    ///
    /// *Errors*: as [`Sink::next`]. Cancel safe. This is the fast way, with [`Sink::ack_batch`].
    pub async fn next_batch(&self, max: usize) -> Result<Vec<Item<Delivery>>> {
        let Some(first) = self.inner.desk.next().await else { return Ok(Vec::new()) };
        self.batch(first, max)
    }

    /// Waits until [`Sink::try_next_batch`] has something to give, or the end. It hands out nothing itself: whoever may
    /// give up waiting loses nothing, and no event's `ack_wait` begins.
    ///
    /// Cancel safe.
    pub async fn ready(&self) {
        self.inner.desk.ready().await;
    }

    /// What is ready now, at most `max`, without waiting; `None` at the end.
    ///
    /// *Errors*: as [`Sink::next`].
    pub fn try_next_batch(&self, max: usize) -> Option<Result<Vec<Item<Delivery>>>> {
        match self.inner.desk.take_one() {
            None => Some(Ok(Vec::new())),
            Some(first) => Some(self.batch(first?, max)),
        }
    }

    fn batch(&self, first: Result<Item<Served>>, max: usize) -> Result<Vec<Item<Delivery>>> {
        let mut batch = vec![first.map_err(|error| error.at("sink.next", &self.inner.group))?];
        self.inner.desk.take_more(&mut batch, max);
        Ok(batch.into_iter().map(|item| self.delivery(item)).collect())
    }

    /// What it gives as a stream that can be polled.
    pub fn into_stream(self) -> impl futures_core::Stream<Item = Result<Item<Delivery>>> + Send + Unpin {
        Pulled::new(self)
    }

    fn delivery(&self, item: Item<Served>) -> Item<Delivery> {
        item.map(|Served { event, place, count, membership, consumer }| {
            let ticket = Ticket { membership, consumer, place };
            Delivery { event, ticket, count, inner: self.inner.clone() }
        })
    }

    /// Acknowledges several events of this sink; when it returns, none of them is delivered again.
    ///
    /// *Errors*: the first of those that [`Delivery::ack`] would give; the other events are acknowledged all the same.
    /// *Cost*: one round trip for all.
    pub async fn ack_batch<'a>(&self, events: impl IntoIterator<Item = &'a Delivery>) -> Result<()> {
        self.ack_tickets(events.into_iter().map(Delivery::ticket)).await
    }

    /// As [`Sink::ack_batch`], for events that are known by their tickets.
    pub async fn ack_tickets(&self, tickets: impl IntoIterator<Item = Ticket>) -> Result<()> {
        self.inner.answer("sink.ack", tickets, Fate::Done).await
    }

    /// An event that this sink has handed out, by its ticket: the way back for who could not keep the [`Delivery`].
    #[must_use]
    pub fn redeem(&self, ticket: Ticket) -> Answer<'_> {
        Answer { ticket, inner: &self.inner }
    }

    /// Leaves the group: what was not handed out goes to other consumers at once and is not counted as delivered; what
    /// was handed out and not answered goes to them too. Answers that were handed in before are sent first.
    ///
    /// *Errors*: `Timeout` or `Unavailable` if the engine does not hear of it; then others get the events once this
    /// consumer is taken for dead. A second call does nothing.
    pub async fn close(&self) -> Result<()> {
        self.inner.desk.close();
        let ended = time::within(self.inner.shared.deadline(), "leaving the group", self.inner.desk.ended());
        ended.await.map_err(|error| error.at("sink.close", &self.inner.group))
    }
}

impl Pull for Sink {
    type Item = Result<Item<Delivery>>;

    async fn pull(&mut self) -> Option<Result<Item<Delivery>>> {
        self.next().await
    }
}

/// Names an event that a sink has handed out, for that sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket {
    /// Which of the sink's memberships of its group.
    pub membership: u64,
    /// The sink's name in the group.
    pub consumer: ConsumerId,
    /// The lane of the group, and the event's number.
    pub place: Place,
}

/// An event that a sink has handed out, to be answered: [`ack`](Answer::ack), [`nack`](Answer::nack) or
/// [`term`](Answer::term). It is an [`Event`] by its contents.
///
/// Dropped unanswered, it is delivered again when its `ack_wait` is over.
#[derive(Clone)]
pub struct Delivery {
    event: Event,
    ticket: Ticket,
    count: u32,
    inner: Arc<Inner>,
}

impl Deref for Delivery {
    type Target = Event;

    fn deref(&self) -> &Event {
        &self.event
    }
}

impl std::fmt::Debug for Delivery {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Delivery({:?}, number {})", self.event, self.count)
    }
}

impl Delivery {
    /// The event, for good.
    #[must_use]
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// How often it has been delivered, this time included.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// The sink that handed it out.
    #[must_use]
    pub fn sink(&self) -> Sink {
        Sink { inner: self.inner.clone() }
    }

    /// Its ticket.
    #[must_use]
    pub const fn ticket(&self) -> Ticket {
        self.ticket
    }

    fn answer(&self) -> Answer<'_> {
        Answer { ticket: self.ticket, inner: &self.inner }
    }

    /// See [`Answer::ack`].
    pub async fn ack(&self) -> Result<()> {
        self.answer().ack().await
    }

    /// See [`Answer::nack`].
    pub async fn nack(&self) -> Result<()> {
        self.answer().nack().await
    }

    /// See [`Answer::nack_after`].
    pub async fn nack_after(&self, delay: Duration) -> Result<()> {
        self.answer().nack_after(delay).await
    }

    /// See [`Answer::term`].
    pub async fn term(&self, reason: &str) -> Result<()> {
        self.answer().term(reason).await
    }

    /// See [`Answer::progress`].
    pub fn progress(&self) -> Result<()> {
        self.answer().progress()
    }

    /// See [`Answer::ack_with`].
    pub async fn ack_with(&self, step: StepBuilder) -> Result<()> {
        self.answer().ack_with(step).await
    }
}

/// The answer to an event that a sink has handed out. *Errors* of all of them: `Fenced` if it is not this consumer's
/// any more, because it was answered before or not in time; `Conflict` while an earlier answer is on its way; `Closed`,
/// `Timeout`, `Unavailable`.
#[derive(Clone, Copy)]
pub struct Answer<'a> {
    ticket: Ticket,
    inner: &'a Inner,
}

impl std::fmt::Debug for Answer<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Answer({:?})", self.ticket)
    }
}

impl Answer<'_> {
    /// The event is dealt with: when this returns, it is not delivered again.
    ///
    /// *Cost*: a round trip, which all answers that meet share.
    pub async fn ack(self) -> Result<()> {
        self.inner.answer("sink.ack", [self.ticket], Fate::Done).await
    }

    /// The event could not be dealt with: it is delivered again after the group's next pause.
    pub async fn nack(self) -> Result<()> {
        self.inner.answer("sink.nack", [self.ticket], Fate::Back(None)).await
    }

    /// As [`Answer::nack`], after a time of its own.
    pub async fn nack_after(self, delay: Duration) -> Result<()> {
        self.inner.answer("sink.nack", [self.ticket], Fate::Back(Some(millis(delay)))).await
    }

    /// The event can never be dealt with: it goes to the dead letter now.
    pub async fn term(self, reason: &str) -> Result<()> {
        self.inner.answer("sink.term", [self.ticket], Fate::Dead(reason.to_owned())).await
    }

    /// The event is being worked on: its `ack_wait` begins anew. Takes no round trip.
    pub fn progress(self) -> Result<()> {
        let Ticket { membership, place, .. } = self.ticket;
        let done = self.inner.desk.progress(membership, place);
        done.map_err(|error| error.at("sink.progress", &self.inner.group))
    }

    /// Acknowledges the event and does what `step` says, all in one step: both happen, or neither.
    ///
    /// *Errors*: `Conflict` if a condition of the step does not hold: the event is then as it was, and may be answered
    /// otherwise. Else as those of its parts. *Cost*: one round trip.
    pub async fn ack_with(self, step: StepBuilder) -> Result<()> {
        let Inner { shared, desk, group } = self.inner;
        let Ticket { membership, consumer, place } = self.ticket;
        let done = step.settle(shared, desk, group, (membership, consumer), place);
        done.await.map_err(|error| error.at("sink.ack_with", group))
    }
}

impl Inner {
    async fn answer(
        &self,
        operation: &'static str,
        tickets: impl IntoIterator<Item = Ticket>,
        fate: Fate,
    ) -> Result<()> {
        let places = tickets.into_iter().map(|ticket| (ticket.membership, ticket.place));
        let (hears, refused) = self.desk.ask(places, fate);
        let told = async { hears.await.unwrap_or_else(|_| Err(Error::closed("the sink is closed"))) };
        let heard = time::within(self.shared.deadline(), "the answer", told).await;
        let heard = heard.map_err(|error| match error.kind() {
            ErrorKind::Timeout => error.with_maybe_applied(true),
            _ => error,
        });
        refused.and(heard).map_err(|error| error.at(operation, &self.group))
    }
}
