//! What the core tells its host's logger.

use std::fmt::{Debug, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwapOption;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};

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
}
