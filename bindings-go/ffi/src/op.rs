//! The operations, by number.

use ponos::{Error, Result};

/// What can be asked for by [`crate::submit::ponos_submit`]. In parentheses: what the arguments hold beside key
/// and value. In front of every answer stands 0; `args.rs` and `answer.rs` say how bytes are read and written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum PonosOp {
    /// Key: the URL. Answers a client.
    Open,
    /// Closes a client.
    Close,
    /// Key: the name (codec, whether ordered, watch queue or 0). Answers a map.
    OpenMap,
    /// Closes a map.
    CloseMap,
    /// (Condition, time to live.) No arguments at all: the defaults.
    Set,
    /// (Condition.)
    Delete,
    /// (By, minimum, maximum.)
    Incr,
    /// (By, minimum, maximum.)
    IncrFloat,
    /// (Items.)
    ListAppend,
    /// (Items.)
    ListAppendUnique,
    /// (Items.)
    ListRemove,
    /// (Items.)
    SetAdd,
    /// (Items.)
    SetRemove,
    /// (Time to live.)
    Touch,
    /// Removes every key.
    Clear,
    /// Removes the map.
    Destroy,
    /// (Conditions, operations, operations otherwise.)
    Txn,
    /// Answers the entry as the engine has it.
    GetLatest,
    /// Answers a revision.
    Sync,
    /// (Revision.) Answers a revision.
    WaitFor,
    /// (Patterns, where to begin.) Answers a watcher.
    Watch,
    /// (Maximum.) Answers events as `bindings-core` packs them; none at the end.
    Next,
    /// Ends a watcher.
    CloseWatcher,
    /// Answers a snapshot.
    Snapshot,
    /// Answers the keys of a map or snapshot.
    Keys,
    /// Answers the entries of a map or snapshot, in no order.
    Entries,
    /// Key: the prefix. Answers entries by key.
    Prefix,
    /// Key: the first; value: the first beyond, none if empty. Answers entries by key.
    Range,
}

impl PonosOp {
    const ALL: [Self; 28] = [
        Self::Open,
        Self::Close,
        Self::OpenMap,
        Self::CloseMap,
        Self::Set,
        Self::Delete,
        Self::Incr,
        Self::IncrFloat,
        Self::ListAppend,
        Self::ListAppendUnique,
        Self::ListRemove,
        Self::SetAdd,
        Self::SetRemove,
        Self::Touch,
        Self::Clear,
        Self::Destroy,
        Self::Txn,
        Self::GetLatest,
        Self::Sync,
        Self::WaitFor,
        Self::Watch,
        Self::Next,
        Self::CloseWatcher,
        Self::Snapshot,
        Self::Keys,
        Self::Entries,
        Self::Prefix,
        Self::Range,
    ];

    /// The operation of this number.
    pub(crate) fn from_u32(number: u32) -> Result<Self> {
        let op = Self::ALL.get(number as usize).copied();
        op.ok_or_else(|| Error::internal(format!("there is no operation {number}")))
    }
}
