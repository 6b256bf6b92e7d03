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
mod tls;

use std::sync::{Arc, Weak};

use super::stream::{Outcome, Step, StreamEngine, StreamId, StreamSink};
use super::{Engine, MapEngine, MapId, Reply, Sink};
use crate::error::{Error, Result};
use crate::url::{RedisUrl, Settings};
use commit::{Commit, Keys};
use link::Link;
use map::RedisMap;
use resp::Value;

/// The Redis engine.
pub struct Redis {
    link: Arc<Link>,
    prefix: String,
    log_len: u64,
    max_value: usize,
}

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
        let link = Link::open(url).await?;
        if let Err(error) = refuse_eviction(&link).await {
            link.close().await;
            return Err(error);
        }
        let (prefix, log_len, max_value) = (url.prefix.clone(), settings.log_len, settings.max_value);
        Ok(Self { link, prefix, log_len, max_value })
    }

    async fn attach(&self, id: MapId, sink: Weak<dyn Sink>) -> Result<Arc<dyn MapEngine>> {
        let keys = Keys::new(&self.prefix, &id);
        let number = self.link.subscribe(&keys.channel, sink.clone()).await?;
        let commit = Commit::new(self.link.clone(), sink, keys, &id.codec, self.log_len, self.max_value);
        Ok(Arc::new(RedisMap::new(self.link.clone(), commit, number)))
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

    fn stream(&self, _id: StreamId, _sink: Weak<dyn StreamSink>) -> Reply<'_, Arc<dyn StreamEngine>> {
        Box::pin(std::future::ready(Err(Error::invalid("there are no streams on redis yet"))))
    }

    fn step(&self, _step: Step) -> Reply<'_, Outcome> {
        Box::pin(std::future::ready(Err(Error::invalid("there are no steps on redis yet"))))
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
