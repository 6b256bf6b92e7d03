//! The Redis engine: maps on one server, Redis 7.0 or newer.
//!
//! A map is three names in one hash slot: a hash of entries (each with its revision), a capped stream of changes
//! whose ids are `generation-revision`, and a channel. One script call decides and applies a batch of writes,
//! appends it to the log and publishes it. Replicas hear the channel, and repair what they missed from the log.
//! No `KEYS`, no `CONFIG`: a user with `~prefix* &prefix* +@all -@dangerous -@admin` is enough.
//!
//! `link` keeps two connections, each a `mux` that many calls share and whose answers `resp` reads; `commit` gathers writes, `call` makes calls of
//! them, `script` and `lua/` do them, `codec` reads and writes bytes, `push` hands messages to replicas.

mod args;
mod call;
mod codec;
mod commit;
mod link;
mod map;
mod mux;
mod push;
mod resp;
mod script;
mod soon;
mod stream;
mod tls;

use std::collections::HashMap;
use std::future::ready;
use std::sync::{Arc, Weak};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{OnceCell, oneshot};

use super::{Engine, MapEngine, MapId, Reply, Sink};
use crate::engine::reply::{Address, Mailbox};
use crate::engine::stream::{Outcome, Step, StreamEngine, StreamId, StreamSink};
use crate::error::{Error, Result};
use crate::model::group::ConsumerId;
use crate::time;
use crate::url::{RedisUrl, Settings};
use call::{Keys, Writes};
use commit::Commit;
use link::Link;
use map::RedisMap;
use push::Ear;
use resp::Value;
use stream::look::Look;
use stream::{RedisGroup, RedisStream, StreamKeys};

/// The Redis engine.
pub struct Redis {
    link: Arc<Link>,
    prefix: String,
    log_len: u64,
    max_value: usize,
    look: Arc<Look>,
    groups: Groups,
    replies: Arc<Mailbox>,
    /// The channel of this client's replies, and whether it hears it.
    mailbox: String,
    listening: OnceCell<u64>,
}

/// The consumers of a client, by their names in their groups.
type Groups = Arc<Mutex<HashMap<ConsumerId, Weak<RedisGroup>>>>;

impl std::fmt::Debug for Redis {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Redis(prefix {:?})", self.prefix)
    }
}

impl Redis {
    /// Connects to the server that `url` names.
    ///
    /// # Errors
    /// `Invalid` for a refused login, bad certificates or a server that evicts any key; `Unavailable` or
    /// `Timeout` if it does not answer.
    pub async fn open(url: &RedisUrl, settings: &Settings) -> Result<Self> {
        let link = Link::open(url, settings.callers).await?;
        if let Err(error) = refuse_eviction(&link).await {
            link.close().await;
            return Err(error);
        }
        let (prefix, log_len, max_value) = (url.prefix.clone(), settings.log_len, settings.max_value);
        let look = Look::begin(&link);
        let mailbox = format!("{prefix}r:{:016x}", time::random_u64());
        let (groups, replies, listening) = (Groups::default(), Arc::default(), OnceCell::new());
        Ok(Self { link, prefix, log_len, max_value, look, groups, replies, mailbox, listening })
    }

    async fn attach(&self, id: MapId, sink: Weak<dyn Sink>) -> Result<Arc<dyn MapEngine>> {
        let keys = Keys::new(&self.prefix, &id);
        let number = self.link.subscribe(&keys.channel, Ear::Map(sink.clone())).await?;
        let writes = Writes::new(sink, keys, &id.codec, self.log_len, self.max_value);
        let commit = Commit::new(self.link.clone(), writes);
        Ok(Arc::new(RedisMap::new(self.link.clone(), commit, number)))
    }
}

impl Redis {
    fn attach_stream(&self, id: &StreamId, sink: Weak<dyn StreamSink>) -> Arc<dyn StreamEngine> {
        let keys = StreamKeys::new(&self.prefix, &id.scope, &id.name);
        let (link, look, groups) = (self.link.clone(), self.look.clone(), self.groups.clone());
        Arc::new(RedisStream::new(link, look, keys, id, sink, groups))
    }
}

impl Drop for Redis {
    /// The supervisors hold the link: without this a client that is dropped unclosed would stay connected.
    fn drop(&mut self) {
        self.link.tasks.stop();
    }
}

impl Engine for Redis {
    fn now(&self) -> u64 {
        self.link.now()
    }

    fn map(&self, id: MapId, sink: Weak<dyn Sink>) -> Reply<'_, Arc<dyn MapEngine>> {
        Box::pin(self.attach(id, sink))
    }

    fn stream(&self, id: StreamId, sink: Weak<dyn StreamSink>) -> Reply<'_, Arc<dyn StreamEngine>> {
        Box::pin(ready(Ok(self.attach_stream(&id, sink))))
    }

    fn step(&self, step: Step) -> Reply<'_, Outcome> {
        Box::pin(async move { self.do_step(&step).await })
    }

    fn listen(&self, waits: oneshot::Sender<Bytes>) -> Reply<'_, Address> {
        Box::pin(async {
            let open = || async {
                let ear = Ear::Replies(self.replies.clone());
                self.link.subscribe(self.mailbox.as_bytes(), ear).await
            };
            // Once for the client, when it asks for the first time.
            self.listening.get_or_try_init(open).await?;
            Ok(self.replies.address(&self.mailbox, waits))
        })
    }

    fn reply(&self, address: String, reply: Bytes) -> Reply<'_, bool> {
        Box::pin(async move {
            let Some((mailbox, number)) =
                Address::parse(&address).filter(|(name, _)| name.starts_with(&self.prefix))
            else {
                return Err(Error::invalid(format!(
                    "{address:?} is no address of a client with this prefix"
                )));
            };
            let mut publish = redis::cmd("PUBLISH");
            publish.arg(mailbox).arg([&number.to_be_bytes(), &reply[..]].concat());
            Ok(matches!(self.link.call(publish).await?, Value::Int(1..)))
        })
    }

    fn close(&self) -> Reply<'_, ()> {
        Box::pin(async {
            self.link.close().await;
            Ok(())
        })
    }
}

/// A server that may evict any key would take a map's entries, or its log, without a word.
async fn refuse_eviction(link: &Link) -> Result<()> {
    let mut info = redis::cmd("INFO");
    info.arg("memory");
    let Ok(answer) = link.call(info).await else {
        tracing::debug!("this user may not ask for the eviction policy: it is taken to be noeviction");
        return Ok(());
    };
    let Value::Text(text) = answer else { return Ok(()) };
    let text = String::from_utf8_lossy(&text);
    let policy = text.lines().find_map(|line| line.strip_prefix("maxmemory_policy:")).unwrap_or_default();
    if policy.starts_with("allkeys") {
        let message = format!(
            "the server's maxmemory-policy is {policy}, which may evict parts of a map; set noeviction"
        );
        return Err(Error::invalid(message));
    }
    Ok(())
}
