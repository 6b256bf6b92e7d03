//! A map's handle: writes, reads at the engine, watching. Its local reads are in `reads`.

use std::sync::Arc;

use ponos::{Error, Filter, From, IncrFloatOptions, IncrOptions, Map, SetOptions, Status, WatchOptions};
use ponos_bindings_core::runtime::Held;
use ponos_bindings_core::watcher::SharedWatcher;
use ponos_bindings_core::{Call, MapCall};
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::codec::Codec;
use crate::error::{OrRaise, guard};
use crate::options::{condition, duration};
use crate::queue::submit;
use crate::watch::WatchCore;

/// The answer, or a [`Pending`](crate::queue::Pending).
type Answered<'py> = PyResult<Bound<'py, PyAny>>;

/// A handle to a replicated map.
#[pyclass(frozen, generic, module = "ponos")]
pub(crate) struct MapCore {
    map: Held<Map>,
    codec: Arc<Codec>,
}

impl MapCore {
    pub(crate) fn new(map: Map, codec: Arc<Codec>) -> Self {
        Self { map: Held::new(map), codec }
    }

    pub(crate) fn map(&self, py: Python<'_>) -> PyResult<Map> {
        self.map.get().or_raise(py).cloned()
    }

    pub(crate) fn codec(&self) -> Arc<Codec> {
        self.codec.clone()
    }

    pub(crate) fn call<'py>(&self, py: Python<'py>, call: MapCall) -> Answered<'py> {
        submit(py, Call::Map { map: self.map(py)?, call }, &self.codec)
    }
}

#[pymethods]
impl MapCore {
    #[allow(clippy::too_many_arguments, reason = "the keywords of one method")]
    fn set<'py>(
        &self,
        py: Python<'py>,
        key: String,
        value: &Bound<'py, PyAny>,
        if_absent: bool,
        if_present: bool,
        if_revision: Option<u64>,
        if_value: &Bound<'py, PyAny>,
        ttl: Option<f64>,
    ) -> Answered<'py> {
        let value = self.codec.encode(value)?;
        let when = condition(&self.codec, if_absent, if_present, if_revision, if_value)?;
        let options = SetOptions { when, ttl: duration(py, ttl)? };
        self.call(py, MapCall::Set { key, value, options })
    }

    fn delete<'py>(
        &self,
        py: Python<'py>,
        key: String,
        if_present: bool,
        if_revision: Option<u64>,
        if_value: &Bound<'py, PyAny>,
    ) -> Answered<'py> {
        let when = condition(&self.codec, false, if_present, if_revision, if_value)?;
        self.call(py, MapCall::Delete { key, when })
    }

    fn incr<'py>(
        &self,
        py: Python<'py>,
        key: String,
        by: i64,
        min: Option<i64>,
        max: Option<i64>,
    ) -> Answered<'py> {
        let all = IncrOptions::default();
        let bounds = IncrOptions { min: min.unwrap_or(all.min), max: max.unwrap_or(all.max) };
        self.call(py, MapCall::Incr { key, by, bounds })
    }

    fn incr_float<'py>(
        &self,
        py: Python<'py>,
        key: String,
        by: f64,
        min: Option<f64>,
        max: Option<f64>,
    ) -> Answered<'py> {
        let all = IncrFloatOptions::default();
        let bounds = IncrFloatOptions { min: min.unwrap_or(all.min), max: max.unwrap_or(all.max) };
        self.call(py, MapCall::IncrFloat { key, by, bounds })
    }

    fn list_append<'py>(&self, py: Python<'py>, key: String, items: &Bound<'py, PyAny>) -> Answered<'py> {
        self.call(py, MapCall::ListAppend { key, items: self.codec.encode_all(items)? })
    }

    fn list_append_unique<'py>(
        &self,
        py: Python<'py>,
        key: String,
        items: &Bound<'py, PyAny>,
    ) -> Answered<'py> {
        self.call(py, MapCall::ListAppendUnique { key, items: self.codec.encode_all(items)? })
    }

    fn list_remove<'py>(&self, py: Python<'py>, key: String, items: &Bound<'py, PyAny>) -> Answered<'py> {
        self.call(py, MapCall::ListRemove { key, items: self.codec.encode_all(items)? })
    }

    fn set_add<'py>(&self, py: Python<'py>, key: String, items: &Bound<'py, PyAny>) -> Answered<'py> {
        self.call(py, MapCall::SetAdd { key, items: self.codec.encode_all(items)? })
    }

    fn set_remove<'py>(&self, py: Python<'py>, key: String, items: &Bound<'py, PyAny>) -> Answered<'py> {
        self.call(py, MapCall::SetRemove { key, items: self.codec.encode_all(items)? })
    }

    fn touch<'py>(&self, py: Python<'py>, key: String, ttl: Option<f64>) -> Answered<'py> {
        self.call(py, MapCall::Touch { key, ttl: duration(py, ttl)? })
    }

    fn clear<'py>(&self, py: Python<'py>) -> Answered<'py> {
        self.call(py, MapCall::Clear)
    }

    fn destroy<'py>(&self, py: Python<'py>) -> Answered<'py> {
        self.call(py, MapCall::Destroy)
    }

    fn get_latest<'py>(&self, py: Python<'py>, key: String) -> Answered<'py> {
        self.call(py, MapCall::GetLatest { key })
    }

    fn sync<'py>(&self, py: Python<'py>) -> Answered<'py> {
        self.call(py, MapCall::Sync)
    }

    fn wait_for<'py>(&self, py: Python<'py>, revision: u64) -> Answered<'py> {
        self.call(py, MapCall::WaitFor { revision })
    }

    fn close<'py>(&self, py: Python<'py>) -> Answered<'py> {
        self.call(py, MapCall::Close)
    }

    fn name(&self) -> &str {
        self.map.read().name()
    }

    fn codec_name(&self) -> &str {
        self.map.read().codec()
    }

    /// The state, and since when in seconds since 1970 if it is `stale`.
    #[allow(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit for 285,000 years")]
    fn status(&self) -> (&'static str, Option<f64>) {
        match self.map.get().map(Map::status) {
            Ok(Status::Live) => ("live", None),
            Ok(Status::Stale { since }) => ("stale", Some(since as f64 / 1e3)),
            Ok(Status::Resyncing) => ("resyncing", None),
            _ => ("closed", None),
        }
    }

    /// `start` is `"now"`, `"snapshot"` or a revision.
    fn watch(
        &self,
        py: Python<'_>,
        patterns: Vec<String>,
        prefix: Option<String>,
        start: &Bound<'_, PyAny>,
    ) -> PyResult<WatchCore> {
        let mut filters: Vec<_> = patterns.iter().map(|text| Filter::from(text.as_str())).collect();
        filters.extend(prefix.map(Filter::Prefix));
        let filter = if filters.is_empty() { Filter::All } else { Filter::Any(filters) };
        let from = match start.cast::<PyString>().ok().map(|name| name.to_str()).transpose()? {
            None => From::Revision(start.extract()?),
            Some("now") => From::Now,
            Some("snapshot") => From::Snapshot,
            Some(name) => {
                let message = format!("start is \"now\", \"snapshot\" or a revision, not {name:?}");
                return Err(Error::invalid(message).at("map.watch", self.name())).or_raise(py);
            }
        };
        let options = WatchOptions { filter, from };
        let map = self.map(py)?;
        let watcher = guard(py, || Ok(SharedWatcher::new(map.watch_with(options))))?;
        Ok(WatchCore::new(watcher, self.codec()))
    }
}
