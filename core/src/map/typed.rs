//! Maps of values of a type: the same map, with a codec between the program and the bytes.

use std::fmt;
use std::marker::PhantomData;

use bytes::Bytes;
#[cfg(feature = "json")]
use serde::{Serialize, de::DeserializeOwned};

use super::{Map, MapOptions, SetOptions, Written};
use crate::error::{Error, Result};
use crate::model::value::Key;

/// Turns values into bytes and back.
///
/// Its name is kept with the map, so that a client that opens the map with another codec, in whatever language, is
/// told so instead of reading nonsense.
pub trait Codec<V> {
    /// The name, the same in every language: `json`, `str`, or one of your own.
    const NAME: &'static str;

    /// The bytes of a value.
    ///
    /// # Errors
    /// `Invalid` if the value has no such form.
    fn encode(value: &V) -> Result<Bytes>;

    /// The value of some bytes.
    ///
    /// # Errors
    /// `Invalid` if the bytes are not of this form.
    fn decode(bytes: &[u8]) -> Result<V>;
}

/// Values as JSON, as the codec `json` of the other languages has it. Numbers that JSON has not, NaN and the infinities,
/// are written as `null`, as `serde_json` does.
#[cfg(feature = "json")]
#[derive(Clone, Copy, Debug)]
pub struct Json;

#[cfg(feature = "json")]
impl<V: Serialize + DeserializeOwned> Codec<V> for Json {
    const NAME: &'static str = "json";

    fn encode(value: &V) -> Result<Bytes> {
        let encoded = serde_json::to_vec(value);
        encoded
            .map(Bytes::from)
            .map_err(|error| Error::invalid(format!("not to be written as json: {error}")))
    }

    fn decode(bytes: &[u8]) -> Result<V> {
        serde_json::from_slice(bytes).map_err(|error| Error::invalid(format!("not of this type: {error}")))
    }
}

/// UTF-8 text, as the codec `str` of the other languages has it.
#[derive(Clone, Copy, Debug)]
pub struct Text;

impl Codec<String> for Text {
    const NAME: &'static str = "str";

    fn encode(value: &String) -> Result<Bytes> {
        Ok(Bytes::copy_from_slice(value.as_bytes()))
    }

    fn decode(bytes: &[u8]) -> Result<String> {
        let text = std::str::from_utf8(bytes).map_err(|error| Error::invalid(format!("no text: {error}")))?;
        Ok(text.to_owned())
    }
}

/// A map whose values are of type `V`: made by [`Ponos::typed`](crate::Ponos::typed).
///
/// What needs no codec (counters, deletes, watching, snapshots) is done on the [`TypedMap::map`] below it.
///
/// ```
/// # let runtime = tokio::runtime::Runtime::new()?;
/// # runtime.block_on(async {
/// use ponos::{Event, Json, Ponos, TypedMap};
///
/// #[derive(serde::Serialize, serde::Deserialize, PartialEq, Debug)]
/// struct Price { cents: u64, currency: String }
///
/// let client = Ponos::open("memory://").await?;
/// let prices: TypedMap<Price, Json> = client.typed("typed").await?;
/// let mut changes = prices.map().watch("*");
/// let price = Price { cents: 6_410_000, currency: "USD".into() };
/// prices.set("btc", &price).await?;
/// assert_eq!(prices.get("btc")?.as_ref(), Some(&price));
/// let _synced = changes.next().await;
/// if let Some(Event::Set { value, .. }) = changes.next().await {
///     assert_eq!(prices.decode("btc", &value)?, price);
/// }
/// # Ok::<(), ponos::Error>(()) })?; Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct TypedMap<V, C> {
    map: Map,
    types: PhantomData<fn() -> (V, C)>,
}

impl<V, C> Clone for TypedMap<V, C> {
    fn clone(&self) -> Self {
        Self { map: self.map.clone(), types: PhantomData }
    }
}

impl<V, C> fmt::Debug for TypedMap<V, C> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("TypedMap").field(&self.map).finish()
    }
}

impl<V, C: Codec<V>> TypedMap<V, C> {
    pub(crate) fn options(options: MapOptions) -> MapOptions {
        options.codec(C::NAME)
    }

    pub(crate) const fn over(map: Map) -> Self {
        Self { map, types: PhantomData }
    }

    /// The map below, of bytes.
    #[must_use]
    pub const fn map(&self) -> &Map {
        &self.map
    }

    /// The value of `key` in the local copy.
    ///
    /// *Errors*: `Invalid` if its bytes are not of the type. *Consistency* and *cost*: those of [`Map::get`], and
    /// the decoding.
    pub fn get(&self, key: &str) -> Result<Option<V>> {
        self.map.get(key).map(|bytes| self.decode(key, &bytes)).transpose()
    }

    /// As [`TypedMap::get`], asked of the engine.
    ///
    /// *Errors*: those of [`Map::get_latest`] too.
    pub async fn get_latest(&self, key: &str) -> Result<Option<V>> {
        let entry = self.map.get_latest(key).await?;
        entry.map(|entry| self.decode(key, &entry.value)).transpose()
    }

    /// All keys with their values, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (Key, Result<V>)> {
        let entries: Vec<_> = self
            .map
            .snapshot()
            .iter()
            .map(|(key, entry)| (key.clone(), self.decode(key, &entry.value)))
            .collect();
        entries.into_iter()
    }

    /// Sets `key`, and drops its time to live.
    ///
    /// *Errors*: `Invalid` if the value cannot be encoded, and those of [`Map::set`].
    pub async fn set(&self, key: &str, value: &V) -> Result<Written> {
        self.set_with(key, value, SetOptions::default()).await
    }

    /// As [`TypedMap::set`], under a condition or with a time to live. For
    /// [`if_value`](SetOptions::if_value) the value comes from [`TypedMap::encode`].
    ///
    /// *Errors*: as [`Map::set_with`].
    pub async fn set_with(&self, key: &str, value: &V, options: SetOptions) -> Result<Written> {
        let bytes = self.encode(key, value)?;
        self.map.set_with(key, bytes, options).await
    }

    /// The bytes that stand for a value.
    ///
    /// *Errors*: `Invalid` if it cannot be encoded.
    pub fn encode(&self, key: &str, value: &V) -> Result<Bytes> {
        C::encode(value).map_err(|error| self.named("map.encode", key, &error))
    }

    /// The value that bytes of this map stand for: those of an event, a snapshot or a [`Written::previous`].
    ///
    /// *Errors*: `Invalid` if they are not of the type.
    pub fn decode(&self, key: &str, bytes: &[u8]) -> Result<V> {
        C::decode(bytes).map_err(|error| self.named("map.decode", key, &error))
    }

    fn named(&self, operation: &'static str, key: &str, error: &Error) -> Error {
        let message = format!("key {key:?}, codec {:?}: {}", C::NAME, error.message());
        Error::new(error.kind(), message).at(operation, self.map.name())
    }
}
