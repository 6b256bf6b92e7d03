//! Fan-in: several streams read as one.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream as Pollable;

use super::event::Item;
use super::options::{LONGEST, ReaderOptions, millis};
use super::pull::{Pull, Pulled};
use super::{Reader, Stream};
use crate::error::{Error, Result};
use crate::model::merge::Merge;
use crate::time;

/// What comes next of several streams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged {
    /// The number of its stream, in the order in which they were given.
    pub stream: usize,
    /// Whether an event that comes after it in the order was given before it: it came too late to wait for.
    pub late: bool,
    /// What it is.
    pub item: Item,
}

/// Several streams as one: their events by time, then by the number of the stream; within one stream always in order.
///
/// An event waits for those of other streams until each has shown a later one, at most `max_wait`; what comes after
/// that and belongs before is given at once, and marked. News of a stream come where they belong among its events.
pub struct MergedReader {
    readers: Vec<Pin<Box<Pulled<Reader>>>>,
    merge: Merge<Item>,
    /// How many streams are at their end.
    ended: usize,
    began: time::Instant,
}

impl std::fmt::Debug for MergedReader {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "MergedReader({} streams, {} events wait)", self.readers.len(), self.merge.len())
    }
}

/// How long an event waits for those of other streams by default.
pub const MAX_WAIT: Duration = Duration::from_millis(50);

/// Reads several streams as one, each from where `options` says.
///
/// *Errors*: `Invalid` for no streams, a `max_wait` over 100 years, or bad options; else as [`Stream::reader_with`]. *Cost*: a round trip for
/// each stream.
///
/// ```
/// # let runtime = tokio::runtime::Runtime::new()?;
/// # runtime.block_on(async {
/// use ponos::stream::{MAX_WAIT, ReaderOptions, merge};
/// let client = ponos::Ponos::open("memory://").await?;
/// let streams = [client.stream("a").await?, client.stream("b").await?];
/// let mut all = merge(&streams, ReaderOptions::default(), MAX_WAIT).await?;
/// streams[1].publish("t", "x").await?;
/// let first = all.next().await.expect("open")?;
/// assert_eq!(first.stream, 1);
/// # Ok::<(), ponos::Error>(()) })?; Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub async fn merge(streams: &[Stream], options: ReaderOptions, max_wait: Duration) -> Result<MergedReader> {
    if streams.is_empty() {
        return Err(Error::invalid("there are no streams to merge; give at least one").at("stream.merge", ""));
    }
    if max_wait > LONGEST {
        let message = format!("max_wait is {max_wait:?}; at most 100 years");
        return Err(Error::invalid(message).at("stream.merge", ""));
    }
    let mut readers = Vec::with_capacity(streams.len());
    for stream in streams {
        readers.push(Box::pin(Pulled::new(stream.reader_with(options.clone()).await?)));
    }
    let merge = Merge::new(streams.len(), millis(max_wait));
    Ok(MergedReader { readers, merge, ended: 0, began: time::now() })
}

impl Pull for Reader {
    type Item = Result<Item>;

    async fn pull(&mut self) -> Option<Result<Item>> {
        self.next().await
    }
}

impl MergedReader {
    /// What comes next; `None` once all streams are closed here. Cancel safe.
    ///
    /// *Errors*: as [`Reader::next`].
    pub async fn next(&mut self) -> Option<Result<Merged>> {
        match self.ready().await {
            Ok(true) => self.take().map(Ok),
            Ok(false) => None,
            Err(error) => Some(Err(error)),
        }
    }

    /// Waits for what comes next, then gives all that need not wait, at most `max`; empty once all streams are closed
    /// here.
    ///
    /// *Errors*: as [`Reader::next`]. Cancel safe. This is the fast way.
    pub async fn next_batch(&mut self, max: usize) -> Result<Vec<Merged>> {
        self.ready().await?;
        Ok(self.try_next_batch(max.max(1)))
    }

    /// Waits until [`MergedReader::try_next_batch`] has something to give: true, or false once all streams are closed
    /// here. It gives nothing itself: whoever may give up waiting loses nothing.
    ///
    /// *Errors*: as [`Reader::next`]. Cancel safe.
    pub async fn ready(&mut self) -> Result<bool> {
        loop {
            std::future::poll_fn(|context| Poll::Ready(self.arrive(context))).await?;
            if self.merge.is_ready(self.now()) {
                return Ok(true);
            }
            if self.ended == self.readers.len() {
                return Ok(false);
            }
            let due = self.merge.due().map(|due| self.began + Duration::from_millis(due));
            let more = std::future::poll_fn(|context| match self.arrive(context) {
                Ok(false) => Poll::Pending,
                other => Poll::Ready(other.map(drop)),
            });
            tokio::select! {
                more = more => more?,
                () = until(due) => {}
            }
        }
    }

    /// What has arrived and need not wait, at most `max`, without waiting.
    pub fn try_next_batch(&mut self, max: usize) -> Vec<Merged> {
        std::iter::from_fn(|| self.take()).take(max).collect()
    }

    /// Ends it, as dropping it does.
    pub fn close(self) {}

    fn now(&self) -> u64 {
        millis(time::now() - self.began)
    }

    fn take(&mut self) -> Option<Merged> {
        let merged = self.merge.pop(self.now())?;
        let late = merged.late && matches!(merged.event, Item::Event(_));
        Some(Merged { stream: merged.stream, late, item: merged.event })
    }

    /// Takes in what the streams have ready; whether there was something.
    fn arrive(&mut self, context: &mut Context<'_>) -> Result<bool> {
        let (mut some, mut ended, now) = (false, 0, self.now());
        // Each has room of its own: one that is full must not keep away what its events wait for.
        let room = (FULL / self.readers.len()).max(1);
        for (stream, reader) in self.readers.iter_mut().enumerate() {
            while self.merge.held(stream) < room {
                match reader.as_mut().poll_next(context) {
                    Poll::Pending => break,
                    Poll::Ready(None) => {
                        ended += 1;
                        self.merge.shown_until(stream, u64::MAX);
                        break;
                    }
                    Poll::Ready(Some(item)) => {
                        let item = item?;
                        let at = if let Item::Event(event) = &item { event.at() } else { 0 };
                        self.merge.push(stream, at, now, item);
                        some = true;
                    }
                }
            }
        }
        some |= ended > self.ended;
        self.ended = ended;
        Ok(some)
    }
}

/// How many events may wait; then no more are read before some are given.
const FULL: usize = 10_000;

async fn until(when: Option<time::Instant>) {
    match when {
        Some(when) => time::sleep_until(when).await,
        None => std::future::pending().await,
    }
}
