//! The end of the process, for threads that run on until it comes.
//!
//! When the interpreter is finalized, it ends each daemon thread where that next asks for the GIL, by unwinding its
//! stack. If that is in Python code which a function of ours has called, the unwinding meets a Rust frame, and the
//! process aborts. So such calls are counted; at the end no new ones begin, and the last ones are waited for.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, ThreadId};
use std::time::Duration;

use ponos_bindings_core::runtime;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

/// How many calls into Python code there are.
static INSIDE: AtomicUsize = AtomicUsize::new(0);

/// The thread that ends the process.
static ENDING: OnceLock<ThreadId> = OnceLock::new();

struct Inside;

impl Drop for Inside {
    fn drop(&mut self) {
        INSIDE.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Makes a call that runs Python code, unless the process is ending.
pub(crate) fn into_python<T>(call: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
    // Counted first: whoever ends the process sees this call, or this call sees that.
    INSIDE.fetch_add(1, Ordering::SeqCst);
    let _inside = Inside;
    if is_over() { Err(PyRuntimeError::new_err("the process is ending")) } else { call() }
}

/// Whether the process is ending, by another thread than this.
pub(crate) fn is_over() -> bool {
    ENDING.get().is_some_and(|thread| *thread != thread::current().id())
}

/// Begins the end; returns how many calls have still to return before it is safe.
#[pyfunction]
pub(crate) fn end() -> usize {
    ENDING.get_or_init(|| thread::current().id());
    INSIDE.load(Ordering::SeqCst)
}

/// Forgets, in a forked child, the calls of threads that are missing here.
#[pyfunction]
pub(crate) fn forked() {
    INSIDE.store(0, Ordering::SeqCst);
}

/// Ends the runtime, with calls in flight, within `seconds`.
#[pyfunction]
pub(crate) fn shutdown(py: Python<'_>, seconds: f64) {
    py.detach(|| runtime::shutdown(Duration::try_from_secs_f64(seconds).unwrap_or_default()));
}
