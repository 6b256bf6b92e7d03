//! The end of the process, for threads that run on until it comes.
//!
//! When the interpreter is finalized, it ends each daemon thread where that next asks for the GIL, by unwinding its
//! stack. If that is in Python code which a function of ours has called, the unwinding meets a Rust frame, and the
//! process aborts. So such calls are counted; at the end no new ones begin, and the last ones are waited for.

use std::time::Duration;

use ponos_bindings_core::runtime::{self, Inside};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

/// Makes a call that runs Python code, unless the process is ending.
pub(crate) fn into_python<T>(call: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
    // An exception of ours is made by such a call.
    let _inside = Inside::begin().map_err(|error| PyRuntimeError::new_err(error.message().to_owned()))?;
    call()
}

/// Ends the runtime, with calls in flight, within `seconds`.
#[pyfunction]
pub(crate) fn shutdown(py: Python<'_>, seconds: f64) {
    py.detach(|| runtime::shutdown(Duration::try_from_secs_f64(seconds).unwrap_or_default()));
}
