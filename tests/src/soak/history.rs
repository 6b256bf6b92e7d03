//! What was done to one map and what was seen of it, in a form that can be checked without a server.

use std::collections::BTreeMap;

/// What a call was to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Write its token to the key.
    Set,
    /// Remove the key.
    Delete,
    /// Add this to a counter.
    Incr(i64),
    /// Append its token to a list.
    Append,
    /// Write its token if the key is still at this revision; 0 means absent.
    Replace(u64),
    /// In one transaction, write its token to the key and to the key's twin.
    Pair,
}

/// What its caller was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It happened, at this revision; `result` is a counter's value or a list's length.
    Done {
        /// The revision it was given, or the one it found if nothing changed.
        revision: u64,
        /// Whether anything changed.
        changed: bool,
        /// What the call returned.
        result: i64,
    },
    /// It may have happened.
    Unsure,
    /// It surely did not happen.
    Refused,
}

/// One write.
#[derive(Clone, Debug)]
pub struct Call {
    /// Its own name, and what it writes.
    pub token: String,
    /// The key.
    pub key: String,
    /// What it was to do.
    pub act: Act,
    /// What its caller was told.
    pub outcome: Outcome,
}

/// One event of a watcher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sight {
    /// A key has a new value, or none.
    Change {
        /// Which revision did it.
        revision: u64,
        /// Which key.
        key: String,
        /// Its value now: the last item of a list.
        value: Option<String>,
        /// Its value before, likewise.
        old: Option<String>,
    },
    /// One by one could not be had; the changes at the same revision are the difference.
    Resync {
        /// Where the watcher is now.
        to: u64,
        /// Whether acknowledged writes were said to be gone.
        lost: bool,
    },
}

/// All that one watcher saw, from an empty map on.
#[derive(Clone, Debug, Default)]
pub struct Account {
    /// Who it is.
    pub name: String,
    /// Whether its queue is so short that changes of a key are merged.
    pub merges: bool,
    /// What it saw, in order.
    pub sights: Vec<Sight>,
}

/// What the server holds in the end.
#[derive(Clone, Debug, Default)]
pub struct Ending {
    /// Its revision.
    pub revision: u64,
    /// The items of every list; a plain value is a list of one.
    pub values: BTreeMap<String, Vec<String>>,
}

/// One map's whole life.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// The writes; those of one writer in its order.
    pub calls: Vec<Call>,
    /// What the watchers saw.
    pub accounts: Vec<Account>,
    /// What is there at the end.
    pub ending: Ending,
}

impl Sight {
    /// The revision it belongs to.
    #[must_use]
    pub const fn revision(&self) -> u64 {
        match self {
            Self::Change { revision, .. } | Self::Resync { to: revision, .. } => *revision,
        }
    }
}
