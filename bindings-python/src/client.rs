//! The client: opens an engine by URL and gives out maps by name.

use std::sync::Arc;

use ponos::{MapOptions, Ponos};
use ponos_bindings_core::Call;
use ponos_bindings_core::runtime::Held;
use pyo3::prelude::*;

use crate::codec::Codec;
use crate::error::OrRaise;
use crate::queue::submit;

/// A client of one engine.
#[pyclass(frozen, module = "ponos")]
pub(crate) struct ClientCore(Held<Ponos>);

impl ClientCore {
    pub(crate) fn new(client: Ponos) -> Self {
        Self(Held::new(client))
    }
}

/// Opens the engine that `url` names.
#[pyfunction]
pub(crate) fn open(py: Python<'_>, url: String) -> PyResult<Bound<'_, PyAny>> {
    submit(py, Call::Open { url }, &Arc::new(Codec::new(None)?))
}

#[pymethods]
impl ClientCore {
    /// Opens a map whose codec is agreed on as `name_of_codec` and done by `codec`; `None` for bytes.
    fn map<'py>(
        &self,
        py: Python<'py>,
        name: String,
        name_of_codec: String,
        codec: Option<&Bound<'py, PyAny>>,
        ordered: bool,
        watch_queue: usize,
    ) -> PyResult<Bound<'py, PyAny>> {
        let client = self.0.get().or_raise(py)?.clone();
        let options = MapOptions { codec: name_of_codec, ordered, watch_queue };
        submit(py, Call::OpenMap { client, name, options }, &Arc::new(Codec::new(codec)?))
    }

    /// Closes every map and the connections.
    fn close<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let client = self.0.get().or_raise(py)?.clone();
        submit(py, Call::Close { client }, &Arc::new(Codec::new(None)?))
    }
}
