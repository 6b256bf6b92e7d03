//! What every write to a map means: [`eval`] is the one definition.
//!
//! The memory engine runs it, every script of the Redis engine is tested against it with random operations,
//! and the documentation of each method points to it. Sizes and names are checked before a call becomes an
//! [`Op`]; what is left to decide depends on the entry that is there.

use bytes::Bytes;

use super::change::Effect;
use super::value::{Deadline, Entry, Key, Shape};
use super::{items, number};

/// What must hold of an entry for a write to go ahead.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Condition {
    /// Nothing.
    #[default]
    Always,
    /// The key is absent.
    Absent,
    /// The key is present.
    Present,
    /// The key is present and was last changed by this revision.
    Revision(u64),
    /// The key is present with exactly these bytes.
    Value(Bytes),
}

/// One atomic operation on one key.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// Stores a plain value and its time to live (none: for ever), whatever was there.
    Set {
        /// The new bytes.
        value: Bytes,
        /// Milliseconds until the entry expires.
        ttl: Option<u64>,
        /// When to refuse.
        when: Condition,
    },
    /// Removes the entry; without a condition an absent key is no change.
    Delete {
        /// When to refuse.
        when: Condition,
    },
    /// Adds to an integer counter; an absent key counts as 0. Keeps the time to live.
    Incr {
        /// What to add.
        by: i64,
        /// Refused if the sum were smaller.
        min: i64,
        /// Refused if the sum were larger.
        max: i64,
    },
    /// Adds to a floating-point counter; an absent key counts as 0. Keeps the time to live.
    IncrFloat {
        /// What to add; finite.
        by: f64,
        /// Refused if the sum were smaller; `-inf` for no bound.
        min: f64,
        /// Refused if the sum were larger; `inf` for no bound.
        max: f64,
    },
    /// Appends items to a list or adds them to a set; an absent key is an empty one.
    Add {
        /// `List` or `Set`.
        shape: Shape,
        /// Skip the items that are there already (always so for a set).
        unique: bool,
        /// What to add, in this order.
        items: Vec<Bytes>,
    },
    /// Removes every occurrence of the items; what becomes empty is deleted.
    Remove {
        /// `List` or `Set`.
        shape: Shape,
        /// What to remove.
        items: Vec<Bytes>,
    },
    /// Gives an entry a new time to live, or none; an absent key is no change.
    Touch {
        /// Milliseconds from now; `None` keeps the entry for ever.
        ttl: Option<u64>,
    },
    /// Removes the entry if its deadline has passed: what a janitor sends.
    Expire,
}

/// Why a write was refused; nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Refusal {
    /// The key is present and should not be.
    Exists = 1,
    /// The key is absent and should not be.
    Missing = 2,
    /// The entry has another revision.
    RevisionDiffers = 3,
    /// The entry has another value.
    ValueDiffers = 4,
    /// The counter would leave its bounds or its type.
    OutOfBounds = 5,
    /// The value is no number.
    NotANumber = 6,
    /// The value is no list.
    NotAList = 7,
    /// The value is no set.
    NotASet = 8,
    /// The value would outgrow the limit.
    TooLarge = 9,
}

impl Refusal {
    /// The refusal that an engine wrote as this number.
    #[must_use]
    pub const fn from_u8(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Exists,
            2 => Self::Missing,
            3 => Self::RevisionDiffers,
            4 => Self::ValueDiffers,
            5 => Self::OutOfBounds,
            6 => Self::NotANumber,
            7 => Self::NotAList,
            8 => Self::NotASet,
            9 => Self::TooLarge,
            _ => return None,
        })
    }
}

/// What an operation depends on besides the entry.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// The engine's clock, milliseconds since 1970.
    pub now: u64,
    /// The largest value an edit may leave, in bytes.
    pub max_value: usize,
}

/// What [`eval`] decides.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The write is accepted and does this.
    Applied(Effect),
    /// The write is accepted and changes nothing: no revision is given.
    Unchanged,
    /// The write is refused.
    Refused(Refusal),
}

