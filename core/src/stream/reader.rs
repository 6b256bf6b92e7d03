//! Readers: each sees every event, in order, once, and is told of what it cannot see any more.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::Stream;
use super::event::{Event, Item};
use super::follow::Known;
use super::options::ReaderOptions;
use super::pull::Pulled;
use super::shared::Shared;
use crate::error::{Error, ErrorKind, Result};
use crate::model::cursor::{Cursor, Step};
use crate::model::record::{Batch, EventId};
use crate::model::settings::Start;
use crate::model::topic::Topics;
use crate::time::{self, Instant};

/// How many events are read from the engine in one step.
const PAGE: usize = 500;

/// How long to wait before an engine that is out of reach is asked again.
const AGAIN: Duration = Duration::from_millis(100);

/// Reads a stream: every event from its start on, in order, each once.
///
/// It has read ahead what it fetched in one step, at most about 500 events; what it has not given yet is not lost by
/// dropping it, because [`Reader::position`] is that of the last event given. It costs nothing while nothing comes.
#[derive(Debug)]
pub struct Reader {
    shared: Arc<Shared>,
    topics: Topics,
    cursor: Cursor,
    /// The last event that was given, or passed over with nothing left to give.
    given: EventId,
    items: VecDeque<Item>,
    known: watch::Receiver<Known>,
    doubts: u64,
    pace: Option<Pace>,
}

/// How events of the past are spread in time.
#[derive(Debug)]
struct Pace {
    speed: f64,
    /// Later events are not of the past.
    until: u64,
    /// The time of the first event, and when it was given.
    began: Option<(u64, Instant)>,
}

impl Stream {
    /// A reader of what is published from now on: when this has returned, it will give all of it.
    ///
    /// *Errors*: `Closed`, `Timeout`, `Unavailable`. *Cost*: one round trip.
    ///
    /// ```
    /// # let runtime = tokio::runtime::Runtime::new()?;
    /// # runtime.block_on(async {
    /// use ponos::stream::Item;
    /// let client = ponos::Ponos::open("memory://").await?;
    /// let orders = client.stream("reader").await?;
    /// let mut reader = orders.reader().await?;
    /// orders.publish("created", "7").await?;
    /// let Some(Ok(Item::Event(event))) = reader.next().await else { panic!("no event") };
    /// assert_eq!((event.topic(), &event.payload()[..]), ("created", &b"7"[..]));
    /// # Ok::<(), ponos::Error>(()) })?; Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn reader(&self) -> Result<Reader> {
        self.reader_with(ReaderOptions::default()).await
    }

    /// As [`Stream::reader`], from a place of the past, of some topics, or as fast as it was published.
    ///
    /// *Errors*: `Invalid` for a bad filter or speed; `NotFound` if it is to begin behind an event of a life of the
    /// stream that has ended.
    pub async fn reader_with(&self, options: ReaderOptions) -> Result<Reader> {
        let opened = async {
            let _pass = self.shared.enter()?;
            let topics = options.check()?;
            self.shared.listen().await?; // `start` asks for what was
            let known = self.shared.follower.watch();
            let doubts = known.borrow().doubts;
            let cursor = Cursor::behind(self.start(options.from).await?);
            let until = self.shared.engine.now();
            let pace = options.replay.map(|speed| Pace { speed, until, began: None });
            let (shared, given) = (self.shared.clone(), cursor.at);
            Ok(Reader { shared, topics, cursor, given, items: VecDeque::new(), known, doubts, pace })
        };
        opened.await.map_err(|error: Error| error.at("stream.reader", self.name()))
    }

    /// The event behind which `start` is.
    async fn start(&self, start: Start) -> Result<EventId> {
        let Some(tail) = self.shared.ask().await? else {
            return match start {
                Start::Behind(id) if id != EventId::default() => Err(other_life(id)),
                _ => Ok(EventId::default()),
            };
        };
        let (generation, first, last) = (tail.last.generation, tail.first, tail.last.seq);
        let seq = match start {
            Start::First => first - 1,
            Start::End => last,
            // What is gone since then is told as a gap.
            Start::Behind(id) if id.generation == generation => id.seq.min(last),
            // The position of a reader that was there before the stream.
            Start::Behind(id) if id == EventId::default() => 0,
            Start::Behind(id) => return Err(other_life(id)),
            Start::Time(at) => {
                let since = self.shared.link.since(at);
                time::within(self.shared.deadline(), "looking for the time", since).await?.max(1) - 1
            }
            Start::Last(count) => last.saturating_sub(count).max(first - 1),
        };
        Ok(EventId { generation, seq })
    }
}

pub(super) fn other_life(id: EventId) -> Error {
    Error::not_found(format!("the event {id} is of a life of the stream that has ended"))
}

impl Reader {
    /// What comes next; `None` once the stream is closed here.
    ///
    /// While the engine is out of reach it waits. *Errors*: `Internal` and `Invalid` if the engine holds what is no
    /// stream of ours. Cancel safe: what is not returned comes the next time.
    pub async fn next(&mut self) -> Option<Result<Item>> {
        match self.ready().await {
            Ok(true) => self.take().map(Ok),
            Ok(false) => None,
            Err(error) => Some(Err(error)),
        }
    }

