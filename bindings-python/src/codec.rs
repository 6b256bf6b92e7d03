//! Values between bytes and Python objects: a map's codec, and what it has decoded already.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use parking_lot::Mutex;
use ponos::model::items;
use ponos::{Bytes, Entry, Shape};
use ponos_bindings_core::plain::SHAPES;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyFrozenSet, PyList};

use crate::exit::into_python;

/// How many decoded values are kept beyond the number of keys; then all are forgotten.
const SPARE: usize = 1_024;

/// How the values of a map become objects, and what has become of them.
#[derive(Default)]
pub(crate) struct Codec {
    /// `None`: values are bytes and stay so.
    decode: Option<Py<PyAny>>,
    seen: Mutex<HashMap<Box<str>, Seen, RandomState>>,
    /// Those of the streams of a merged reader, by number.
    parts: Vec<Arc<Self>>,
}

/// A decoded value, and the bytes it was decoded from: they are kept, so no others can have their address.
struct Seen {
    bytes: Bytes,
    object: Py<PyAny>,
}

impl Codec {
    /// From an object with `decode`.
    pub(crate) fn new(codec: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self { decode: Some(codec.getattr("decode")?.unbind()), ..Self::default() })
    }

    /// Those of several streams.
    pub(crate) fn merged(parts: Vec<Arc<Self>>) -> Self {
        Self { parts, ..Self::default() }
    }

    /// That of one of several streams.
    pub(crate) fn part(&self, stream: usize) -> &Arc<Self> {
        &self.parts[stream]
    }

    fn decode<'py>(&self, py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyAny>> {
        let raw = PyBytes::new(py, bytes);
        match &self.decode {
            Some(decode) => into_python(|| decode.bind(py).call1((raw,))),
            None => Ok(raw.into_any()),
        }
    }

    fn decode_items<'py>(&self, py: Python<'py>, bytes: &Bytes) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        items::split(bytes).try_for_each(|item| list.append(self.decode(py, &item)?))?;
        Ok(list)
    }

    /// A list becomes a list; a set a frozen set, or a list if a member cannot be hashed.
    fn decode_value<'py>(&self, py: Python<'py>, bytes: &Bytes, shape: Shape) -> PyResult<Bound<'py, PyAny>> {
        if shape == Shape::Plain {
            return self.decode(py, bytes);
        }
        let list = self.decode_items(py, bytes)?;
        if shape == Shape::Set {
            match into_python(|| PyFrozenSet::new(py, &list)) {
                Ok(set) => return Ok(set.into_any()),
                Err(error) if error.is_instance_of::<PyTypeError>(py) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(list.into_any())
    }

    /// What `key` was decoded to when it had these very bytes; costs no call into Python but for a list, which
    /// the caller gets as one of its own.
    pub(crate) fn seen<'py>(
        &self,
        py: Python<'py>,
        key: &str,
        entry: &Entry,
    ) -> Option<PyResult<Bound<'py, PyAny>>> {
        if entry.shape == Shape::Plain && self.decode.is_none() {
            return Some(Ok(PyBytes::new(py, &entry.value).into_any()));
        }
        let object = {
            let seen = self.seen.lock();
            let found = seen.get(key).filter(|seen| same(&seen.bytes, &entry.value))?;
            found.object.clone_ref(py).into_bound(py)
        };
        Some(own(object, entry.shape))
    }

    /// What an entry is decoded to, or was.
    pub(crate) fn known<'py>(
        &self,
        py: Python<'py>,
        key: &str,
        entry: &Entry,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.seen(py, key, entry).unwrap_or_else(|| self.decode_value(py, &entry.value, entry.shape))
    }

    /// Decodes and remembers, in a map of `keys` keys.
    pub(crate) fn learn<'py>(
        &self,
        py: Python<'py>,
        key: &str,
        entry: &Entry,
        keys: usize,
    ) -> PyResult<Bound<'py, PyAny>> {
        let object = self.decode_value(py, &entry.value, entry.shape)?;
        let learned = Seen { bytes: entry.value.clone(), object: object.clone().unbind() };
        let mut seen = self.seen.lock();
        let forgotten =
            if seen.len() > keys + SPARE { std::mem::take(&mut *seen) } else { HashMap::default() };
        let replaced = seen.insert(key.into(), learned);
        drop(seen);
        // Only now, without the lock: an object that goes may run code that reads this map.
        drop((forgotten, replaced));
        own(object, entry.shape)
    }
}

fn same(left: &Bytes, right: &Bytes) -> bool {
    left.as_ptr() == right.as_ptr() && left.len() == right.len()
}

/// A list that is the caller's to change, or the object itself.
fn own(object: Bound<'_, PyAny>, shape: Shape) -> PyResult<Bound<'_, PyAny>> {
    match object.cast::<PyList>() {
        Ok(list) if shape != Shape::Plain => Ok(list.get_slice(0, list.len()).into_any()),
        _ => Ok(object),
    }
}

/// An encoded value, decoded when somebody asks, once.
#[pyclass(frozen, module = "ponos")]
pub(crate) struct Value {
    bytes: Bytes,
    shape: Shape,
    codec: Arc<Codec>,
    object: PyOnceLock<Py<PyAny>>,
}

impl Value {
    pub(crate) const fn new(bytes: Bytes, shape: Shape, codec: Arc<Codec>) -> Self {
        Self { bytes, shape, codec, object: PyOnceLock::new() }
    }

    pub(crate) const fn shape(&self) -> &'static str {
        SHAPES[self.shape as usize]
    }
}

#[pymethods]
impl Value {
    pub(crate) fn decoded<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let decoded = || PyResult::Ok(self.codec.decode_value(py, &self.bytes, self.shape)?.unbind());
        Ok(self.object.get_or_try_init(py, decoded)?.bind(py).clone())
    }

    /// The items of a list or set, in order; `None` for a plain value.
    fn items<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyList>>> {
        (self.shape != Shape::Plain).then(|| self.codec.decode_items(py, &self.bytes)).transpose()
    }
}