/// The meaning of `op` on `key` whose entry is `current`.
#[must_use]
pub fn eval(key: &Key, op: &Op, current: Option<&Entry>, context: Context) -> Outcome {
    let now = context.now;
    let live = current.filter(|entry| entry.alive(now));
    match op {
        Op::Set { value, ttl, when } => check(when, live)
            .unwrap_or_else(|| put(key, value.clone(), Shape::Plain, ttl.map(|ttl| deadline(now, ttl)))),
        Op::Delete { when } => check(when, live).unwrap_or_else(|| match live {
            Some(_) => Outcome::Applied(Effect::Delete { key: key.clone() }),
            None => Outcome::Unchanged,
        }),
        Op::Incr { by, min, max } => incr(key, live, |text| {
            let sum = number::parse_i64(text).ok_or(Refusal::NotANumber)?.checked_add(*by);
            sum.filter(|sum| (min..=max).contains(&sum))
                .map(|sum| sum.to_string())
                .ok_or(Refusal::OutOfBounds)
        }),
        Op::IncrFloat { by, min, max } => incr(key, live, |text| {
            let sum = number::parse_f64(text).ok_or(Refusal::NotANumber)? + by;
            let fits = sum.is_finite() && (*min..=*max).contains(&sum);
            if fits { Ok(number::format_f64(sum)) } else { Err(Refusal::OutOfBounds) }
        }),
        Op::Add { shape, unique, items } => add(key, *shape, *unique, items, live, context.max_value),
        Op::Remove { shape, items } => remove(key, *shape, items, live),
        Op::Touch { ttl } => match live {
            Some(_) => Outcome::Applied(Effect::Touch {
                key: key.clone(),
                deadline: ttl.map(|ttl| deadline(now, ttl)),
            }),
            None => Outcome::Unchanged,
        },
        Op::Expire => match current {
            Some(entry) if !entry.alive(now) => Outcome::Applied(Effect::Expire { key: key.clone() }),
            _ => Outcome::Unchanged,
        },
    }
}

/// Whether `when` refuses a write to `live`.
#[must_use]
pub fn refusal(when: &Condition, live: Option<&Entry>) -> Option<Refusal> {
    match (when, live) {
        (Condition::Always, _) | (Condition::Absent, None) | (Condition::Present, Some(_)) => None,
        (Condition::Absent, Some(_)) => Some(Refusal::Exists),
        (_, None) => Some(Refusal::Missing),
        (Condition::Revision(wanted), Some(entry)) => {
            (entry.revision != *wanted).then_some(Refusal::RevisionDiffers)
        }
        (Condition::Value(wanted), Some(entry)) => (entry.value != *wanted).then_some(Refusal::ValueDiffers),
    }
}

fn check(when: &Condition, live: Option<&Entry>) -> Option<Outcome> {
    refusal(when, live).map(Outcome::Refused)
}

fn deadline(now: u64, ttl: u64) -> Deadline {
    Deadline::MIN.saturating_add(now.saturating_add(ttl).saturating_sub(1))
}

fn put(key: &Key, value: Bytes, shape: Shape, deadline: Option<Deadline>) -> Outcome {
    Outcome::Applied(Effect::Put { key: key.clone(), value, shape, deadline })
}

fn incr(key: &Key, live: Option<&Entry>, add: impl Fn(&[u8]) -> Result<String, Refusal>) -> Outcome {
    let text = match live {
        None => Ok(&b"0"[..]),
        Some(entry) if entry.shape == Shape::Plain => Ok(&entry.value[..]),
        Some(_) => Err(Refusal::NotANumber),
    };
    match text.and_then(add) {
        Ok(sum) => put(key, sum.into(), Shape::Plain, live.and_then(|entry| entry.deadline)),
        Err(refusal) => Outcome::Refused(refusal),
    }
}

/// The refusal for a value that is not of `shape`.
const fn wrong_shape(shape: Shape) -> Refusal {
    match shape {
        Shape::Plain => Refusal::NotANumber,
        Shape::List => Refusal::NotAList,
        Shape::Set => Refusal::NotASet,
    }
}

fn add(
    key: &Key,
    shape: Shape,
    unique: bool,
    wanted: &[Bytes],
    live: Option<&Entry>,
    max_value: usize,
) -> Outcome {
    if live.is_some_and(|entry| entry.shape != shape) {
        return Outcome::Refused(wrong_shape(shape));
    }
    let held = live.map(|entry| entry.value.clone()).unwrap_or_default();
    let more = if unique || shape == Shape::Set { items::fresh(&held, wanted) } else { items::join(wanted) };
    if more.is_empty() {
        return Outcome::Unchanged;
    }
    if held.len() + more.len() > max_value {
        return Outcome::Refused(Refusal::TooLarge);
    }
    match live {
        None => put(key, more, shape, None),
        Some(_) => Outcome::Applied(Effect::Append { key: key.clone(), items: more }),
    }
}

fn remove(key: &Key, shape: Shape, gone: &[Bytes], live: Option<&Entry>) -> Outcome {
    let Some(entry) = live else { return Outcome::Unchanged };
    if entry.shape != shape {
        return Outcome::Refused(wrong_shape(shape));
    }
    let gone = items::join(gone);
    let left = items::without(&entry.value, &gone);
    if left.len() == entry.value.len() {
        return Outcome::Unchanged;
    }
    if left.is_empty() {
        return Outcome::Applied(Effect::Delete { key: key.clone() });
    }
    Outcome::Applied(Effect::Remove { key: key.clone(), items: gone })
}

#[cfg(test)]
#[path = "op_tests.rs"]
mod tests;
