//! Options of streams, of publishing, of readers and of sinks, each with its default.

use std::time::Duration;

use bytes::Bytes;

use crate::error::{Error, Result};
use crate::model::group::LaneId;
use crate::model::log::{Retention, WhenBehind};
use crate::model::record::{MAX_HEADER, MAX_HEADERS, MAX_KEY};
use crate::model::settings::{Order, Settings, Start};
use crate::model::topic::Topics;

/// How a stream is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamOptions {
    /// The name of the codec of the payloads (default `bytes`), kept with the stream.
    pub codec: String,
    /// How much is kept when this client publishes.
    pub retention: Retention,
}

impl Default for StreamOptions {
    fn default() -> Self {
        Self { codec: "bytes".into(), retention: Retention::default() }
    }
}

impl StreamOptions {
    /// The name of the codec.
    #[must_use]
    pub fn codec(mut self, name: &str) -> Self {
        name.clone_into(&mut self.codec);
        self
    }

    /// Keeps so many events (default 1,000,000).
    #[must_use]
    pub const fn max_len(mut self, events: u64) -> Self {
        self.retention.max_len = events;
        self
    }

    /// Keeps so many bytes of events (default 256 MiB).
    #[must_use]
    pub const fn max_bytes(mut self, bytes: u64) -> Self {
        self.retention.max_bytes = bytes;
        self
    }

    /// Keeps events so long (default: any time). What is older goes with the next publish.
    #[must_use]
    pub fn max_age(mut self, age: Duration) -> Self {
        self.retention.max_age = millis(age);
        self
    }

    /// What becomes of events that a group has not settled when there are too many (default: they are kept).
    #[must_use]
    pub const fn when_behind(mut self, what: WhenBehind) -> Self {
        self.retention.when_behind = what;
        self
    }

    pub(crate) fn check(&self) -> Result<()> {
        let Retention { max_len, max_bytes, .. } = self.retention;
        if self.codec.is_empty() || self.codec.len() > 64 {
            return Err(Error::invalid(format!("the codec {:?} must have 1 to 64 bytes", self.codec)));
        }
        if max_len == 0 || max_bytes == 0 {
            return Err(Error::invalid(format!(
                "max_len={max_len} and max_bytes={max_bytes} must be at least 1: a stream keeps something"
            )));
        }
        Ok(())
    }
}

/// How an event is published.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct PublishOptions {
    /// What goes along with the payload: names and values.
    pub headers: Vec<(String, Bytes)>,
    /// Events of one key can be had one after the other.
    pub key: String,
    /// An id by which the stream recognises for at least two minutes that it has the event already.
    pub dedup_id: String,
    /// How long to wait before it is appended.
    pub delay: Duration,
    /// Refused unless this is the number of the last event.
    pub expect_last: Option<u64>,
    /// Refused unless the stream exists.
    pub if_exists: bool,
}

impl PublishOptions {
    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<Bytes>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Events of one key can be had one after the other, see [`Order::ByKey`].
    #[must_use]
    pub fn key(mut self, key: &str) -> Self {
        key.clone_into(&mut self.key);
        self
    }

    /// The stream recognises by this id, for at least two minutes, that it has the event already.
    #[must_use]
    pub fn dedup_id(mut self, id: &str) -> Self {
        id.clone_into(&mut self.dedup_id);
        self
    }

    /// Appends the event after this time.
    #[must_use]
    pub const fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Publishes only if the last event has this number (0: there is none).
    #[must_use]
    pub const fn expect_last(mut self, seq: u64) -> Self {
        self.expect_last = Some(seq);
        self
    }

    /// Publishes only if the stream exists.
    #[must_use]
    pub const fn if_exists(mut self) -> Self {
        self.if_exists = true;
        self
    }

    pub(super) fn check(&self) -> Result<()> {
        for (what, text) in [("key", &self.key), ("dedup_id", &self.dedup_id)] {
            if text.len() > MAX_KEY {
                return Err(Error::invalid(format!(
                    "the {what} has {} bytes; at most {MAX_KEY}",
                    text.len()
                )));
            }
        }
        for (name, _) in &self.headers {
            if name.is_empty() || name.len() > MAX_HEADER {
                return Err(Error::invalid(format!("the header {name:?} must have 1 to {MAX_HEADER} bytes")));
            }
        }
        let bytes: usize = self.headers.iter().map(|(name, value)| name.len() + value.len() + 3).sum();
        if bytes > MAX_HEADERS {
            return Err(Error::invalid(format!("the headers take {bytes} bytes; at most {MAX_HEADERS}")));
        }
        if self.delay > MAX_DELAY {
            return Err(Error::invalid(format!("the delay is {:?}; at most 365 days", self.delay)));
        }
        Ok(())
    }
}

/// The longest that anything may wait for: 100 years.
pub(super) const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 3_600);

const MAX_DELAY: Duration = Duration::from_secs(365 * 24 * 3_600);

/// How a reader reads.
#[derive(Clone, Debug, PartialEq, Default)]
#[non_exhaustive]
pub struct ReaderOptions {
    /// Where it begins (default: with what is published from now on).
    pub from: Start,
    /// Patterns of the topics it wants (default: all).
    pub topics: Vec<String>,
    /// Gives the events of the past as far apart as they were published, this many times as fast.
    pub replay: Option<f64>,
}

impl ReaderOptions {
    /// Where it begins.
    #[must_use]
    pub const fn from(mut self, start: Start) -> Self {
        self.from = start;
        self
    }

