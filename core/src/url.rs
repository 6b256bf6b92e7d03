//! The URL of an engine: one table of schemes and parameters, and clear errors for everything else.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::percent_decode_str;

use crate::error::{Error, Result};

/// What a URL says.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    /// Which engine.
    pub engine: EngineUrl,
    /// How long a call may take (`timeout`, default 5 s).
    pub timeout: Duration,
    /// The largest value in bytes (`max_value`, default 1 MiB).
    pub max_value: usize,
    /// How many log entries an engine keeps of each map for repair (`log_len`, default 10,000).
    pub log_len: u64,
    /// Where callers are; no URL says it.
    pub callers: Callers,
}

/// Where the callers of a client are, which says how many of them best share a call to the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Callers {
    /// On the runtime that the client was opened in: whoever is answered is there with the next call at once.
    #[default]
    Near,
    /// On other threads, which have to wake first, like those of other languages.
    Far,
}

/// The engine that a URL names.
#[derive(Clone, PartialEq, Eq)]
pub enum EngineUrl {
    /// `memory://name`: in this process, shared by all clients that open the same name.
    Memory {
        /// Which one; may be empty.
        name: String,
    },
    /// `redis://` or `rediss://`: one server.
    Redis(RedisUrl),
}

/// How to reach a Redis server.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl {
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// The number of the database.
    pub database: i64,
    /// The ACL user.
    pub user: Option<String>,
    /// The password; never printed.
    pub password: Option<String>,
    /// With what every key and channel begins (`prefix`, default `ponos:`).
    pub prefix: String,
    /// How long the first connection may take (`connect_timeout`, default 5 s).
    pub connect_timeout: Duration,
    /// TLS, for `rediss://`.
    pub tls: Option<TlsFiles>,
}

/// Certificates in PEM files.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct TlsFiles {
    /// Authorities to trust instead of the public ones (`ca`).
    pub ca: Option<PathBuf>,
    /// This client's certificate (`cert`); with `key`.
    pub cert: Option<PathBuf>,
    /// The certificate's private key (`key`).
    pub key: Option<PathBuf>,
}

const COMMON: &[&str] = &["timeout", "max_value", "log_len"];
const REDIS: &[&str] = &["prefix", "connect_timeout"];
const TLS: &[&str] = &["ca", "cert", "key"];
const MAX_VALUE_LIMIT: usize = 64 << 20;

impl Settings {
    /// Reads a URL.
    ///
    /// # Errors
    /// `Invalid` for an unknown scheme or parameter or a value out of its limits; the message lists what is
    /// known and never holds the password.
    pub fn parse(text: &str) -> Result<Self> {
        let url = url::Url::parse(text).map_err(|error| {
            Error::invalid(format!(
                "the url cannot be read: {error}; write one like memory:// or redis://host:6379"
            ))
        })?;
        let known: Vec<&str> = match url.scheme() {
            "memory" => COMMON.to_vec(),
            "redis" => [COMMON, REDIS].concat(),
            "rediss" => [COMMON, REDIS, TLS].concat(),
            other => {
                let hint = "known are memory://, redis:// and rediss://";
                return Err(Error::invalid(format!("unknown scheme {other:?}; {hint}")));
            }
        };
        let parameters = Parameters::read(&url, &known)?;
        if url.fragment().is_some() {
            return Err(Error::invalid("a url has no #fragment; write # inside a password as %23"));
        }
        let engine = if url.scheme() == "memory" { memory(&url)? } else { redis(&url, &parameters)? };
        Ok(Self {
            engine,
            timeout: parameters.duration("timeout")?.unwrap_or(Duration::from_secs(5)),
            max_value: parameters.number("max_value", 1, MAX_VALUE_LIMIT as u64)?.unwrap_or(1 << 20) as usize,
            log_len: parameters.number("log_len", 100, 10_000_000)?.unwrap_or(10_000),
            callers: Callers::default(),
        })
    }
}

fn memory(url: &url::Url) -> Result<EngineUrl> {
    if url.port().is_some() || !url.username().is_empty() || url.password().is_some() {
        return Err(Error::invalid("a memory url has a name and no user or port: memory://name"));
    }
    let path = url.path().trim_start_matches('/');
    let name = [url.host_str().unwrap_or_default(), path].join("/");
    Ok(EngineUrl::Memory { name: decode(name.trim_matches('/'))? })
}

