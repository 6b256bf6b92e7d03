//! What the core tells Python's logging: records wait in a queue that a Python thread empties.

use ponos::Error;
use ponos_bindings_core::log;
use ponos_bindings_core::runtime::Held;
use pyo3::prelude::*;

use crate::error::OrRaise;
use crate::queue::Queue;

/// Puts records up to `level` into `queue`; returns a number for `stop`.
#[pyfunction]
pub(crate) fn listen(py: Python<'_>, level: &str, queue: &Queue) -> PyResult<u64> {
    let items = Held::new(queue.items(py)?);
    let listening = log::listen(level, move |record| {
        // In a forked child nobody empties the queue, and its lock may be held for ever.
        if let Ok(items) = items.get() {
            items.log(record);
        }
    });
    let levels = || Error::invalid(format!("the level is error, warn, info, debug or trace, not {level:?}"));
    listening.ok_or_else(levels).or_raise(py)
}

/// Ends what `listen` began.
#[pyfunction]
pub(crate) fn stop(number: u64) {
    log::stop(number);
}
