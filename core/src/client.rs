//! The client: opens an engine by URL and gives out handles by name.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::OnceCell;

use crate::engine::memory::Memory;
use crate::engine::stream::StreamId;
use crate::engine::{Engine, MapId};
use crate::error::{Error, Result};
use crate::map::{Codec, Map, MapOptions, Shared, TypedMap};
use crate::model::name;
use crate::rt::Gate;
use crate::stream::{self, Stream, StreamOptions};
use crate::time;
use crate::url::{Callers, EngineUrl, Settings};

/// A scope and a name in it.
type ObjectName = (String, String);

/// An object that is open or being opened: those who ask meanwhile wait for the first.
type Opening<T> = Arc<OnceCell<Arc<T>>>;

/// A client of one engine: cheap to clone, safe to share.
#[derive(Clone)]
pub struct Ponos {
    inner: Arc<Inner>,
}

struct Inner {
    settings: Settings,
    engine: Arc<dyn Engine>,
    maps: Mutex<HashMap<ObjectName, Opening<Shared>>>,
    streams: Mutex<HashMap<ObjectName, Opening<stream::Shared>>>,
    gate: Arc<Gate>,
}

impl std::fmt::Debug for Ponos {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Ponos({})", self.inner.settings.engine)
    }
}

impl Ponos {
    /// Opens the engine that `url` names: `memory://name` in this process, or `redis://user:password@host:6379/0`
    /// (`rediss://` with TLS).
    ///
    /// Parameters, after `?`: `timeout` (of each call, default `5s`), `max_value` (bytes, default 1 MiB),
    /// `log_len` (log entries kept for repair, default 10,000); for Redis also `prefix` (of every key, default
    /// `ponos:`) and `connect_timeout` (default `5s`); for `rediss` also `ca`, `cert` and `key` (PEM files).
    ///
    /// *Errors*: `Invalid` for a bad URL, an unknown parameter or a refused login; `Unavailable` or `Timeout` if
    /// the engine does not answer within `connect_timeout`. *Cost*: for Redis two connections, however many maps
    /// are opened.
    ///
    /// ```
    /// # let runtime = tokio::runtime::Runtime::new()?;
    /// # runtime.block_on(async {
    /// let client = ponos::Ponos::open("memory://").await?;
    /// let greetings = client.map("greetings").await?;
    /// greetings.set("en", "hello").await?;
    /// client.close().await;
    /// # Ok::<(), ponos::Error>(()) })?; Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn open(url: &str) -> Result<Self> {
        Self::open_for(url, Callers::default()).await
    }

    /// As [`Ponos::open`], for callers that are somewhere else than the runtime that it is called in. That is a matter of
    /// speed only: with far callers more calls share one to the engine.
    ///
    /// *Errors*, *cost*: as [`Ponos::open`].
    pub async fn open_for(url: &str, callers: Callers) -> Result<Self> {
        Self::connect(url, callers).await.map_err(|error| error.at("open", ""))
    }

    async fn connect(url: &str, callers: Callers) -> Result<Self> {
        let settings = Settings { callers, ..Settings::parse(url)? };
        let engine: Arc<dyn Engine> = match &settings.engine {
            EngineUrl::Memory { name } => Arc::new(Memory::open(name, settings.max_value, settings.log_len)),
            #[cfg(feature = "redis")]
            EngineUrl::Redis(url) => Arc::new(crate::engine::redis::Redis::open(url, &settings).await?),
            #[cfg(not(feature = "redis"))]
            EngineUrl::Redis(_) => {
                return Err(Error::invalid("this build has no redis engine: enable the feature \"redis\""));
            }
        };
        Ok(Self::with_engine(settings, engine))
    }

    /// A client of an engine that is not built in. `settings` says its limits; its URL is only printed.
    #[must_use]
    pub fn with_engine(settings: Settings, engine: Arc<dyn Engine>) -> Self {
        let (maps, streams, gate) = (Mutex::default(), Mutex::default(), Arc::default());
        Self { inner: Arc::new(Inner { settings, engine, maps, streams, gate }) }
    }

    /// Opens the map of this name with values as bytes; see [`Ponos::map_with`].
    pub async fn map(&self, name: &str) -> Result<Map> {
        self.map_with(name, MapOptions::default()).await
    }

    /// Opens a map: subscribes to its changes and loads its entries. A map that nobody has written to is empty;
    /// opening it creates nothing at the engine.
    ///
    /// Opened twice by one client, a name gives the same local copy.
    ///
    /// *Errors*: `Invalid` for a bad name (empty, over 200 bytes, with control characters or braces), another
    /// codec than the map has, or other options than the open handle's; `Closed`, `Timeout`, `Unavailable`.
    /// *Consistency*: shows at least every write that had returned anywhere. *Cost*: a few round trips and one
    /// for each 1,000 keys; about 250 bytes of memory per entry besides its key and value.
    pub async fn map_with(&self, name: &str, options: MapOptions) -> Result<Map> {
        let opened = self.open_map(name, name, options).await;
        opened.map_err(|error| error.at("map.open", name))
    }

    /// Opens a map of values of a type, such as `client.typed::<Price, Json>("prices")`; see [`TypedMap`].
    ///
    /// *Errors*: as [`Ponos::map_with`]; `Invalid` if the map has another codec.
    pub async fn typed<V, C: Codec<V>>(&self, name: &str) -> Result<TypedMap<V, C>> {
        self.typed_with(name, MapOptions::default()).await
    }

    /// As [`Ponos::typed`], with options; their codec is that of the type.
    ///
    /// *Errors*: as [`Ponos::typed`].
    pub async fn typed_with<V, C: Codec<V>>(
        &self,
        name: &str,
        options: MapOptions,
    ) -> Result<TypedMap<V, C>> {
        let map = self.map_with(name, TypedMap::<V, C>::options(options)).await?;
        Ok(TypedMap::over(map))
    }

    async fn open_map(&self, scope: &str, name: &str, options: MapOptions) -> Result<Map> {
        let Some(_pass) = self.inner.gate.enter() else {
            return Err(Error::closed("the client is closed; open a new one"));
        };
        name::check(name)?;
        if options.codec.is_empty() || options.codec.len() > 64 || options.watch_queue == 0 {
            return Err(Error::invalid(
                "a codec's name has 1 to 64 bytes, and a watch queue at least 1 event",
            ));
        }
        let id = MapId { scope: scope.to_owned(), name: name.to_owned(), codec: options.codec.clone() };
        let cell = cell(&self.inner.maps, scope, name, Shared::is_closed);
        let inner = &self.inner;
        let shared = cell
            .get_or_try_init(|| async {
                let (timeout, max_value) = (inner.settings.timeout, inner.settings.max_value);
                let (engine, gate) = (inner.engine.clone(), inner.gate.clone());
                let opened = Shared::open(engine, id, options.clone(), timeout, max_value, gate);
                opened.await.map(Arc::new)
            })
            .await?;
        if *shared.options() != options {
            return Err(Error::invalid(difference(shared.options(), &options)));
        }
        Ok(Map { shared: shared.clone() })
    }

    /// Opens the stream of this name with payloads as bytes; see [`Ponos::stream_with`].
    pub async fn stream(&self, name: &str) -> Result<Stream> {
        self.stream_with(name, StreamOptions::default()).await
    }

    /// Opens a stream. It is created by the first publish or sink; opening it creates nothing at the engine.
    ///
    /// Opened twice by one client, a name gives the same handle.
    ///
    /// *Errors*: `Invalid` for a bad name (empty, over 200 bytes, with control characters or braces), another codec
    /// than the stream has, or other options than the open handle's; `Closed`, `Timeout`, `Unavailable`. *Cost*: two
    /// round trips; up to 1 MiB of memory for the events heard of last.
    pub async fn stream_with(&self, name: &str, options: StreamOptions) -> Result<Stream> {
        let opened = self.open_stream(name, name, options).await;
        opened.map_err(|error| error.at("stream.open", name))
    }

    async fn open_stream(&self, scope: &str, name: &str, options: StreamOptions) -> Result<Stream> {
        let Some(_pass) = self.inner.gate.enter() else {
            return Err(Error::closed("the client is closed; open a new one"));
        };
        name::check(name)?;
        options.check()?;
        let id = StreamId { scope: scope.to_owned(), name: name.to_owned(), codec: options.codec.clone() };
        let cell = cell(&self.inner.streams, scope, name, stream::Shared::is_closed);
        let inner = &self.inner;
        let open = || {
            let (timeout, max_value) = (inner.settings.timeout, inner.settings.max_value);
            let (engine, gate) = (inner.engine.clone(), inner.gate.clone());
            stream::Shared::open(engine, id, options.clone(), timeout, max_value, gate)
        };
        let shared = cell.get_or_try_init(open).await?;
        if *shared.options() != options {
            let (open, wanted) = (shared.options(), &options);
            let message = format!(
                "the stream is open with {open:?}, not {wanted:?}; close it first or ask for the same"
            );
            return Err(Error::invalid(message));
        }
        Ok(Stream { shared: shared.clone() })
    }

    /// A scope: its maps and streams can be changed together in one step, see
    /// [`StepBuilder`](crate::stream::StepBuilder). On Redis they are in one hash slot.
    ///
    /// *Errors*: its maps and streams refuse a bad name.
    #[must_use]
    pub fn scope(&self, name: &str) -> Scope {
        Scope { client: self.clone(), name: name.to_owned() }
    }

    /// Closes every stream and map, draining calls in flight, and the connections. A second call does nothing.
    pub async fn close(&self) {
        if !self.inner.gate.close() {
            return;
        }
        let streams: Vec<_> = self.inner.streams.lock().drain().map(|(_, cell)| cell).collect();
        for shared in streams.iter().filter_map(|cell| cell.get()) {
            shared.close().await;
        }
        let maps: Vec<_> = self.inner.maps.lock().drain().map(|(_, cell)| cell).collect();
        for shared in maps.iter().filter_map(|cell| cell.get()) {
            shared.close().await;
        }
        let deadline = time::now() + self.inner.settings.timeout;
        if let Err(error) = time::within(deadline, "closing", self.inner.engine.close()).await {
            tracing::warn!(%error, "the engine did not close in time");
        }
    }
}

