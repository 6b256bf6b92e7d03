//! The Redis engine: maps on one server, Redis 7.0 or newer.
//!
//! A map is three names in one hash slot: a hash of entries (each with its revision), a capped stream of changes
//! whose ids are `generation-revision`, and a channel. One script call decides and applies a batch of writes,
//! appends it to the log and publishes it. Replicas hear the channel, and repair what they missed from the log.
//! No `KEYS`, no `CONFIG`: a user with `~prefix* &prefix* +@all -@dangerous -@admin` is enough.
//!
//! `link` keeps the two connections, `mux` shares one of them, `commit` gathers writes, `script` and `lua/` do them, `codec` reads
//! and writes bytes, `push` hands messages to replicas.

mod codec;
mod commit;
mod link;
mod map;
mod mux;
mod push;
mod script;

use std::sync::{Arc, Weak};

use redis::{
    Client, ClientTlsConfig, ConnectionAddr, IntoConnectionInfo, ProtocolVersion, RedisConnectionInfo,
    TlsCertificates,
};

use super::{Engine, MapEngine, MapId, Reply, Sink};
use crate::error::{Error, Result};
use crate::url::{EngineUrl, RedisUrl, Settings, TlsFiles};
use commit::{Commit, Keys};
use link::Link;
use map::RedisMap;

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
        let name = EngineUrl::Redis(url.clone()).to_string();
        let link = Link::open(client(url)?, name, url.connect_timeout).await?;
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
    let text: String = redis::from_redis_value(answer).unwrap_or_default();
    let policy = text.lines().find_map(|line| line.strip_prefix("maxmemory_policy:")).unwrap_or_default();
    if policy.starts_with("allkeys") {
        let message = format!(
            "the server's maxmemory-policy is {policy}, which may evict parts of a map; set noeviction"
        );
        return Err(Error::invalid(message));
    }
    Ok(())
}

fn client(url: &RedisUrl) -> Result<Client> {
    let (host, port) = (url.host.clone(), url.port);
    let address = match &url.tls {
        None => ConnectionAddr::Tcp(host, port),
        Some(_) => ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None },
    };
    let mut login = RedisConnectionInfo::default()
        .set_db(url.database)
        .set_protocol(ProtocolVersion::RESP3)
        .set_skip_set_lib_name();
    if let Some(user) = &url.user {
        login = login.set_username(user);
    }
    if let Some(password) = &url.password {
        login = login.set_password(password);
    }
    let tcp = redis::io::tcp::TcpSettings::default().set_nodelay(true);
    let info = address.into_connection_info().map_err(|error| Error::invalid(error.to_string()))?;
    let info = info.set_redis_settings(login).set_tcp_settings(tcp);
    let built = match &url.tls {
        None => Client::open(info),
        Some(files) => Client::build_with_tls(info, certificates(files)?),
    };
    built.map_err(|error| Error::invalid(format!("the connection cannot be set up: {error}")))
}

fn certificates(files: &TlsFiles) -> Result<TlsCertificates> {
    // Another part of the program may have chosen a provider first: then it stays.
    drop(rustls::crypto::ring::default_provider().install_default());
    let read = |path: &std::path::PathBuf| {
        std::fs::read(path).map_err(|error| {
            Error::invalid(format!("cannot read {}: {error}", path.display())).with_source(error)
        })
    };
    let client_tls = match (&files.cert, &files.key) {
        (Some(cert), Some(key)) => Some(ClientTlsConfig { client_cert: read(cert)?, client_key: read(key)? }),
        _ => None,
    };
    Ok(TlsCertificates { client_tls, root_cert: files.ca.as_ref().map(read).transpose()? })
}
