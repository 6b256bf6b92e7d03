//! Values between bytes and Python objects: a map's codec, and what it has decoded already.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use parking_lot::Mutex;
use ponos::model::items;
use ponos::{Bytes, Entry, Shape};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyByteArray, PyBytes, PyFrozenSet, PyList, PyString};

use crate::exit::into_python;

/// How many decoded values are kept beyond the number of keys; then all are forgotten.
const SPARE: usize = 1_024;

/// How the values of a map become bytes and objects.
pub(crate) struct Codec {
    /// `None`: values are bytes and stay so.
    custom: Option<Custom>,
    seen: Mutex<HashMap<Box<str>, Seen, RandomState>>,
}

struct Custom {
    encode: Py<PyAny>,
    decode: Py<PyAny>,
}

/// A decoded value, and the bytes it was decoded from: they are kept, so no others can have their address.
struct Seen {
    bytes: Bytes,
    object: Py<PyAny>,
}

impl Codec {
    /// From an object with `encode` and `decode`; from `None` for bytes.
    pub(crate) fn new(codec: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        let custom = codec.map(|codec| {
            let (encode, decode) = (codec.getattr("encode")?, codec.getattr("decode")?);
            PyResult::Ok(Custom { encode: encode.unbind(), decode: decode.unbind() })
        });
        Ok(Self { custom: custom.transpose()?, seen: Mutex::default() })
    }

    pub(crate) fn encode(&self, value: &Bound<'_, PyAny>) -> PyResult<Bytes> {
        let Some(custom) = &self.custom else {
            return as_bytes(value, "the values of this map are bytes");
        };
        let encoded = into_python(|| custom.encode.bind(value.py()).call1((value,)))?;
        as_bytes(&encoded, "a codec encodes to bytes")
    }

    pub(crate) fn encode_all(&self, values: &Bound<'_, PyAny>) -> PyResult<Vec<Bytes>> {
        // Text is an iterable of text, and that is never what was meant.
        if values.is_instance_of::<PyString>() || values.is_instance_of::<PyBytes>() {
            return Err(wrong_type("items are given in a list", values));
        }
        into_python(|| values.try_iter()?.map(|value| self.encode(&value?)).collect())
    }

    pub(crate) fn decode<'py>(&self, py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyAny>> {
        let raw = PyBytes::new(py, bytes);
        match &self.custom {
            Some(custom) => into_python(|| custom.decode.bind(py).call1((raw,))),
            None => Ok(raw.into_any()),
        }
    }

    pub(crate) fn decode_items<'py>(
        &self,
        py: Python<'py>,
        mut items: impl Iterator<Item = Bytes>,
    ) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        items.try_for_each(|item| list.append(self.decode(py, &item)?))?;
        Ok(list)
    }

    /// A list becomes a list; a set a frozen set, or a list if a member cannot be hashed.
    pub(crate) fn decode_value<'py>(
        &self,
        py: Python<'py>,
        bytes: &Bytes,
        shape: Shape,
    ) -> PyResult<Bound<'py, PyAny>> {
        if shape == Shape::Plain {
            return self.decode(py, bytes);
        }
        let list = self.decode_items(py, items::split(bytes))?;
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
        if entry.shape == Shape::Plain && self.custom.is_none() {
            return Some(Ok(PyBytes::new(py, &entry.value).into_any()));
        }
        let object = {
            let seen = self.seen.lock();
            let found = seen.get(key).filter(|seen| same(&seen.bytes, &entry.value))?;
            found.object.clone_ref(py).into_bound(py)
        };
        Some(own(object, entry.shape))
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

fn wrong_type(rule: &str, value: &Bound<'_, PyAny>) -> PyErr {
    match value.get_type().name() {
        Ok(name) => PyTypeError::new_err(format!("{rule}, not {name}")),
        Err(error) => error,
    }
}

/// The bytes of `bytes` or `bytearray`: a copy, because no thread of the core may touch a Python object.
fn as_bytes(value: &Bound<'_, PyAny>, rule: &str) -> PyResult<Bytes> {
    if let Ok(bytes) = value.cast::<PyBytes>() {
        return Ok(Bytes::copy_from_slice(bytes.as_bytes()));
    }
    if let Ok(bytes) = value.cast::<PyByteArray>() {
        return Ok(Bytes::from(bytes.to_vec()));
    }
    Err(wrong_type(rule, value))
}

/// An encoded value that is decoded when somebody looks, once.
pub(crate) struct Lazy(PyOnceLock<Py<PyAny>>);

impl Lazy {
    pub(crate) const fn new() -> Self {
        Self(PyOnceLock::new())
    }

    pub(crate) fn get<'py>(
        &self,
        py: Python<'py>,
        codec: &Codec,
        bytes: Option<&Bytes>,
        shape: Shape,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Some(bytes) = bytes else { return Ok(None) };
        let decoded = || PyResult::Ok(codec.decode_value(py, bytes, shape)?.unbind());
        Ok(Some(self.0.get_or_try_init(py, decoded)?.bind(py).clone()))
    }
}
