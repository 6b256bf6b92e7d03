//! Errors of the core as the exceptions of `ponos.error`, one class for each kind.

use std::sync::Arc;

use ponos::{Error, Result};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyList, PyListMethods};

use crate::exit::into_python;

/// A result of the core on its way to Python.
pub(crate) trait OrRaise<T> {
    /// Its value, or the exception for its error.
    fn or_raise(self, py: Python<'_>) -> PyResult<T>;
}

impl<T> OrRaise<T> for Result<T> {
    fn or_raise(self, py: Python<'_>) -> PyResult<T> {
        self.map_err(|error| exception(py, &error))
    }
}

/// The exception for an error.
fn exception(py: Python<'_>, error: &Error) -> PyErr {
    static MAKE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let made = MAKE.import(py, "ponos.error", "make").and_then(|make| {
        let fields = crate::plain::shown(py, error.into(), &Arc::default())?;
        into_python(|| make.call1(fields.cast_into::<PyList>()?.to_tuple()))
    });
    made.map_or_else(|other| other, PyErr::from_value)
}
