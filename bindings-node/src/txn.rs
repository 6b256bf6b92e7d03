//! Conditions and operations as JavaScript gives them.

use std::time::Duration;

use napi::bindgen_prelude::BigInt;
use napi::{Error, Result, Status};
use napi_derive::napi;
use ponos::{Bytes, Condition, IncrFloatOptions, IncrOptions, Key, Op, Shape, Txn};

use crate::value::{Given, items};

/// Under which condition to write; in a transaction also on which key.
#[napi(object, object_to_js = false)]
pub struct When {
    /// Which key.
    pub key: Option<String>,
    /// `absent`, `present`, `revision` or `value`.
    pub is: String,
    /// Which revision.
    pub revision: Option<BigInt>,
    /// Which value.
    pub value: Option<Given>,
}

/// The condition of a write; none is always.
pub(crate) fn condition(when: Option<When>) -> Condition {
    let Some(When { is, revision, value, .. }) = when else { return Condition::Always };
    match (&*is, revision, value) {
        (_, Some(revision), _) => Condition::Revision(revision.get_u64().1),
        (_, _, Some(Given(value))) => Condition::Value(value),
        ("absent", ..) => Condition::Absent,
        _ => Condition::Present,
    }
}

/// A time to live; what is no time at all is left to the core to refuse.
pub(crate) fn ttl(ms: f64) -> Duration {
    Duration::from_micros((ms * 1_000.0) as u64)
}

/// An operation of a transaction.
#[napi(object, object_to_js = false)]
pub struct Step {
    /// Which operation, by its name in JavaScript.
    pub op: String,
    /// On which key.
    pub key: String,
    /// The value of a `set`.
    pub value: Option<Given>,
    /// The items of a list or set.
    pub items: Option<Vec<Given>>,
    /// What an `incr` adds.
    pub by: Option<BigInt>,
    /// What an `incrFloat` adds.
    pub by_float: Option<f64>,
    /// The time to live of a `set` or `touch`.
    pub ttl_ms: Option<f64>,
}

impl Step {
    fn op(self) -> Result<(Key, Op)> {
        let add = |shape, unique, items: Vec<Bytes>| Op::Add { shape, unique, items };
        let remove = |shape, items: Vec<Bytes>| Op::Remove { shape, items };
        let ttl = self.ttl_ms.map(|ms| u64::try_from(ttl(ms).as_millis()).unwrap_or(u64::MAX));
        let items = items(self.items.unwrap_or_default());
        let op = match (&*self.op, self.value, self.by, self.by_float) {
            ("set", Some(Given(value)), ..) => Op::Set { value, ttl, when: Condition::Always },
            ("delete", ..) => Op::Delete { when: Condition::Always },
            ("incr", _, Some(by), _) => {
                let IncrOptions { min, max } = IncrOptions::default();
                Op::Incr { by: by.get_i64().0, min, max }
            }
            ("incrFloat", _, _, Some(by)) => {
                let IncrFloatOptions { min, max } = IncrFloatOptions::default();
                Op::IncrFloat { by, min, max }
            }
            ("listAppend", ..) => add(Shape::List, false, items),
            ("listAppendUnique", ..) => add(Shape::List, true, items),
            ("listRemove", ..) => remove(Shape::List, items),
            ("setAdd", ..) => add(Shape::Set, true, items),
            ("setRemove", ..) => remove(Shape::Set, items),
            ("touch", ..) => Op::Touch { ttl },
            (op, ..) => return Err(Error::new(Status::InvalidArg, format!("no operation: {op:?}"))),
        };
        Ok((self.key.into(), op))
    }
}

/// A transaction from its three parts.
pub(crate) fn txn(compare: Vec<When>, then: Vec<Step>, otherwise: Vec<Step>) -> Result<Txn> {
    let pair = |mut when: When| (when.key.take().unwrap_or_default().into(), condition(Some(when)));
    Ok(Txn {
        compare: compare.into_iter().map(pair).collect(),
        then: then.into_iter().map(Step::op).collect::<Result<_>>()?,
        otherwise: otherwise.into_iter().map(Step::op).collect::<Result<_>>()?,
    })
}