    /// The events it wants: those whose topic matches one of the patterns; `*` is one level, `>` the rest.
    #[must_use]
    pub fn topics<T: Into<String>>(mut self, patterns: impl IntoIterator<Item = T>) -> Self {
        self.topics = patterns.into_iter().map(Into::into).collect();
        self
    }

    /// Gives the events of the past as far apart as they were published; a `speed` of 2.0 is twice as fast.
    #[must_use]
    pub const fn replay(mut self, speed: f64) -> Self {
        self.replay = Some(speed);
        self
    }

    pub(super) fn check(&self) -> Result<Topics> {
        if self.replay.is_some_and(|speed| !(speed.is_finite() && speed > 0.0)) {
            return Err(Error::invalid(format!("replay={:?} must be above 0", self.replay.unwrap_or(0.0))));
        }
        topics(&self.topics)
    }
}

fn topics(patterns: &[String]) -> Result<Topics> {
    Topics::new(patterns)
        .map_err(|(pattern, fault)| Error::invalid(format!("the filter {pattern:?}: {fault}")))
}

/// How a sink works. All but `from`, `max_in_flight` and `prefetch` are those of its group: the first sink sets them,
/// and others must agree.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SinkOptions {
    /// Where the group begins if it is new (default: with what is published from now on).
    pub from: Start,
    /// Patterns of the topics that the group wants (default: all).
    pub topics: Vec<String>,
    /// In which order the group works.
    pub order: Order,
    /// How long an event may stay unanswered before it is delivered again (default 30 s).
    pub ack_wait: Duration,
    /// The pauses before the second, third … delivery; the last one is for all that follow (default: none).
    pub backoff: Vec<Duration>,
    /// How often an event is delivered at most (default 0: any number of times).
    pub max_deliver: u32,
    /// The stream of the same scope that gets the events that are given up (default: they are dropped).
    pub dead_letter: String,
    /// How many events may be handed out and unanswered at once (default 1,000).
    pub max_in_flight: usize,
    /// How many events are taken ahead (default 256).
    pub prefetch: usize,
}

impl Default for SinkOptions {
    fn default() -> Self {
        Self {
            from: Start::End,
            topics: Vec::new(),
            order: Order::None,
            ack_wait: Duration::from_secs(30),
            backoff: Vec::new(),
            max_deliver: 0,
            dead_letter: String::new(),
            max_in_flight: 1_000,
            prefetch: 256,
        }
    }
}

impl SinkOptions {
    /// Where the group begins if it is new.
    #[must_use]
    pub const fn from(mut self, start: Start) -> Self {
        self.from = start;
        self
    }

    /// The events the group wants: those whose topic matches one of the patterns; `*` is one level, `>` the rest.
    #[must_use]
    pub fn topics<T: Into<String>>(mut self, patterns: impl IntoIterator<Item = T>) -> Self {
        self.topics = patterns.into_iter().map(Into::into).collect();
        self
    }

    /// In which order the group works.
    #[must_use]
    pub const fn order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// How long an event may stay unanswered before it is delivered again.
    #[must_use]
    pub const fn ack_wait(mut self, time: Duration) -> Self {
        self.ack_wait = time;
        self
    }

    /// The pauses before the second, third … delivery; the last one is for all that follow.
    #[must_use]
    pub fn backoff(mut self, pauses: impl IntoIterator<Item = Duration>) -> Self {
        self.backoff = pauses.into_iter().collect();
        self
    }

    /// How often an event is delivered at most; 0 for any number of times.
    #[must_use]
    pub const fn max_deliver(mut self, times: u32) -> Self {
        self.max_deliver = times;
        self
    }

    /// The stream of the same scope that gets the events that are given up.
    #[must_use]
    pub fn dead_letter(mut self, stream: &str) -> Self {
        stream.clone_into(&mut self.dead_letter);
        self
    }

    /// How many events may be handed out and unanswered at once.
    #[must_use]
    pub const fn max_in_flight(mut self, events: usize) -> Self {
        self.max_in_flight = events;
        self
    }

    /// How many events are taken ahead.
    #[must_use]
    pub const fn prefetch(mut self, events: usize) -> Self {
        self.prefetch = events;
        self
    }

    /// What the group is to be set to.
    pub(super) fn settings(&self) -> Result<Settings> {
        let between = |what: &str, value: u64, least: u64, most: u64| {
            let message = || format!("{what}={value} must be between {least} and {most}");
            if (least..=most).contains(&value) { Ok(()) } else { Err(Error::invalid(message())) }
        };
        let settings = Settings {
            topics: topics(&self.topics)?,
            order: self.order,
            ack_wait: millis(self.ack_wait),
            backoff: self.backoff.iter().copied().map(millis).collect(),
            max_deliver: self.max_deliver,
            dead_letter: self.dead_letter.clone(),
        };
        between("max_in_flight", self.max_in_flight as u64, 1, 1_000_000)?;
        between("prefetch", self.prefetch as u64, 1, 100_000)?;
        between("ack_wait in ms", settings.ack_wait, 1, DAY_MS)?;
        between("the number of pauses in backoff", settings.backoff.len() as u64, 0, 100)?;
        let longest = settings.backoff.iter().copied().max().unwrap_or(0);
        between("the longest pause of backoff in ms", longest, 0, DAY_MS)?;
        if let Order::ByKey(partitions) = self.order {
            between("partitions", u64::from(partitions), 1, u64::from(MAX_PARTITIONS))?;
        }
        Ok(settings)
    }
}

const DAY_MS: u64 = 24 * 3_600_000;

/// The most partitions of a group.
const MAX_PARTITIONS: LaneId = 1_024;

/// Whole milliseconds, rounded up: a short time is not none.
pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}
