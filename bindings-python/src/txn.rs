//! A transaction being put together.

use parking_lot::Mutex;
use ponos::{Condition, Error, Txn};
use ponos_bindings_core::MapCall;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::error::OrRaise;
use crate::map::MapCore;
use crate::ops::{condition, op};

/// Conditions, and what to do if they hold or not, in one revision.
#[pyclass(frozen, generic, module = "ponos")]
pub(crate) struct TxnCore {
    map: Py<MapCore>,
    parts: Mutex<Parts>,
}

#[derive(Default)]
struct Parts {
    txn: Txn,
    otherwise: bool,
}

#[pymethods]
impl TxnCore {
    #[new]
    fn new(map: Py<MapCore>) -> Self {
        Self { map, parts: Mutex::default() }
    }

    /// Adds a condition.
    fn when(
        &self,
        key: &str,
        absent: bool,
        present: bool,
        revision: Option<u64>,
        value: Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let py = value.py();
        let wanted = condition(self.map.get().codec(), &(absent, present, revision, value))?;
        if wanted == Condition::Always {
            let missing = Error::invalid("a condition is absent, present, revision or value; give one");
            return Err(missing.at("map.txn", "")).or_raise(py);
        }
        self.parts.lock().txn.compare.push((key.into(), wanted));
        Ok(())
    }

    /// From here on, operations are for the case that a condition does not hold.
    fn otherwise(&self) {
        self.parts.lock().otherwise = true;
    }

    /// Adds an operation.
    #[pyo3(signature = (name, key, *args))]
    fn add(&self, name: &str, key: &str, args: &Bound<'_, PyTuple>) -> PyResult<()> {
        let op = op(self.map.get().codec(), name, args)?;
        let mut parts = self.parts.lock();
        let parts = &mut *parts;
        let branch = if parts.otherwise { &mut parts.txn.otherwise } else { &mut parts.txn.then };
        branch.push((key.into(), op));
        Ok(())
    }

    /// Takes the parts and does them.
    fn commit<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let parts = std::mem::take(&mut *self.parts.lock());
        self.map.get().call(py, MapCall::Txn(parts.txn))
    }
}
