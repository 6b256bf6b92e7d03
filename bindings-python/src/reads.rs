//! Local reads: of a map's copy as it is now, or of a snapshot. They neither wait nor give up the GIL, which
//! would take longer than the reading.

use std::sync::Arc;

use ponos::model::value::{Key, Position};
use ponos::{Entry, Map, Snapshot};
use ponos_bindings_core::runtime::Held;
use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;
use pyo3::types::{PyIterator, PyList, PyString};

use crate::answer;
use crate::codec::Codec;
use crate::error::guard;
use crate::map::MapCore;

/// The reads that maps and snapshots have in common.
#[pyclass(frozen, subclass, generic, module = "ponos")]
pub(crate) struct Reads {
    source: Source,
    codec: Arc<Codec>,
}

enum Source {
    Live(Held<Map>),
    Still(Snapshot),
}

/// Keys with their decoded values.
type Pairs<'py> = Vec<(Bound<'py, PyString>, Bound<'py, PyAny>)>;

impl Source {
    fn with<T>(&self, key: &str, look: impl FnOnce(&Entry) -> T) -> Option<T> {
        match self {
            Self::Live(map) => map.read().with(key, look),
            Self::Still(snapshot) => snapshot.entry(key).map(look),
        }
    }

    fn snapshot(&self) -> Snapshot {
        match self {
            Self::Live(map) => map.read().snapshot(),
            Self::Still(snapshot) => snapshot.clone(),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Live(map) => map.read().len(),
            Self::Still(snapshot) => snapshot.len(),
        }
    }

    fn position(&self) -> Position {
        match self {
            Self::Live(map) => map.read().position(),
            Self::Still(snapshot) => snapshot.position(),
        }
    }
}

impl Reads {
    fn find<'py>(&self, py: Python<'py>, key: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
        guard(py, || {
            let found =
                self.source.with(key, |entry| self.codec.seen(py, key, entry).ok_or_else(|| entry.clone()));
            match found {
                None => Ok(None),
                Some(Ok(seen)) => seen.map(Some),
                Some(Err(entry)) => self.codec.learn(py, key, &entry, self.source.len()).map(Some),
            }
        })
    }

    fn pairs<'py>(&self, py: Python<'py>, entries: Vec<(Key, Entry)>) -> PyResult<Pairs<'py>> {
        let pair = |(key, entry): (Key, Entry)| {
            let seen = self.codec.seen(py, &key, &entry);
            let value = seen.unwrap_or_else(|| self.codec.decode_value(py, &entry.value, entry.shape))?;
            Ok((PyString::new(py, &key), value))
        };
        entries.into_iter().map(pair).collect()
    }
}

#[pymethods]
impl Reads {
    /// Of a map as it is now, or of what `of` shows at this moment.
    #[new]
    fn new(py: Python<'_>, of: &Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(core) = of.cast::<MapCore>() {
            let core = core.get();
            return Ok(Self { source: Source::Live(Held::new(core.map(py)?)), codec: core.codec().clone() });
        }
        let of = of.cast::<Self>()?.get();
        let snapshot = guard(py, || Ok(of.source.snapshot()))?;
        Ok(Self { source: Source::Still(snapshot), codec: of.codec.clone() })
    }

    /// The value of `key` in the local copy, or `default`; of a list a list of its items, of a set a frozen set.
    ///
    /// Errors: those of the codec, if the bytes are not its own.
    /// Consistency: of a map, shows every write of this handle that has returned, and others' as they arrive;
    /// never a value past its deadline. Of a snapshot, what was there when it was taken.
    /// Cost: no round trip. Bytes are copied; what a codec made of them is kept until the entry changes, and is
    /// given again to whoever asks: do not change it.
    ///
    ///     client = await ponos.open("memory://")
    ///     prices = await client.map("prices", codec=ponos.json)
    ///     assert prices.get("btc", 0) == 0
    ///     await prices.set("btc", 64_000)
    ///     assert prices["btc"] == prices.get("btc") == 64_000
    #[pyo3(signature = (key, default=None, /))]
    fn get<'py>(
        &self,
        py: Python<'py>,
        key: &str,
        default: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        Ok(self.find(py, key)?.or(default))
    }

    /// As `get`; a `KeyError` if the key is absent.
    fn __getitem__<'py>(&self, py: Python<'py>, key: &str) -> PyResult<Bound<'py, PyAny>> {
        self.find(py, key)?.ok_or_else(|| PyKeyError::new_err(key.to_owned()))
    }

    fn __contains__(&self, key: &Bound<'_, PyAny>) -> PyResult<bool> {
        let Ok(key) = key.cast::<PyString>() else { return Ok(false) };
        Ok(self.source.with(key.to_str()?, |_| ()).is_some())
    }

    /// How many keys there are, in O(1): one that has just expired may still count.
    fn __len__(&self) -> usize {
        self.source.len()
    }

    /// The keys of one revision, in no order.
    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        let snapshot = guard(py, || Ok(self.source.snapshot()))?;
        let keys = PyList::empty(py);
        snapshot.iter().try_for_each(|(key, _)| keys.append(PyString::new(py, key)))?;
        keys.try_iter()
    }

    /// The value of `key` with its revision, shape and deadline; `None` if it is absent. As `get`, but decoded
    /// anew, when its `value` is first asked for.
    fn entry(&self, py: Python<'_>, key: &str) -> PyResult<Option<answer::Entry>> {
        let entry = guard(py, || Ok(self.source.with(key, Entry::clone)))?;
        Ok(entry.map(|entry| answer::Entry::new(entry, self.codec.clone())))
    }

    /// The items of a list or set, in order and decoded; `None` if the key is absent or has a plain value.
    ///
    /// Consistency as `get`. Cost: O(items).
    fn items_of<'py>(&self, py: Python<'py>, key: &str) -> PyResult<Option<Bound<'py, PyList>>> {
        let items = guard(py, || Ok(self.source.with(key, Entry::items).flatten()))?;
        items.map(|items| self.codec.decode_items(py, items.into_iter())).transpose()
    }

    /// The keys that begin with `prefix`, with their values, by key.
    ///
    /// Consistency: those of one revision. Cost: O(keys), or O(log keys + results) for a map opened with
    /// `ordered=True`.
    fn prefix<'py>(&self, py: Python<'py>, prefix: &str) -> PyResult<Pairs<'py>> {
        let entries = guard(py, || Ok(self.source.snapshot().prefix(prefix)))?;
        self.pairs(py, entries)
    }

    /// The keys from `start` up to, but without, `end` in the order of their UTF-8 bytes, with their values, by
    /// key; `None` leaves a side open. Consistency and cost as `prefix`.
    #[pyo3(signature = (start=None, end=None))]
    fn range<'py>(&self, py: Python<'py>, start: Option<&str>, end: Option<&str>) -> PyResult<Pairs<'py>> {
        let start = start.unwrap_or("");
        let entries = guard(py, || {
            let snapshot = self.source.snapshot();
            Ok(end.map_or_else(|| snapshot.range(start..), |end| snapshot.range(start..end)))
        })?;
        self.pairs(py, entries)
    }

    /// The revision of the last change shown; 0 for a map that nobody has written yet.
    #[getter]
    fn revision(&self) -> u64 {
        self.source.position().revision
    }

    /// The life of the map that the revision belongs to: a deleted or flushed one comes back with a higher one.
    #[getter]
    fn generation(&self) -> u64 {
        self.source.position().generation
    }
}
