//! Fan-in: several streams read as one.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream as Pollable;

use super::event::{Event, Item};
use super::options::{ReaderOptions, millis};
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
/// that and belongs before is given at once, and marked.
pub struct MergedReader {
    readers: Vec<Pin<Box<Pulled<Reader>>>>,
    merge: Merge<Event>,
    /// News of the streams, which wait for nothing.
    news: VecDeque<Merged>,
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
/// *Errors*: `Invalid` for no streams, or for bad options; else as [`Stream::reader_with`]. *Cost*: a round trip for
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
    let mut readers = Vec::with_capacity(streams.len());
    for stream in streams {
        readers.push(Box::pin(Pulled::new(stream.reader_with(options.clone()).await?)));
    }
    let merge = Merge::new(streams.len(), millis(max_wait));
    Ok(MergedReader { readers, merge, news: VecDeque::new(), ended: 0, began: time::now() })
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
        loop {
            let arrived = std::future::poll_fn(|context| Poll::Ready(self.arrive(context))).await;
            if let Err(error) = arrived {
                return Some(Err(error));
            }
            if let Some(merged) = self.take() {
                return Some(Ok(merged));
            }
            if self.ended == self.readers.len() && self.merge.is_empty() {
                return None;
            }
            let due = self.merge.due().map(|due| self.began + Duration::from_millis(due));
            let more = std::future::poll_fn(|context| match self.arrive(context) {
                Ok(false) => Poll::Pending,
                other => Poll::Ready(other.map(drop)),
            });
            let waited = tokio::select! {
                more = more => more,
                () = until(due) => Ok(()),
            };
            if let Err(error) = waited {
                return Some(Err(error));
            }
        }
    }

    fn now(&self) -> u64 {
        millis(time::now() - self.began)
    }

    fn take(&mut self) -> Option<Merged> {
        if let Some(news) = self.news.pop_front() {
            return Some(news);
        }
        let merged = self.merge.pop(self.now())?;
        Some(Merged { stream: merged.stream, late: merged.late, item: Item::Event(merged.event) })
    }

    /// Takes in what the streams have ready; whether there was something.
    fn arrive(&mut self, context: &mut Context<'_>) -> Result<bool> {
        let (mut some, now) = (false, self.now());
        let mut ended = 0;
        for (stream, reader) in self.readers.iter_mut().enumerate() {
            loop {
                match reader.as_mut().poll_next(context) {
                    Poll::Pending => break,
                    Poll::Ready(None) => {
                        ended += 1;
                        self.merge.shown_until(stream, u64::MAX);
                        break;
                    }
                    Poll::Ready(Some(item)) => {
                        some = true;
                        match item? {
                            Item::Event(event) => {
                                self.merge.push(stream, event.at(), event.id().seq, now, event);
                            }
                            item => self.news.push_back(Merged { stream, late: false, item }),
                        }
                        if self.merge.len() > FULL {
                            break;
                        }
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
