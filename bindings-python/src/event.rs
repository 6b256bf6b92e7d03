//! What a watcher receives: decoded when somebody looks, because most fields of most events are never looked at.

use std::sync::Arc;

use ponos_bindings_core::packed::{KINDS, kind};
use pyo3::prelude::*;

use crate::codec::{Codec, Value};

/// What happened to a map.
///
/// `kind` is one of `set`, `delete`, `expire`, `clear`, `synced` and `resynced`; `key`, `value` and `old` are
/// `None` where there is none. `coalesced` counts the changes it stands for: more than 1 if the watcher fell
/// behind; `old` is then the value before the first of them.
#[pyclass(frozen, generic, module = "ponos")]
pub(crate) struct Event {
    event: ponos::Event,
    value: Option<Value>,
    old: Option<Value>,
}

impl Event {
    pub(crate) fn new(event: ponos::Event, codec: Arc<Codec>) -> Self {
        let old = event.old().map(|old| Value::new(old.clone(), event.old_shape(), codec.clone()));
        let value = match &event {
            ponos::Event::Set { value, shape, .. } => Some(Value::new(value.clone(), *shape, codec)),
            _ => None,
        };
        Self { event, value, old }
    }
}

#[pymethods]
impl Event {
    #[classattr]
    #[pyo3(name = "__match_args__")]
    const MATCH_ARGS: (&'static str, &'static str, &'static str) = ("kind", "key", "value");

    /// `set`, `delete`, `expire`, `clear`, `synced` (the watcher is live from here on) or `resynced` (changes one
    /// by one could not be had: what follows up to the next change is the difference).
    #[getter]
    fn kind(&self) -> &'static str {
        KINDS[usize::from(kind(&self.event))]
    }

    /// The key it is about; `None` for events about the whole map.
    #[getter]
    fn key(&self) -> Option<&str> {
        self.event.key().map(|key| &**key)
    }

    /// The new value of a `set`.
    #[getter]
    fn value<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.value.as_ref().map(|value| value.decoded(py)).transpose()
    }

    /// How the value of a `set` is kept: `plain`, `list` or `set`.
    #[getter]
    fn shape(&self) -> Option<&'static str> {
        self.value.as_ref().map(Value::shape)
    }

    /// The value before, as far as it is known.
    #[getter]
    fn old<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.old.as_ref().map(|old| old.decoded(py)).transpose()
    }

    /// The revision it belongs to.
    #[getter]
    fn revision(&self) -> u64 {
        self.event.revision()
    }

    /// How many changes it stands for; 0 for `synced` and `resynced`.
    #[getter]
    fn coalesced(&self) -> u32 {
        self.event.coalesced()
    }

    /// Why the map was `resynced`: `trimmed`, `forked` or `new_generation`.
    #[getter]
    fn reason(&self) -> Option<&'static str> {
        match &self.event {
            ponos::Event::Resynced { reason, .. } => Some(reason.as_str()),
            _ => None,
        }
    }

    fn __repr__(&self) -> String {
        let key = self.key().map(|key| format!(", key={key:?}")).unwrap_or_default();
        format!("Event(kind={:?}{key}, revision={})", self.kind(), self.revision())
    }
}
