//! What the server pushes: published messages on their way to the sinks of the maps, and the end of a connection.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use bytes::Bytes;
use parking_lot::RwLock;
use redis::aio::{AsyncPushSender, SendError};
use redis::{PushInfo, PushKind, Value};
use tokio::sync::watch;

use super::codec;
use crate::engine::{Sink, Source};

/// Which sink hears which channel.
#[derive(Default)]
pub(super) struct Router {
    sinks: RwLock<HashMap<Vec<u8>, Weak<dyn Sink>>>,
}

impl Router {
    pub(super) fn add(&self, channel: &[u8], sink: Weak<dyn Sink>) {
        self.sinks.write().insert(channel.to_vec(), sink);
    }

    pub(super) fn remove(&self, channel: &[u8]) {
        self.sinks.write().remove(channel);
    }

    pub(super) fn channels(&self) -> Vec<Vec<u8>> {
        self.sinks.read().keys().cloned().collect()
    }

    /// Does something with every sink.
    pub(super) fn each(&self, tell: impl Fn(&dyn Sink)) {
        let sinks: Vec<_> = self.sinks.read().values().filter_map(Weak::upgrade).collect();
        sinks.iter().for_each(|sink| tell(&**sink));
    }

    fn message(&self, channel: &[u8], payload: Vec<u8>) {
        let sink = self.sinks.read().get(channel).and_then(Weak::upgrade);
        let Some(sink) = sink else { return };
        match codec::decode_message(&Bytes::from(payload)) {
            Ok(batch) => sink.batch(&batch, Source::Push),
            Err(error) => {
                // Whoever sent this, the log says what is true.
                tracing::warn!(channel = %String::from_utf8_lossy(channel), %error, "bad message");
                sink.restored();
            }
        }
    }
}

/// The end of a connection that the driver gives pushes to.
#[derive(Clone)]
pub(super) struct PushEnd {
    /// Set when the connection ends.
    pub(super) dead: watch::Sender<bool>,
    /// Where messages go; none on the connection for commands.
    pub(super) router: Option<Arc<Router>>,
}

impl AsyncPushSender for PushEnd {
    fn send(&self, info: PushInfo) -> Result<(), SendError> {
        match (info.kind, &self.router) {
            (PushKind::Disconnection, _) => drop(self.dead.send_replace(true)),
            (PushKind::Message, Some(router)) => {
                let mut data = info.data.into_iter();
                if let (Some(Value::BulkString(channel)), Some(Value::BulkString(payload))) =
                    (data.next(), data.next())
                {
                    router.message(&channel, payload);
                }
            }
            _ => {}
        }
        Ok(())
    }
}
