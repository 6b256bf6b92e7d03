//! What the server pushes: published messages on their way to the sinks of maps and streams.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use bytes::Bytes;
use parking_lot::RwLock;

use super::codec::{self, Keep};
use super::resp::Value;
use super::stream::notice;
use crate::engine::reply::Mailbox;
use crate::engine::stream::StreamSink;
use crate::engine::{Sink, Source};
use crate::error::Result;

/// Who hears a channel.
#[derive(Clone)]
pub(super) enum Ear {
    /// A map's copy.
    Map(Weak<dyn Sink>),
    /// What is known of a stream.
    Stream(Weak<dyn StreamSink>),
    /// Who waits for replies.
    Replies(Arc<Mailbox>),
}

impl Ear {
    pub(super) fn lost(&self) {
        match self {
            Self::Map(sink) => sink.upgrade().iter().for_each(|sink| sink.lost()),
            Self::Stream(sink) => sink.upgrade().iter().for_each(|sink| sink.lost()),
            Self::Replies(_) => {}
        }
    }

    pub(super) fn restored(&self) {
        match self {
            Self::Map(sink) => sink.upgrade().iter().for_each(|sink| sink.restored()),
            Self::Stream(sink) => sink.upgrade().iter().for_each(|sink| sink.restored()),
            Self::Replies(_) => {} // who has waited too long gives up
        }
    }
}

/// One who hears, with its number among all that were ever added.
type Numbered = (u64, Ear);

/// Who hears which channel.
#[derive(Default)]
pub(super) struct Router {
    ears: RwLock<HashMap<Vec<u8>, Vec<Numbered>>>,
    added: AtomicU64,
}

impl Router {
    /// Has somebody hear a channel; the number takes it out again.
    pub(super) fn add(&self, channel: &[u8], ear: Ear) -> u64 {
        let number = self.added.fetch_add(1, Ordering::Relaxed);
        self.ears.write().entry(channel.to_vec()).or_default().push((number, ear));
        number
    }

    pub(super) fn remove(&self, channel: &[u8], number: u64) {
        let mut ears = self.ears.write();
        if let Some(hearing) = ears.get_mut(channel) {
            hearing.retain(|(other, _)| *other != number);
            if hearing.is_empty() {
                ears.remove(channel);
            }
        }
    }

    /// Whether anyone hears a channel.
    pub(super) fn hears(&self, channel: &[u8]) -> bool {
        self.ears.read().contains_key(channel)
    }

    pub(super) fn channels(&self) -> Vec<Vec<u8>> {
        self.ears.read().keys().cloned().collect()
    }

    /// Tells everybody something.
    pub(super) fn each(&self, tell: impl Fn(&Ear)) {
        let ears: Vec<Ear> = self.ears.read().values().flatten().map(|(_, ear)| ear.clone()).collect();
        ears.iter().for_each(tell);
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
        let (mut maps, mut streams) = (Vec::new(), Vec::new());
        for (_, ear) in self.ears.read().get(channel).into_iter().flatten() {
            match ear {
                Ear::Map(sink) => maps.extend(sink.upgrade()),
                Ear::Stream(sink) => streams.extend(sink.upgrade()),
                Ear::Replies(mailbox) => {
                    if let Some(number) = payload.first_chunk() {
                        mailbox.deliver(u64::from_be_bytes(*number), payload.slice(8..));
                    }
                }
            }
        }
        let told = match (maps.is_empty(), streams.is_empty()) {
            (false, _) => tell_maps(&maps, payload),
            (true, false) => notice::tell(&streams, payload),
            (true, true) => Ok(()),
        };
        if let Err(error) = told {
            // Whoever sent this, the log says what is true.
            tracing::warn!(channel = %String::from_utf8_lossy(channel), %error, "bad message");
            maps.iter().for_each(|sink| sink.restored());
            streams.iter().for_each(|sink| sink.restored());
        }
    }
}

fn tell_maps(sinks: &[Arc<dyn Sink>], payload: &Bytes) -> Result<()> {
    let known = codec::decode_head(payload);
    if known.is_some_and(|(first, id, count)| sinks.iter().all(|sink| sink.knows(first, id, count))) {
        return Ok(()); // mostly the client's own writes, whose answers were faster
    }
    let batch = codec::decode_message(payload, Keep::Values)?;
    sinks.iter().for_each(|sink| sink.batch(&batch, Source::Push));
    Ok(())
}
