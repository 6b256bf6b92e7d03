//! Plain values from and to Python.

use std::sync::Arc;

use ponos::{Bytes, Entry, Key};
use ponos_bindings_core::Plain;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyByteArray, PyBytes, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};

use crate::codec::{Codec, Value};
use crate::event::Event;
use crate::handle::Handle;
use crate::item;

pub(crate) fn list<'py>(values: impl Iterator<Item = Bound<'py, PyAny>>) -> PyResult<Vec<Plain>> {
    values.map(|value| given(&value)).collect()
}

/// A value from Python, also a thing of the core or what it gave. Bytes are copied, because no thread of the core may touch a Python object.
pub(crate) fn given(value: &Bound<'_, PyAny>) -> PyResult<Plain> {
    Ok(if value.is_none() || value.is(value.py().Ellipsis()) {
        Plain::Nil
    } else if let Ok(text) = value.cast::<PyString>() {
        Plain::Text(text.to_str()?.to_owned().into())
    } else if let Ok(bytes) = value.cast::<PyBytes>() {
        Plain::Bytes(Bytes::copy_from_slice(bytes.as_bytes()))
    } else if let Ok(flag) = value.cast::<PyBool>() {
        Plain::Bool(flag.is_true())
    } else if value.is_instance_of::<PyInt>() {
        // What has more than 64 bits is more than any place takes, and refused with its sign.
        let more = || if value.lt(0).unwrap_or_default() { i128::MIN } else { i128::MAX };
        let signed = value.extract::<i64>().map(i128::from);
        Plain::Int(signed.or_else(|_| value.extract::<u64>().map(i128::from)).unwrap_or_else(|_| more()))
    } else if let Ok(number) = value.cast::<PyFloat>() {
        Plain::Float(number.value())
    } else if let Ok(values) = value.cast::<PyList>() {
        Plain::List(list(values.iter())?)
    } else if let Ok(values) = value.cast::<PyTuple>() {
        Plain::List(list(values.iter())?)
    } else if let Ok(bytes) = value.cast::<PyByteArray>() {
        Plain::Bytes(Bytes::from(bytes.to_vec()))
    } else if let Ok(fields) = value.cast::<PyDict>() {
        let field = |(name, value): (Bound<'_, PyAny>, _)| Ok((name.extract()?, given(&value)?));
        Plain::Record(fields.iter().map(field).collect::<PyResult<_>>()?)
    } else if let Ok(handle) = value.cast::<Handle>() {
        Plain::Object(handle.get().object(value.py())?)
    } else if let Some(answered) = item::answered(value) {
        answered
    } else {
        Plain::Other(value.repr()?.to_string())
    })
}

/// A plain value for Python; `codec` is that of the map it comes from.
#[allow(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit for 285,000 years")]
pub(crate) fn shown<'py>(py: Python<'py>, plain: Plain, codec: &Arc<Codec>) -> PyResult<Bound<'py, PyAny>> {
    Ok(match plain {
        Plain::Nil | Plain::Record(_) | Plain::Other(_) => py.None().into_bound(py),
        Plain::Bool(flag) => PyBool::new(py, flag).to_owned().into_any(),
        Plain::Int(number) => match u64::try_from(number) {
            Ok(number) => number.into_pyobject(py)?.into_any(),
            Err(_) => (number as i64).into_pyobject(py)?.into_any(),
        },
        Plain::Count(number) => number.into_pyobject(py)?.into_any(),
        Plain::Float(number) => PyFloat::new(py, number).into_any(),
        Plain::Time(ms) => PyFloat::new(py, ms as f64 / 1e3).into_any(),
        Plain::Text(text) => PyString::new(py, &text).into_any(),
        Plain::Bytes(bytes) => PyBytes::new(py, &bytes).into_any(),
        Plain::Value(bytes, shape) => Bound::new(py, Value::new(bytes, shape, codec.clone()))?.into_any(),
        Plain::List(list) => all(py, list, |each| shown(py, each, codec))?,
        Plain::Object(object) => Bound::new(py, Handle::new(object, codec.clone()))?.into_any(),
        Plain::Events(events) => all(py, events, |event| Bound::new(py, Event::new(event, codec.clone())))?,
        Plain::Items(items) => all(py, items, |item| item::shown(py, item, codec))?,
        Plain::Merged(items) => all(py, items, |item| item::merged(py, item, codec))?,
        Plain::Entries(entries) => all(py, entries, |(key, entry): (Key, Entry)| {
            PyResult::Ok((PyString::new(py, &key), codec.known(py, &key, &entry)?))
        })?,
    })
}

/// A list of what becomes of each.
fn all<'py, T, O: IntoPyObject<'py>>(
    py: Python<'py>,
    values: Vec<T>,
    each: impl FnMut(T) -> PyResult<O>,
) -> PyResult<Bound<'py, PyAny>> {
    Ok(PyList::new(py, values.into_iter().map(each).collect::<PyResult<Vec<_>>>()?)?.into_any())
}
