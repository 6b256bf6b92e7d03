//! What callers may say beside the arguments that every call needs, from Python's keywords.

use std::time::Duration;

use ponos::{Condition, Error};
use pyo3::prelude::*;

use crate::codec::Codec;
use crate::error::OrRaise;

/// The condition that at most one of four keywords names; `value` is `...` where it is not given, because `None`
/// may be a value.
pub(crate) fn condition(
    codec: &Codec,
    absent: bool,
    present: bool,
    revision: Option<u64>,
    value: &Bound<'_, PyAny>,
) -> PyResult<Condition> {
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

/// A time to live in seconds.
pub(crate) fn duration(py: Python<'_>, seconds: Option<f64>) -> PyResult<Option<Duration>> {
    let Some(seconds) = seconds else { return Ok(None) };
    match Duration::try_from_secs_f64(seconds) {
        Ok(duration) => Ok(Some(duration)),
        Err(_) => Err(Error::invalid(format!("the time to live is {seconds} s: no duration"))).or_raise(py),
    }
}
