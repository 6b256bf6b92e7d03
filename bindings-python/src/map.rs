//! A map's handle: writes, reads at the engine, watching. Its local reads are in `reads`.

use std::sync::Arc;

use ponos::{Error, Filter, From, Map, Status, WatchOptions};
use ponos_bindings_core::runtime::Held;
use ponos_bindings_core::watcher::SharedWatcher;
use ponos_bindings_core::{Call, MapCall};
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};

use crate::codec::Codec;
use crate::error::{OrRaise, guard};
use crate::ops::{call, op};
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

    pub(crate) fn codec(&self) -> &Arc<Codec> {
        &self.codec
    }

    pub(crate) fn call<'py>(&self, py: Python<'py>, call: MapCall) -> Answered<'py> {
        submit(py, Call::Map { map: self.map(py)?, call }, &self.codec)
    }
}

#[pymethods]
impl MapCore {
    /// Does one operation: see [`op`].
    #[pyo3(signature = (name, key, *args))]
    fn write<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        key: String,
        args: &Bound<'py, PyTuple>,
    ) -> Answered<'py> {
        self.call(py, call(key, op(&self.codec, name, args)?))
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
        Ok(WatchCore::new(watcher, self.codec.clone()))
    }
}
