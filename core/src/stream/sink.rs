//! Sinks: consumers of a group, which share its events; each event is answered for.

use std::ops::Deref;
use std::sync::Arc;

use tokio::sync::{Notify, oneshot};

use super::Stream;
use super::desk::{Desk, Fate, Served};
use super::event::{Event, Item};
use super::options::{SinkOptions, millis};
use super::shared::Shared;
use super::step::StepBuilder;
use super::task::Task;
use crate::error::{Error, ErrorKind, Result};
use crate::model::consumer::Rules;
use crate::model::group::{ConsumerId, Place};
use crate::model::name;
use crate::time;

/// A consumer of a group: cheap to clone, so that several tasks may take events from it.
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
        let SinkOptions { max_in_flight, prefetch, from, .. } = options;
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
        let mut batch = vec![first.map_err(|error| error.at("sink.next", &self.inner.group))?];
        self.inner.desk.take_more(&mut batch, max);
        Ok(batch.into_iter().map(|item| self.delivery(item)).collect())
    }

    fn delivery(&self, item: Item<Served>) -> Item<Delivery> {
        match item {
            Item::Event(Served { event, place, count, membership, consumer }) => {
                let inner = self.inner.clone();
                Item::Event(Delivery { event, place, count, membership, consumer, inner })
            }
            Item::Gap(gap) => Item::Gap(gap),
            Item::Deleted => Item::Deleted,
        }
    }

    /// Acknowledges several events of this sink; when it returns, none of them is delivered again.
    ///
    /// *Errors*: the first of those that [`Delivery::ack`] would give; the other events are acknowledged all the same.
    /// *Cost*: one round trip for all.
    pub async fn ack_batch<'a>(&self, events: impl IntoIterator<Item = &'a Delivery>) -> Result<()> {
        let places = events.into_iter().map(|event| (event.membership, event.place));
        let (hears, refused) = self.inner.desk.ask(places, Fate::Done);
        let heard = self.inner.hear(hears).await;
        refused.and(heard).map_err(|error| error.at("sink.ack_batch", &self.inner.group))
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

/// An event that a sink has handed out, to be answered: [`ack`](Self::ack), [`nack`](Self::nack) or
/// [`term`](Self::term). It is an [`Event`] by its contents.
///
/// Dropped unanswered, it is delivered again when its `ack_wait` is over.
#[derive(Clone)]
pub struct Delivery {
    event: Event,
    place: Place,
    count: u32,
    membership: u64,
    consumer: ConsumerId,
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
        write!(out, "Delivery({:?}, {} of them)", self.event, self.count)
    }
}

/// Answers. *Errors* of all of them: `Conflict` if the event was answered before or its `ack_wait` is over; `Fenced` if
/// it is not this consumer's any more; `Closed`, `Timeout`, `Unavailable`.
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

    /// The event is dealt with: when this returns, it is not delivered again.
    ///
    /// *Cost*: a round trip, which all answers that meet share.
    pub async fn ack(&self) -> Result<()> {
        self.answer("delivery.ack", Fate::Done).await
    }

    /// The event could not be dealt with: it is delivered again after the group's next pause.
    pub async fn nack(&self) -> Result<()> {
        self.answer("delivery.nack", Fate::Back(None)).await
    }

    /// As [`Delivery::nack`], after a time of its own.
    pub async fn nack_after(&self, delay: std::time::Duration) -> Result<()> {
        self.answer("delivery.nack", Fate::Back(Some(millis(delay)))).await
    }

    /// The event can never be dealt with: it goes to the dead letter now.
    pub async fn term(&self, reason: &str) -> Result<()> {
        self.answer("delivery.term", Fate::Dead(reason.to_owned())).await
    }

    /// The event is being worked on: its `ack_wait` begins anew. Takes no round trip.
    pub fn progress(&self) -> Result<()> {
        let done = self.inner.desk.progress(self.membership, self.place);
        done.map_err(|error| error.at("delivery.progress", &self.inner.group))
    }

    /// Acknowledges the event and does what `step` says, all in one step: both happen, or neither.
    ///
    /// *Errors*: `Conflict` if a condition of the step does not hold: the event is then as it was, and may be answered
    /// otherwise. Else as those of its parts. *Cost*: one round trip.
    pub async fn ack_with(&self, step: StepBuilder) -> Result<()> {
        let Inner { shared, desk, group } = &*self.inner;
        let membership = (self.membership, self.consumer);
        let done = step.settle(shared, desk, group, membership, self.place);
        done.await.map_err(|error| error.at("delivery.ack_with", &self.inner.group))
    }

    async fn answer(&self, operation: &'static str, fate: Fate) -> Result<()> {
        let (hears, refused) = self.inner.desk.ask([(self.membership, self.place)], fate);
        let done = match refused {
            Ok(()) => self.inner.hear(hears).await,
            Err(error) => Err(error),
        };
        done.map_err(|error| error.at(operation, &self.inner.group))
    }
}

impl Inner {
    async fn hear(&self, hears: oneshot::Receiver<Result<()>>) -> Result<()> {
        let told = async { hears.await.unwrap_or_else(|_| Err(Error::closed("the sink is closed"))) };
        let heard = time::within(self.shared.deadline(), "the answer", told).await;
        heard.map_err(|error| match error.kind() {
            ErrorKind::Timeout => error.with_maybe_applied(true),
            _ => error,
        })
    }
}