fn redis(url: &url::Url, parameters: &Parameters<'_>) -> Result<EngineUrl> {
    let host = url.host_str().filter(|host| !host.is_empty());
    let host = host.ok_or_else(|| Error::invalid("a redis url names a host: redis://host:6379"))?;
    let path = url.path().trim_matches('/');
    let database = if path.is_empty() { Ok(0) } else { path.parse::<u32>() };
    let database = database
        .map_err(|_| Error::invalid(format!("the path of a redis url is a database number, not {path:?}")))?;
    let prefix = parameters.text("prefix").unwrap_or("ponos:").to_owned();
    if prefix.contains(['{', '}']) || prefix.len() > 200 {
        let message = format!("prefix={prefix:?} must have no braces and at most 200 bytes");
        return Err(Error::invalid(message));
    }
    let tls = (url.scheme() == "rediss").then(|| TlsFiles {
        ca: parameters.text("ca").map(PathBuf::from),
        cert: parameters.text("cert").map(PathBuf::from),
        key: parameters.text("key").map(PathBuf::from),
    });
    if tls.as_ref().is_some_and(|tls| tls.cert.is_some() != tls.key.is_some()) {
        return Err(Error::invalid("cert and key go together: give both or none"));
    }
    Ok(EngineUrl::Redis(RedisUrl {
        host: host.trim_matches(['[', ']']).to_owned(),
        port: url.port().unwrap_or(6379),
        database: i64::from(database),
        user: Some(decode(url.username())?).filter(|user| !user.is_empty()),
        password: url.password().map(decode).transpose()?,
        prefix,
        connect_timeout: parameters.duration("connect_timeout")?.unwrap_or(Duration::from_secs(5)),
        tls,
    }))
}

fn decode(text: &str) -> Result<String> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(Into::into).map_err(|_| Error::invalid("a percent escape of the url is not utf-8"))
}

/// The query of a URL, checked against the known names.
struct Parameters<'a> {
    pairs: Vec<(std::borrow::Cow<'a, str>, std::borrow::Cow<'a, str>)>,
}

impl<'a> Parameters<'a> {
    fn read(url: &'a url::Url, known: &[&str]) -> Result<Self> {
        let pairs: Vec<_> = url.query_pairs().collect();
        for (index, (name, _)) in pairs.iter().enumerate() {
            if !known.contains(&name.as_ref()) {
                let scheme = url.scheme();
                let list = known.join(", ");
                let message = format!("unknown parameter {name:?} of a {scheme} url; known are {list}");
                return Err(Error::invalid(message));
            }
            if pairs[..index].iter().any(|(earlier, _)| earlier == name) {
                return Err(Error::invalid(format!("the parameter {name:?} stands twice in the url")));
            }
        }
        Ok(Self { pairs })
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_ref())
    }

    fn number(&self, name: &str, min: u64, max: u64) -> Result<Option<u64>> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let number = text.parse().ok().filter(|number| (min..=max).contains(number));
        number.map(Some).ok_or_else(|| {
            Error::invalid(format!("{name}={text:?} must be a whole number from {min} to {max}"))
        })
    }

    fn duration(&self, name: &str) -> Result<Option<Duration>> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
        let factor = match unit {
            "ms" => Some(1),
            "s" => Some(1_000),
            "m" => Some(60_000),
            _ => None,
        };
        let ms =
            digits.parse::<u64>().ok().zip(factor).and_then(|(number, factor)| number.checked_mul(factor));
        let ms = ms.filter(|ms| (1..=3_600_000).contains(ms));
        ms.map(|ms| Some(Duration::from_millis(ms))).ok_or_else(|| {
            Error::invalid(format!("{name}={text:?} must be a time from 1ms to 60m, such as 500ms, 5s or 2m"))
        })
    }
}

impl fmt::Display for EngineUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory { name } => write!(out, "memory://{name}"),
            Self::Redis(url) => {
                let scheme = if url.tls.is_some() { "rediss" } else { "redis" };
                let user = url.user.as_deref().unwrap_or_default();
                let secret = if url.password.is_some() { ":***@" } else { "" };
                write!(out, "{scheme}://{user}{secret}{}:{}/{}", url.host, url.port, url.database)
            }
        }
    }
}

impl fmt::Debug for EngineUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{self}")
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", EngineUrl::Redis(self.clone()))
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Settings({}, timeout {:?})", self.engine, self.timeout)
    }
}

#[cfg(test)]
#[path = "url_tests.rs"]
mod tests;
