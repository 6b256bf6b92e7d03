//! A transaction being put together.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use ponos::{Condition, Error, Op, Shape, Txn};
use ponos_bindings_core::MapCall;
use pyo3::prelude::*;

use crate::codec::Codec;
use crate::error::OrRaise;
use crate::map::MapCore;
use crate::options::{condition, duration};

/// Conditions, and what to do if they hold or not, in one revision.
#[pyclass(frozen, subclass, generic, module = "ponos")]
pub(crate) struct TxnCore {
    map: Py<MapCore>,
    codec: Arc<Codec>,
    parts: Mutex<Parts>,
}

#[derive(Default)]
struct Parts {
    txn: Txn,
    otherwise: bool,
}

/// The transaction itself, so that calls can be chained.
type Chain<'py> = PyResult<Bound<'py, TxnCore>>;

fn add<'py>(this: Bound<'py, TxnCore>, key: &str, op: Op) -> Chain<'py> {
    {
        let mut parts = this.get().parts.lock();
        let parts = &mut *parts;
        let branch = if parts.otherwise { &mut parts.txn.otherwise } else { &mut parts.txn.then };
        branch.push((key.into(), op));
    }
    Ok(this)
}

fn add_items<'py>(
    this: Bound<'py, TxnCore>,
    key: &str,
    items: &Bound<'py, PyAny>,
    shape: Shape,
    unique: bool,
) -> Chain<'py> {
    let items = this.get().codec.encode_all(items)?;
    add(this, key, Op::Add { shape, unique, items })
}

fn remove_items<'py>(
    this: Bound<'py, TxnCore>,
    key: &str,
    items: &Bound<'py, PyAny>,
    shape: Shape,
) -> Chain<'py> {
    let items = this.get().codec.encode_all(items)?;
    add(this, key, Op::Remove { shape, items })
}

fn milliseconds(py: Python<'_>, ttl: Option<f64>) -> PyResult<Option<u64>> {
    let whole = |ttl: Duration| u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
    Ok(duration(py, ttl)?.map(whole))
}

#[pymethods]
impl TxnCore {
    #[new]
    fn new(map: &Bound<'_, MapCore>) -> Self {
        Self { map: map.clone().unbind(), codec: map.get().codec(), parts: Mutex::default() }
    }

    fn _when<'py>(
        this: Bound<'py, Self>,
        key: &str,
        absent: bool,
        present: bool,
        revision: Option<u64>,
        value: &Bound<'py, PyAny>,
    ) -> Chain<'py> {
        let wanted = condition(&this.get().codec, absent, present, revision, value)?;
        if wanted == Condition::Always {
            let missing = Error::invalid("a condition is absent, present, revision or value; give one");
            return Err(missing.at("map.txn", "")).or_raise(this.py());
        }
        this.get().parts.lock().txn.compare.push((key.into(), wanted));
        Ok(this)
    }

    /// From here on, operations are for the case that a condition does not hold.
    fn otherwise<'py>(this: Bound<'py, Self>) -> Chain<'py> {
        this.get().parts.lock().otherwise = true;
        Ok(this)
    }

    /// Sets a key, for `ttl` seconds or for ever.
    #[pyo3(signature = (key, value, *, ttl=None))]
    fn set<'py>(
        this: Bound<'py, Self>,
        key: &str,
        value: &Bound<'py, PyAny>,
        ttl: Option<f64>,
    ) -> Chain<'py> {
        let value = this.get().codec.encode(value)?;
        let ttl = milliseconds(this.py(), ttl)?;
        add(this, key, Op::Set { value, ttl, when: Condition::Always })
    }

    /// Deletes a key.
    fn delete<'py>(this: Bound<'py, Self>, key: &str) -> Chain<'py> {
        add(this, key, Op::Delete { when: Condition::Always })
    }

    /// Adds to an integer counter.
    #[pyo3(signature = (key, by=1, *, min=None, max=None))]
    fn incr<'py>(
        this: Bound<'py, Self>,
        key: &str,
        by: i64,
        min: Option<i64>,
        max: Option<i64>,
    ) -> Chain<'py> {
        let (min, max) = (min.unwrap_or(i64::MIN), max.unwrap_or(i64::MAX));
        add(this, key, Op::Incr { by, min, max })
    }

    /// Adds to a floating-point counter.
    #[pyo3(signature = (key, by, *, min=None, max=None))]
    fn incr_float<'py>(
        this: Bound<'py, Self>,
        key: &str,
        by: f64,
        min: Option<f64>,
        max: Option<f64>,
    ) -> Chain<'py> {
        let (min, max) = (min.unwrap_or(f64::NEG_INFINITY), max.unwrap_or(f64::INFINITY));
        add(this, key, Op::IncrFloat { by, min, max })
    }

    /// Appends items to a list.
    fn list_append<'py>(this: Bound<'py, Self>, key: &str, items: &Bound<'py, PyAny>) -> Chain<'py> {
        add_items(this, key, items, Shape::List, false)
    }

    /// Appends those items to a list that it does not hold yet.
    fn list_append_unique<'py>(this: Bound<'py, Self>, key: &str, items: &Bound<'py, PyAny>) -> Chain<'py> {
        add_items(this, key, items, Shape::List, true)
    }

    /// Removes every occurrence of the items from a list.
    fn list_remove<'py>(this: Bound<'py, Self>, key: &str, items: &Bound<'py, PyAny>) -> Chain<'py> {
        remove_items(this, key, items, Shape::List)
    }

    /// Adds members to a set.
    fn set_add<'py>(this: Bound<'py, Self>, key: &str, items: &Bound<'py, PyAny>) -> Chain<'py> {
        add_items(this, key, items, Shape::Set, true)
    }

    /// Removes members from a set.
    fn set_remove<'py>(this: Bound<'py, Self>, key: &str, items: &Bound<'py, PyAny>) -> Chain<'py> {
        remove_items(this, key, items, Shape::Set)
    }

    /// Gives an entry a new time to live in seconds; `None`: for ever.
    fn touch<'py>(this: Bound<'py, Self>, key: &str, ttl: Option<f64>) -> Chain<'py> {
        let ttl = milliseconds(this.py(), ttl)?;
        add(this, key, Op::Touch { ttl })
    }

    /// Takes the parts and does them.
    fn _commit<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let parts = std::mem::take(&mut *self.parts.lock());
        self.map.get().call(py, MapCall::Txn(parts.txn))
    }
}
