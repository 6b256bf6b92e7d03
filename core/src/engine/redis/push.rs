//! What the server pushes: published messages on their way to the sinks of the maps.

use std::collections::HashMap;
use std::sync::Weak;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use parking_lot::RwLock;

use super::codec::{self, Keep};
use super::resp::Value;
use crate::engine::{Sink, Source};

/// A sink with its number among all that were ever added.
type Numbered = (u64, Weak<dyn Sink>);

/// Which sinks hear which channel.
#[derive(Default)]
pub(super) struct Router {
    sinks: RwLock<HashMap<Vec<u8>, Vec<Numbered>>>,
    added: AtomicU64,
}

impl Router {
    /// Has a sink hear a channel; the number takes it out again.
    pub(super) fn add(&self, channel: &[u8], sink: Weak<dyn Sink>) -> u64 {
        let number = self.added.fetch_add(1, Ordering::Relaxed);
        self.sinks.write().entry(channel.to_vec()).or_default().push((number, sink));
        number
    }

    pub(super) fn remove(&self, channel: &[u8], number: u64) {
        let mut sinks = self.sinks.write();
        if let Some(hearing) = sinks.get_mut(channel) {
            hearing.retain(|(other, _)| *other != number);
            if hearing.is_empty() {
                sinks.remove(channel);
            }
        }
    }

    /// Whether anyone hears a channel.
    pub(super) fn hears(&self, channel: &[u8]) -> bool {
        self.sinks.read().contains_key(channel)
    }

    pub(super) fn channels(&self) -> Vec<Vec<u8>> {
        self.sinks.read().keys().cloned().collect()
    }

    /// Does something with every sink.
    pub(super) fn each(&self, tell: impl Fn(&dyn Sink)) {
        let sinks: Vec<_> =
            self.sinks.read().values().flatten().filter_map(|(_, sink)| sink.upgrade()).collect();
        sinks.iter().for_each(|sink| tell(&**sink));
    }

    /// Hands a message to the sinks of its channel. What the server says because it was asked to comes back: it is
    /// somebody's answer.
    pub(super) fn answer(&self, value: Value) -> Option<Value> {
        let Value::Push(parts) = value else { return Some(value) };
        match &parts[..] {
            [Value::Text(kind), Value::Text(channel), Value::Text(payload)] if kind == "message" => {
                self.message(channel, payload);
                None
            }
            [Value::Text(kind), ..] if kind == "subscribe" || kind == "unsubscribe" => Some(Value::Nil),
            _ => None,
        }
    }

    fn message(&self, channel: &[u8], payload: &Bytes) {
        let sinks: Vec<_> = match self.sinks.read().get(channel) {
            Some(sinks) => sinks.iter().filter_map(|(_, sink)| sink.upgrade()).collect(),
            None => return,
        };
        let known = codec::decode_head(payload);
        if known.is_some_and(|(first, id, count)| sinks.iter().all(|sink| sink.knows(first, id, count))) {
            return; // mostly the client's own writes, whose answers were faster
        }
        match codec::decode_message(payload, Keep::Values) {
            Ok(batch) => sinks.iter().for_each(|sink| sink.batch(&batch, Source::Push)),
            Err(error) => {
                // Whoever sent this, the log says what is true.
                tracing::warn!(channel = %String::from_utf8_lossy(channel), %error, "bad message");
                sinks.iter().for_each(|sink| sink.restored());
            }
        }
    }
}
