//! What a program holds of the core: operations by name, and the hottest reads.

use std::sync::Arc;

use ponos::Entry;
use ponos_bindings_core::runtime::Held;
use ponos_bindings_core::submit::{caught, local, place};
use ponos_bindings_core::{Object, mistyped};
use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};

use crate::codec::Codec;
use crate::error::OrRaise;
use crate::{plain, queue};

/// A client, map, snapshot, watcher, stream, sink or reader; or nothing, for what is done on no object.
#[pyclass(frozen, subclass, generic, module = "ponos")]
pub(crate) struct Handle {
    object: Held<Object>,
    codec: Arc<Codec>,
}

impl Handle {
    pub(crate) fn new(object: Object, codec: Arc<Codec>) -> Self {
        Self { object: Held::new(object), codec }
    }

    /// The object, as an argument of a call on another.
    pub(crate) fn object(&self, py: Python<'_>) -> PyResult<Object> {
        self.object.get().cloned().or_raise(py)
    }

    fn find<'py>(&self, py: Python<'py>, key: &Bound<'_, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let object = self.object.read();
        let key = key.cast::<PyString>().or_else(|_| no_key(key, object))?.to_str()?;
        let seen = |entry: &Entry| self.codec.seen(py, key, entry).ok_or_else(|| entry.clone());
        // A panic as the exception that pyo3 makes of it would pass every `except Exception`.
        let find = || match object.look(key, seen) {
            None => Ok(None),
            Some(Ok(seen)) => seen.map(Some),
            Some(Err(entry)) => self.codec.learn(py, key, &entry, object.keys()).map(Some),
        };
        caught(find).unwrap_or_else(|error| Err(error).or_raise(py))
    }
}

/// Refuses a key as the core does, whom no such key reaches: these reads go past it.
#[cold]
fn no_key<T>(key: &Bound<'_, PyAny>, object: &Object) -> PyResult<T> {
    Err(place(mistyped("the key", "text", &plain::given(key)?), object, "map.get")).or_raise(key.py())
}

#[pymethods]
impl Handle {
    /// The same as another, or on no object; with a codec if one is given, as of a map that was just opened, or with
    /// those of a list of streams, as of a reader that merges them.
    #[new]
    #[pyo3(signature = (of=None, codec=None, *_rest))]
    fn again(
        of: Option<&Self>,
        codec: Option<&Bound<'_, PyAny>>,
        _rest: &Bound<'_, PyTuple>,
    ) -> PyResult<Self> {
        let known = || Ok(of.map(|of| of.codec.clone()).unwrap_or_default());
        let codec = codec.map_or_else(known, |codec| match codec.extract::<Vec<PyRef<'_, Self>>>() {
            Ok(streams) => Ok(Arc::new(Codec::merged(streams.iter().map(|of| of.codec.clone()).collect()))),
            Err(_) => Codec::new(codec).map(Arc::new),
        })?;
        Ok(Self::new(of.map(|of| of.object.read().clone()).unwrap_or_default(), codec))
    }

    /// Does an operation: gives its answer, or a [`Pending`](queue::Pending) if it has to wait.
    #[pyo3(name = "_ask", signature = (op, *args))]
    fn ask<'py>(&self, py: Python<'py>, op: &str, args: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
        let object = self.object.read();
        match local(object, op, plain::list(args.iter())?) {
            Ok(answer) => plain::shown(py, answer.or_raise(py)?, &self.codec),
            Err(args) => {
                self.object.get().map_err(|error| place(error, object, op)).or_raise(py)?;
                queue::submit(py, object, op, args, &self.codec)
            }
        }
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
        key: &Bound<'py, PyAny>,
        default: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        Ok(self.find(py, key)?.or(default))
    }

    /// As `get`; a `KeyError` if the key is absent.
    fn __getitem__<'py>(&self, py: Python<'py>, key: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        self.find(py, &key)?.ok_or_else(|| PyKeyError::new_err(key.unbind()))
    }

    fn __len__(&self) -> usize {
        self.object.read().keys()
    }

    fn __contains__(&self, key: &Bound<'_, PyAny>) -> PyResult<bool> {
        let Ok(key) = key.cast::<PyString>() else { return Ok(false) };
        Ok(self.object.read().look(key.to_str()?, |_| ()).is_some())
    }
}