/// Maps and streams that can be changed together: a name in front of theirs.
#[derive(Clone, Debug)]
pub struct Scope {
    client: Ponos,
    name: String,
}

impl Scope {
    /// As [`Ponos::map`], of this scope.
    pub async fn map(&self, name: &str) -> Result<Map> {
        self.map_with(name, MapOptions::default()).await
    }

    /// As [`Ponos::map_with`], of this scope.
    pub async fn map_with(&self, name: &str, options: MapOptions) -> Result<Map> {
        let opened = async {
            name::check(&self.name)?;
            self.client.open_map(&self.name, name, options).await
        };
        opened.await.map_err(|error| error.at("map.open", name))
    }

    /// As [`Ponos::stream`], of this scope.
    pub async fn stream(&self, name: &str) -> Result<Stream> {
        self.stream_with(name, StreamOptions::default()).await
    }

    /// As [`Ponos::stream_with`], of this scope.
    pub async fn stream_with(&self, name: &str, options: StreamOptions) -> Result<Stream> {
        let opened = async {
            name::check(&self.name)?;
            self.client.open_stream(&self.name, name, options).await
        };
        opened.await.map_err(|error| error.at("stream.open", name))
    }
}

/// The place of an object that is open or is to be opened. Those that were closed are forgotten, with all that they
/// hold: who opens ever new names has no more than are open.
fn cell<T>(
    objects: &Mutex<HashMap<ObjectName, Opening<T>>>,
    scope: &str,
    name: &str,
    closed: impl Fn(&T) -> bool,
) -> Opening<T> {
    let mut objects = objects.lock();
    let known = objects.get(&(scope.to_owned(), name.to_owned()));
    if let Some(cell) = known.filter(|cell| !cell.get().is_some_and(|open| closed(open))) {
        return cell.clone();
    }
    objects.retain(|_, cell| !cell.get().is_some_and(|open| closed(open)));
    objects.entry((scope.to_owned(), name.to_owned())).or_default().clone()
}

