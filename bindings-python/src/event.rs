//! What a watcher receives: decoded when somebody looks, because most fields of most events are never looked at.

use std::sync::Arc;

use ponos::Shape;
use ponos_bindings_core::packed::{KINDS, kind};
use pyo3::prelude::*;

use crate::answer::shape_name;
use crate::codec::{Codec, Lazy};

/// What happened to a map.
///
/// `kind` is one of `set`, `delete`, `expire`, `clear`, `synced` and `resynced`; `key`, `value` and `old` are
/// `None` where there is none. `coalesced` counts the changes it stands for: more than 1 if the watcher fell
/// behind; `old` is then the value before the first of them.
#[pyclass(frozen, generic, module = "ponos")]
pub(crate) struct Event {
    event: ponos::Event,
    codec: Arc<Codec>,
    value: Lazy,
    old: Lazy,
}

impl Event {
    pub(crate) fn new(event: ponos::Event, codec: Arc<Codec>) -> Self {
        Self { event, codec, value: Lazy::new(), old: Lazy::new() }
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
        match &self.event {
            ponos::Event::Set { value, shape, .. } => self.value.get(py, &self.codec, Some(value), *shape),
            _ => Ok(None),
        }
    }

    /// How the value of a `set` is kept: `plain`, `list` or `set`.
    #[getter]
    fn shape(&self) -> Option<&'static str> {
        match &self.event {
            ponos::Event::Set { shape, .. } => Some(shape_name(*shape)),
            _ => None,
        }
    }

    /// The value before, as far as it is known.
    #[getter]
    fn old<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        // The core does not tell the shape of the value before: it is taken to be that of the new one.
        let shape = match &self.event {
            ponos::Event::Set { shape, .. } => *shape,
            _ => Shape::Plain,
        };
        self.old.get(py, &self.codec, self.event.old(), shape)
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
