//! Operations on one key, by the name they have in Python: what a map does at once and a transaction collects.

use std::time::Duration;

use ponos::{Condition, Error, IncrFloatOptions, IncrOptions, Op, SetOptions, Shape};
use ponos_bindings_core::MapCall;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::codec::Codec;
use crate::error::OrRaise;

/// What a write may be bound to: that its key is absent, is present, has this revision, has this value, which is
/// `...` where it is not given, because `None` may be a value.
type When<'py> = (bool, bool, Option<u64>, Bound<'py, PyAny>);

/// The operation of this name, from its arguments in their order.
pub(crate) fn op(codec: &Codec, name: &str, args: &Bound<'_, PyTuple>) -> PyResult<Op> {
    let items = || codec.encode_all(&args.get_item(0)?);
    Ok(match name {
        "set" => {
            let (value, when, ttl): (Bound<'_, PyAny>, When<'_>, Option<f64>) = args.extract()?;
            let (value, when) = (codec.encode(&value)?, condition(codec, &when)?);
            Op::Set { value, ttl: milliseconds(args.py(), ttl)?, when }
        }
        "delete" => Op::Delete { when: condition(codec, &args.extract::<(When<'_>,)>()?.0)? },
        "incr" => {
            let (by, min, max): (i64, Option<i64>, Option<i64>) = args.extract()?;
            Op::Incr { by, min: min.unwrap_or(i64::MIN), max: max.unwrap_or(i64::MAX) }
        }
        "incr_float" => {
            let (by, min, max): (f64, Option<f64>, Option<f64>) = args.extract()?;
            Op::IncrFloat { by, min: min.unwrap_or(f64::NEG_INFINITY), max: max.unwrap_or(f64::INFINITY) }
        }
        "list_append" => Op::Add { shape: Shape::List, unique: false, items: items()? },
        "list_append_unique" => Op::Add { shape: Shape::List, unique: true, items: items()? },
        "list_remove" => Op::Remove { shape: Shape::List, items: items()? },
        "set_add" => Op::Add { shape: Shape::Set, unique: true, items: items()? },
        "set_remove" => Op::Remove { shape: Shape::Set, items: items()? },
        "touch" => Op::Touch { ttl: milliseconds(args.py(), args.extract::<(Option<f64>,)>()?.0)? },
        _ => return Err(PyValueError::new_err(format!("there is no operation {name:?}"))),
    })
}

/// The call that does one operation.
pub(crate) fn call(key: String, op: Op) -> MapCall {
    let duration = |ttl: Option<u64>| ttl.map(Duration::from_millis);
    match op {
        Op::Set { value, ttl, when } => {
            MapCall::Set { key, value, options: SetOptions { when, ttl: duration(ttl) } }
        }
        Op::Delete { when } => MapCall::Delete { key, when },
        Op::Incr { by, min, max } => MapCall::Incr { key, by, bounds: IncrOptions { min, max } },
        Op::IncrFloat { by, min, max } => {
            MapCall::IncrFloat { key, by, bounds: IncrFloatOptions { min, max } }
        }
        Op::Add { shape: Shape::Set, items, .. } => MapCall::SetAdd { key, items },
        Op::Add { unique: true, items, .. } => MapCall::ListAppendUnique { key, items },
        Op::Add { items, .. } => MapCall::ListAppend { key, items },
        Op::Remove { shape: Shape::Set, items } => MapCall::SetRemove { key, items },
        Op::Remove { items, .. } => MapCall::ListRemove { key, items },
        Op::Touch { ttl } => MapCall::Touch { key, ttl: duration(ttl) },
        // A janitor's; Python has no name for it.
        Op::Expire => MapCall::Sync,
    }
}

/// The one condition that was given, or none.
pub(crate) fn condition(codec: &Codec, when: &When<'_>) -> PyResult<Condition> {
    let (absent, present, revision, value) = when;
    let py = value.py();
    let value = (!value.is(py.Ellipsis())).then(|| codec.encode(value)).transpose()?;
    let given = [
        absent.then_some(Condition::Absent),
        present.then_some(Condition::Present),
        revision.map(Condition::Revision),
        value.map(Condition::Value),
    ];
    let mut given = given.into_iter().flatten();
    match (given.next(), given.next()) {
        (None, _) => Ok(Condition::Always),
        (Some(one), None) => Ok(one),
        _ => Err(Error::invalid("a write has one condition at most; a txn can have several")).or_raise(py),
    }
}

/// A time to live, from seconds.
fn milliseconds(py: Python<'_>, ttl: Option<f64>) -> PyResult<Option<u64>> {
    let Some(seconds) = ttl else { return Ok(None) };
    let invalid = || Error::invalid(format!("the time to live is {seconds} s: no duration"));
    let duration = Duration::try_from_secs_f64(seconds).map_err(|_| invalid()).or_raise(py)?;
    Ok(Some(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
}
