//! Watching a map: batches of events, pulled.

use std::sync::Arc;

use ponos_bindings_core::Call;
use ponos_bindings_core::runtime::Held;
use ponos_bindings_core::watcher::SharedWatcher;
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::codec::Codec;
use crate::error::OrRaise;
use crate::event::Event;
use crate::queue::submit;

/// The events of a map for one reader.
#[pyclass(frozen, generic, module = "ponos")]
pub(crate) struct WatchCore {
    watcher: Held<Arc<SharedWatcher>>,
    codec: Arc<Codec>,
}

impl WatchCore {
    pub(crate) fn new(watcher: Arc<SharedWatcher>, codec: Arc<Codec>) -> Self {
        Self { watcher: Held::new(watcher), codec }
    }
}

#[pymethods]
impl WatchCore {
    /// The events that wait, `max` at most; `None` at the end; or a [`Pending`](crate::queue::Pending) after which
    /// to ask again.
    fn take<'py>(&self, py: Python<'py>, max: usize) -> PyResult<Bound<'py, PyAny>> {
        let watcher = self.watcher.get().or_raise(py)?;
        let wait = Call::Wait { watcher: watcher.clone(), max };
        let waited = submit(py, wait, &self.codec)?;
        if !waited.is_none() {
            return Ok(waited);
        }
        let Some(events) = watcher.take() else { return Ok(waited) };
        let event = |event| Bound::new(py, Event::new(event, self.codec.clone()));
        let events = events.into_iter().map(event).collect::<PyResult<Vec<_>>>()?;
        Ok(PyList::new(py, events)?.into_any())
    }

    /// Unsubscribes.
    fn close(&self) {
        if let Ok(watcher) = self.watcher.get() {
            watcher.close();
        }
    }
}