    /// Waits for what comes next, then gives all that is at hand, at most `max`; empty once the stream is closed here.
    ///
    /// *Errors*: as [`Reader::next`]. Cancel safe. This is the fast way.
    pub async fn next_batch(&mut self, max: usize) -> Result<Vec<Item>> {
        self.ready().await?;
        Ok(self.try_next_batch(max.max(1)))
    }

    /// Waits until [`Reader::try_next_batch`] has something to give: true, or false once the stream is closed here. It
    /// gives nothing itself: whoever may give up waiting loses nothing.
    ///
    /// *Errors*: as [`Reader::next`]. Cancel safe.
    pub async fn ready(&mut self) -> Result<bool> {
        loop {
            if let Some(until) = self.front_is_early() {
                time::sleep_until(until).await;
            }
            if !self.items.is_empty() {
                return Ok(true);
            }
            if self.known.borrow().closed {
                return Ok(false);
            }
            self.fill().await.map_err(|error| error.at("reader.next", &self.shared.id.name))?;
        }
    }

    /// What is at hand now, at most `max`, without waiting.
    pub fn try_next_batch(&mut self, max: usize) -> Vec<Item> {
        let mut batch = Vec::with_capacity(max.min(self.items.len()));
        while batch.len() < max && self.front_is_early().is_none() {
            let Some(item) = self.take() else { break };
            batch.push(item);
        }
        batch
    }

    /// What it gives as a stream that can be polled.
    pub fn into_stream(self) -> impl futures_core::Stream<Item = Result<Item>> + Send + Unpin {
        Pulled::new(self)
    }

    /// Where it is: with [`Start::Behind`] of this, another reader goes on after the last event that this one gave.
    #[must_use]
    pub fn position(&self) -> EventId {
        if self.items.is_empty() { self.cursor.at } else { self.given }
    }

    /// Ends it, as dropping it does.
    pub fn close(self) {}

    fn take(&mut self) -> Option<Item> {
        let item = self.items.pop_front()?;
        self.given = item.position();
        Some(item)
    }

    /// Until when the next event is to wait, so that the past goes on as it went.
    fn front_is_early(&mut self) -> Option<Instant> {
        let pace = self.pace.as_mut()?;
        let Some(Item::Event(event)) = self.items.front() else { return None };
        if event.at > pace.until {
            self.pace = None;
            return None;
        }
        let (first, began) = *pace.began.get_or_insert_with(|| (event.at, time::now()));
        let after = Duration::from_millis(event.at.saturating_sub(first)).div_f64(pace.speed);
        Some(began + after).filter(|until| *until > time::now())
    }

    /// Gets items, or waits until there is a reason to look for some.
    async fn fill(&mut self) -> Result<()> {
        let known = *self.known.borrow_and_update();
        if known.doubts != self.doubts {
            if self.patient(self.shared.ask().await)?.is_some() {
                self.doubts = known.doubts;
            }
            return self.pause_if_lost().await;
        }
        self.follow_life(known.last);
        if known.last.seq <= self.cursor.at.seq {
            if self.items.is_empty() {
                // The sender lives as long as `shared`.
                drop(self.known.changed().await);
            }
            return Ok(());
        }
        if let Some(batch) = self.shared.follower.recent(&self.cursor) {
            self.advance(&batch);
            // Each publish is a batch of its own: what else was heard of comes along.
            while self.items.len() < PAGE
                && let Some(batch) = self.shared.follower.recent(&self.cursor)
            {
                self.advance(&batch);
            }
            return Ok(());
        }
        let reading = self.shared.link.read(self.cursor.next(), PAGE);
        let pages = time::within(self.shared.deadline(), "reading", reading).await;
        let Some(pages) = self.patient(pages)? else { return self.pause_if_lost().await };
        if pages.is_empty() {
            drop(self.patient(self.shared.ask().await)?);
        }
        for page in &pages {
            if self.cursor.step(page) == Step::NewGeneration {
                self.shared.follower.learn(EventId { generation: page.generation, seq: page.last() });
                break;
            }
            self.advance(page);
        }
        Ok(())
    }

    /// The stream is in this life now: what is known of another is over.
    fn follow_life(&mut self, last: EventId) {
        if last.generation != self.cursor.at.generation {
            if self.cursor.at.generation != 0 {
                self.items.push_back(Item::Deleted);
            }
            self.cursor = Cursor::behind(EventId { generation: last.generation, seq: 0 });
        }
    }

    fn advance(&mut self, batch: &Batch) {
        let (gap, records) = self.cursor.advance(batch);
        self.items.extend(gap.map(Item::Gap));
        let (generation, at) = (batch.generation, batch.at);
        let wanted = records.filter(|(_, record)| self.topics.matches(record.topic()));
        let event = |(seq, record): (u64, &_)| Event {
            id: EventId { generation, seq },
            at,
            record: Clone::clone(record),
        };
        self.items.extend(wanted.map(event).map(Item::Event));
    }

    /// `None` if the engine is out of reach: that passes.
    fn patient<T>(&self, result: Result<T>) -> Result<Option<T>> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) if matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout) => {
                tracing::debug!(stream = self.shared.id.name, %error, "a reader waits for the engine");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    async fn pause_if_lost(&mut self) -> Result<()> {
        if self.known.borrow().lost {
            time::sleep(AGAIN).await;
        }
        Ok(())
    }
}
