//! Transactions: several conditions and operations that count as one write with one revision.

use super::change::Effect;
use super::entries::Entries;
use super::op::{self, Condition, Context, Op, Outcome, Refusal};
use super::value::Key;

/// One write to a map: what a call becomes before it is given to an engine.
#[derive(Clone, Debug, PartialEq)]
pub enum Write {
    /// One operation on one key.
    One {
        /// Which key.
        key: Key,
        /// What to do.
        op: Op,
    },
    /// Removes every key; the revisions go on.
    Clear,
    /// Removes the map itself; its next write starts a new generation.
    Destroy,
    /// Several operations in one step.
    Txn(Txn),
}

/// If all conditions hold, `then` is done, else `otherwise`; one revision for whatever is done.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Txn {
    /// The conditions.
    pub compare: Vec<(Key, Condition)>,
    /// What to do if all hold.
    pub then: Vec<(Key, Op)>,
    /// What to do if one does not.
    pub otherwise: Vec<(Key, Op)>,
}

impl Txn {
    /// How many conditions and operations it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.compare.len() + self.then.len() + self.otherwise.len()
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What an engine decides about a [`Write`].
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The effects, all of one revision; empty if nothing changes.
    pub effects: Vec<Effect>,
    /// Whether a transaction's conditions held; `true` for other writes.
    pub matched: bool,
}

/// The meaning of `write` on a map whose entries are `entries`.
///
/// An operation of a transaction sees those before it. One that is refused refuses the whole transaction.
///
/// # Errors
/// The refusal; nothing has changed then.
pub fn eval(write: &Write, entries: &Entries, context: Context) -> Result<Decision, Refusal> {
    let one = |effects| Ok(Decision { effects, matched: true });
    match write {
        Write::One { key, op } => match op::eval(key, op, entries.get(key), context) {
            Outcome::Applied(effect) => one(vec![effect]),
            Outcome::Unchanged => one(Vec::new()),
            Outcome::Refused(refusal) => Err(refusal),
        },
        Write::Clear | Write::Destroy if entries.is_empty() => one(Vec::new()),
        Write::Clear | Write::Destroy => one(vec![Effect::Clear]),
        Write::Txn(txn) => eval_txn(txn, entries, context),
    }
}

fn eval_txn(txn: &Txn, entries: &Entries, context: Context) -> Result<Decision, Refusal> {
    let matched = txn.compare.iter().all(|(key, condition)| {
        let live = entries.get(key).filter(|entry| entry.alive(context.now));
        op::refusal(condition, live).is_none()
    });
    let mut scratch = entries.clone();
    let mut effects = Vec::new();
    for (key, op) in if matched { &txn.then } else { &txn.otherwise } {
        match op::eval(key, op, scratch.get(key), context) {
            Outcome::Applied(effect) => {
                // No condition of a branch can name the revision being made, so any number will do.
                scratch.apply(&effect, u64::MAX);
                effects.push(effect);
            }
            Outcome::Unchanged => {}
            Outcome::Refused(refusal) => return Err(refusal),
        }
    }
    Ok(Decision { effects, matched })
}
