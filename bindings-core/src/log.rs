//! What the core tells its host's logger.

use std::fmt::{Debug, Write as _};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use ponos::{Error, Result};
use tokio::sync::Notify;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};

use crate::queue::LOGS;
use crate::runtime::Held;

/// One log record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub level: &'static str,
    /// Which part of the core speaks.
    pub target: &'static str,
    /// What it says, with its fields behind it as `name=value`.
    pub message: String,
}

type Sink = Arc<dyn Fn(Record) + Send + Sync>;
type Sinks = Vec<(u64, LevelFilter, Sink)>;

/// Who listens. Without a lock: one that another thread holds at the moment of a fork would stay taken in the child.
static SINKS: ArcSwapOption<Sinks> = ArcSwapOption::const_empty();

static LAST: AtomicU64 = AtomicU64::new(0);

fn change(change: impl Fn(&mut Sinks)) {
    SINKS.rcu(|sinks| {
        let mut sinks = sinks.as_deref().cloned().unwrap_or_default();
        change(&mut sinks);
        Some(Arc::new(sinks))
    });
}

/// Gives the records up to `level` (such as `info`) to `sink`, which must neither wait nor run foreign code.
/// Returns a number for [`stop`], or `None` if the level is not known.
pub fn listen(level: &str, sink: impl Fn(Record) + Send + Sync + 'static) -> Option<u64> {
    let level: LevelFilter = level.parse().ok()?;
    // A host that has a tracing subscriber of its own keeps it.
    drop(tracing::subscriber::set_global_default(tracing_subscriber::registry().with(Bridge)));
    let (number, sink) = (LAST.fetch_add(1, Ordering::Relaxed) + 1, Arc::new(sink));
    change(|sinks| sinks.push((number, level, sink.clone())));
    Some(number)
}

/// Ends what [`listen`] began.
pub fn stop(number: u64) {
    change(|sinks| sinks.retain(|(other, _, _)| *other != number));
}

/// Records that wait until they are asked for.
#[derive(Debug, Default)]
pub struct Logs {
    waiting: Mutex<Vec<Record>>,
    lost: AtomicUsize,
    more: Notify,
    ended: AtomicBool,
    number: AtomicU64,
}

impl Logs {
    /// Keeps the records up to `level`, until this is dropped or told to [`stop`](Self::stop). More than [`LOGS`] are
    /// counted, and told.
    pub(crate) fn listen(level: &str) -> Option<Arc<Self>> {
        let logs = Arc::<Self>::default();
        // In a forked child nobody asks for them, and the lock may be held for ever.
        let kept = Held::new(Arc::downgrade(&logs));
        let keep = move |record| {
            if let Some(logs) = kept.get().ok().and_then(Weak::upgrade) {
                logs.keep(record);
            }
        };
        logs.number.store(listen(level, keep)?, Ordering::Relaxed);
        Some(logs)
    }

    fn keep(&self, record: Record) {
        let mut waiting = self.waiting.lock();
        if waiting.len() < LOGS {
            waiting.push(record);
            self.more.notify_one();
        } else {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// All that waits, at least one.
    ///
    /// # Errors
    /// `Closed` at the end.
    pub(crate) async fn next(&self) -> Result<Vec<Record>> {
        loop {
            let mut records = std::mem::take(&mut *self.waiting.lock());
            if self.ended.load(Ordering::SeqCst) {
                return Err(Error::closed("another logger has taken over, or none"));
            }
            if records.is_empty() {
                self.more.notified().await;
                continue;
            }
            let lost = self.lost.swap(0, Ordering::Relaxed);
            if lost > 0 {
                let message = format!("{lost} log records were dropped");
                records.push(Record { level: "warn", target: "ponos", message });
            }
            return Ok(records);
        }
    }

    /// Whoever waits is at the end. What was left is the caller's.
    pub(crate) fn stop(&self) -> Vec<Record> {
        stop(self.number.load(Ordering::Relaxed));
        self.ended.store(true, Ordering::SeqCst);
        self.more.notify_one();
        std::mem::take(&mut *self.waiting.lock())
    }
}

impl Drop for Logs {
    fn drop(&mut self) {
        stop(self.number.load(Ordering::Relaxed));
    }
}

struct Bridge;

impl<S: Subscriber> Layer<S> for Bridge {
    /// Asked each time: to have the answers forgotten would take a lock of tracing's.
    fn register_callsite(&self, metadata: &'static tracing::Metadata<'static>) -> Interest {
        if metadata.target().starts_with("ponos") { Interest::sometimes() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &tracing::Metadata<'_>, _: Context<'_, S>) -> bool {
        let wanted = |sinks: &Sinks| sinks.iter().any(|(_, level, _)| metadata.level() <= level);
        metadata.target().starts_with("ponos") && SINKS.load().as_deref().is_some_and(wanted)
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        let mut text = Text::default();
        event.record(&mut text);
        let message = text.message + &text.fields;
        let record = Record { level: name(*metadata.level()), target: metadata.target(), message };
        for (_, level, sink) in SINKS.load().iter().flat_map(|sinks| sinks.iter()) {
            if metadata.level() <= level {
                sink(record.clone());
            }
        }
    }
}

fn name(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let written = if field.name() == "message" {
            write!(self.message, "{value:?}")
        } else {
            write!(self.fields, " {}={value:?}", field.name())
        };
        debug_assert!(written.is_ok(), "writing to a string cannot fail");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn a_record_reaches_its_listener_with_its_fields() {
        let (sender, receiver) = mpsc::sync_channel(8);
        let number = listen("info", move |record| drop(sender.try_send(record))).expect("a level");
        tracing::debug!(target: "ponos", "not this");
        tracing::info!(target: "ponos", map = "m", "loaded");
        stop(number);
        tracing::info!(target: "ponos", "not this either");
        let records: Vec<Record> = receiver.try_iter().filter(|record| record.target == "ponos").collect();
        assert_eq!(records.len(), 1);
        assert_eq!((records[0].level, records[0].message.as_str()), ("info", "loaded map=\"m\""));
        assert!(listen("loud", |_| ()).is_none());
    }

    #[tokio::test]
    async fn records_wait_until_they_are_asked_for_and_the_lost_are_counted() {
        let logs = Logs::listen("error").expect("a level");
        let record = |message: &str| Record { level: "error", target: "test", message: message.into() };
        (0..LOGS + 2).for_each(|_| logs.keep(record("full")));
        let records = logs.next().await.expect("records");
        assert_eq!(records.len(), LOGS + 1);
        assert_eq!(records[LOGS].message, "2 log records were dropped");
        logs.keep(record("after"));
        assert_eq!(logs.next().await.expect("one"), [record("after")]);
        logs.keep(record("left"));
        assert_eq!(logs.stop(), [record("left")]);
        assert_eq!(logs.next().await.expect_err("the end").kind(), ponos::ErrorKind::Closed);
        assert!(Logs::listen("loud").is_none());
    }
}
