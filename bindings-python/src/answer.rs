//! What calls answer, as Python objects.

use std::sync::Arc;

use ponos::Shape;
use ponos_bindings_core::Answer;
use pyo3::prelude::*;

use crate::client::ClientCore;
use crate::codec::{Codec, Lazy};
use crate::map::MapCore;

/// The object for an answer; `codec` is that of the map it came from.
pub(crate) fn object<'py>(
    py: Python<'py>,
    answer: Answer,
    codec: &Arc<Codec>,
) -> PyResult<Bound<'py, PyAny>> {
    match answer {
        Answer::Nothing | Answer::Events(_) => Ok(py.None().into_bound(py)),
        Answer::Client(client) => Ok(Bound::new(py, ClientCore::new(client))?.into_any()),
        Answer::Map(map) => Ok(Bound::new(py, MapCore::new(map, codec.clone()))?.into_any()),
        Answer::Written(written) => Ok(Bound::new(py, Written::new(written, codec.clone()))?.into_any()),
        Answer::Counted(ponos::Counted { revision, value }) => {
            let value = value.into_pyobject(py)?.into_any().unbind();
            Ok(Bound::new(py, Counted { revision, value })?.into_any())
        }
        Answer::CountedFloat(ponos::Counted { revision, value }) => {
            let value = value.into_pyobject(py)?.into_any().unbind();
            Ok(Bound::new(py, Counted { revision, value })?.into_any())
        }
        Answer::Edited(ponos::Edited { revision, changed, len }) => {
            Ok(Bound::new(py, Edited { revision, changed, len })?.into_any())
        }
        Answer::Txn(ponos::TxnDone { revision, matched, changed }) => {
            Ok(Bound::new(py, TxnDone { revision, matched, changed })?.into_any())
        }
        Answer::Entry(None) => Ok(py.None().into_bound(py)),
        Answer::Entry(Some(entry)) => Ok(Bound::new(py, Entry::new(entry, codec.clone()))?.into_any()),
        Answer::Revision(revision) => Ok(revision.into_pyobject(py)?.into_any()),
    }
}

/// A shape, as Python sees it.
pub(crate) fn shape_name(shape: Shape) -> &'static str {
    match shape {
        Shape::Plain => "plain",
        Shape::List => "list",
        Shape::Set => "set",
    }
}

/// `True` or `False`, as Python writes them.
fn truth(value: bool) -> &'static str {
    if value { "True" } else { "False" }
}

/// What a write did.
#[pyclass(frozen, generic, module = "ponos")]
pub(crate) struct Written {
    /// The revision that the map has with this write; if nothing changed, the one the copy showed.
    #[pyo3(get)]
    revision: u64,
    /// Whether anything changed.
    #[pyo3(get)]
    changed: bool,
    previous: Option<ponos::Bytes>,
    codec: Arc<Codec>,
    object: Lazy,
}

impl Written {
    fn new(written: ponos::Written, codec: Arc<Codec>) -> Self {
        let ponos::Written { revision, changed, previous } = written;
        Self { revision, changed, previous, codec, object: Lazy::new() }
    }
}

#[pymethods]
impl Written {
    /// The value before, if there was one; decoded when it is first asked for.
    #[getter]
    fn previous<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        // The core does not tell the shape of the value before: that of a list is given as it is framed.
        self.object.get(py, &self.codec, self.previous.as_ref(), Shape::Plain)
    }

    fn __repr__(&self) -> String {
        format!("Written(revision={}, changed={})", self.revision, truth(self.changed))
    }
}

/// What a counter shows now.
#[pyclass(frozen, generic, get_all, module = "ponos")]
pub(crate) struct Counted {
    /// The revision of the write.
    revision: u64,
    /// The sum.
    value: Py<PyAny>,
}

#[pymethods]
impl Counted {
    fn __repr__(&self) -> String {
        format!("Counted(revision={}, value={})", self.revision, self.value)
    }
}

/// What an edit of a list or set did.
#[pyclass(frozen, get_all, module = "ponos")]
pub(crate) struct Edited {
    /// The revision that the map has with this write; if nothing changed, the one the copy showed.
    revision: u64,
    /// Whether anything changed.
    changed: bool,
    /// How many items the list or set has now.
    len: usize,
}

#[pymethods]
impl Edited {
    fn __repr__(&self) -> String {
        format!("Edited(revision={}, changed={}, len={})", self.revision, truth(self.changed), self.len)
    }
}

/// Which branch of a transaction was taken.
#[pyclass(frozen, get_all, module = "ponos")]
pub(crate) struct TxnDone {
    /// The one revision of all that was done; if nothing changed, the one the copy showed.
    revision: u64,
    /// Whether all conditions held.
    matched: bool,
    /// Whether anything changed.
    changed: bool,
}

#[pymethods]
impl TxnDone {
    fn __repr__(&self) -> String {
        let Self { revision, matched, changed } = *self;
        format!("TxnDone(revision={revision}, matched={}, changed={})", truth(matched), truth(changed))
    }
}

/// One key's value, with the revision that last changed it, its shape and its deadline.
#[pyclass(frozen, generic, module = "ponos")]
pub(crate) struct Entry {
    entry: ponos::Entry,
    codec: Arc<Codec>,
    object: Lazy,
}

impl Entry {
    pub(crate) fn new(entry: ponos::Entry, codec: Arc<Codec>) -> Self {
        Self { entry, codec, object: Lazy::new() }
    }
}

#[pymethods]
impl Entry {
    /// The value, decoded when it is first asked for; of a list a list, of a set a frozen set.
    #[getter]
    fn value<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.object.get(py, &self.codec, Some(&self.entry.value), self.entry.shape)
    }

    /// The revision that last changed the entry.
    #[getter]
    fn revision(&self) -> u64 {
        self.entry.revision
    }

    /// How the value is kept: `plain`, `list` or `set`.
    #[getter]
    fn shape(&self) -> &'static str {
        shape_name(self.entry.shape)
    }

    /// When the entry stops to exist, in seconds since 1970 on the engine's clock; `None`: never.
    #[getter]
    #[allow(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit for 285,000 years")]
    fn expires(&self) -> Option<f64> {
        self.entry.deadline.map(|deadline| deadline.get() as f64 / 1e3)
    }

    fn __repr__(&self) -> String {
        format!("Entry(shape={:?}, revision={})", self.shape(), self.entry.revision)
    }
}