/// Which options a map that is open has otherwise than it is wanted.
fn difference(open: &MapOptions, wanted: &MapOptions) -> String {
    let options = [
        ("codec", open.codec.clone(), wanted.codec.clone()),
        ("ordered", open.ordered.to_string(), wanted.ordered.to_string()),
        ("watch_queue", open.watch_queue.to_string(), wanted.watch_queue.to_string()),
    ];
    let differ = options.iter().filter(|(_, open, wanted)| open != wanted);
    let differ: Vec<String> =
        differ.map(|(name, open, wanted)| format!("with {name}={open}, not {wanted}")).collect();
    format!("the map is open {}; close it first or ask for the same", differ.join(" and "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_closed_is_forgotten() -> Result<()> {
        let client = Ponos::open("memory://forgets").await?;
        let (map, stream) = (client.map("kept").await?, client.stream("kept").await?);
        for number in 0..10 {
            let name = format!("closed {number}");
            client.map(&name).await?.close().await;
            client.stream(&name).await?.close().await;
            let open = (client.inner.maps.lock().len(), client.inner.streams.lock().len());
            assert_eq!(open, (2, 2), "the kept and the last");
        }
        assert_eq!((map.len(), stream.info().await?), (0, None));
        assert_eq!(client.map("closed 3").await?.len(), 0, "it can be opened again");
        Ok(())
    }
}
