//! Every operation that can wait, as data: the one list that all bindings and test drivers use.

use std::time::Duration;

use ponos::{
    Bytes, Condition, Counted, DeleteOptions, Edited, Entry, Event, IncrFloatOptions, IncrOptions, Map,
    MapOptions, Ponos, Result, SetOptions, Txn, TxnDone, Written,
};
use std::sync::Arc;

pub use crate::watcher::SharedWatcher;

/// An operation with its arguments.
#[derive(Debug)]
pub enum Call {
    /// `open(url)` → [`Answer::Client`].
    Open {
        /// The engine's URL.
        url: String,
    },
    /// `client.close()` → [`Answer::Nothing`].
    Close {
        /// Which client.
        client: Ponos,
    },
    /// `client.map(name, options)` → [`Answer::Map`].
    OpenMap {
        /// Of which client.
        client: Ponos,
        /// The map's name.
        name: String,
        /// How to open it.
        options: MapOptions,
    },
    /// An operation on a map.
    Map {
        /// Which map.
        map: Map,
        /// Which operation.
        call: MapCall,
    },
    /// The next events of a watcher → [`Answer::Events`]; empty at the end.
    Next {
        /// Which watcher.
        watcher: Arc<SharedWatcher>,
        /// The most events to give.
        max: usize,
    },
    /// Waits until a watcher has events or has ended → [`Answer::Nothing`]; [`SharedWatcher::take`] gives them.
    /// Unlike with [`Call::Next`], none is lost if the caller gives up while the answer is on its way.
    Wait {
        /// Which watcher.
        watcher: Arc<SharedWatcher>,
        /// The most events to fetch.
        max: usize,
    },
}

/// An operation on a map, with its arguments.
#[derive(Debug)]
pub enum MapCall {
    /// → [`Answer::Written`].
    Set {
        /// Which key.
        key: String,
        /// The new value.
        value: Bytes,
        /// Under which condition, and for how long.
        options: SetOptions,
    },
    /// → [`Answer::Written`].
    Delete {
        /// Which key.
        key: String,
        /// Under which condition.
        when: Condition,
    },
    /// → [`Answer::Counted`].
    Incr {
        /// Which key.
        key: String,
        /// What to add.
        by: i64,
        /// Within which bounds.
        bounds: IncrOptions,
    },
    /// → [`Answer::CountedFloat`].
    IncrFloat {
        /// Which key.
        key: String,
        /// What to add.
        by: f64,
        /// Within which bounds.
        bounds: IncrFloatOptions,
    },
    /// → [`Answer::Edited`].
    ListAppend {
        /// Which key.
        key: String,
        /// What to append.
        items: Vec<Bytes>,
    },
    /// → [`Answer::Edited`].
    ListAppendUnique {
        /// Which key.
        key: String,
        /// What to append, unless it is there.
        items: Vec<Bytes>,
    },
    /// → [`Answer::Edited`].
    ListRemove {
        /// Which key.
        key: String,
        /// What to remove.
        items: Vec<Bytes>,
    },
    /// → [`Answer::Edited`].
    SetAdd {
        /// Which key.
        key: String,
        /// What to add.
        items: Vec<Bytes>,
    },
    /// → [`Answer::Edited`].
    SetRemove {
        /// Which key.
        key: String,
        /// What to remove.
        items: Vec<Bytes>,
    },
    /// → [`Answer::Written`].
    Touch {
        /// Which key.
        key: String,
        /// The new time to live; `None` for ever.
        ttl: Option<Duration>,
    },
    /// → [`Answer::Written`].
    Clear,
    /// → [`Answer::Written`].
    Destroy,
    /// → [`Answer::Txn`].
    Txn(
        /// What to do.
        Txn,
    ),
    /// → [`Answer::Entry`].
    GetLatest {
        /// Which key.
        key: String,
    },
    /// → [`Answer::Revision`].
    Sync,
    /// → [`Answer::Revision`].
    WaitFor {
        /// Until which revision.
        revision: u64,
    },
    /// → [`Answer::Nothing`].
    Close,
}

/// The result of an operation.
#[derive(Debug)]
pub enum Answer {
    /// It is done.
    Nothing,
    /// A client.
    Client(Ponos),
    /// A map.
    Map(Map),
    /// What a write did.
    Written(Written),
    /// What an integer counter shows.
    Counted(Counted<i64>),
    /// What a floating-point counter shows.
    CountedFloat(Counted<f64>),
    /// What an edit of a list or set did.
    Edited(Edited),
    /// Which branch a transaction took.
    Txn(TxnDone),
    /// An entry, if it is there.
    Entry(Option<Entry>),
    /// A revision.
    Revision(u64),
    /// Events; none at the end.
    Events(Vec<Event>),
}

/// Runs an operation.
///
/// # Errors
/// Those of the operation.
pub async fn run(call: Call) -> Result<Answer> {
    match call {
        Call::Open { url } => Ponos::open(&url).await.map(Answer::Client),
        Call::Close { client } => {
            client.close().await;
            Ok(Answer::Nothing)
        }
        Call::OpenMap { client, name, options } => client.map_with(&name, options).await.map(Answer::Map),
        Call::Map { map, call } => run_map(&map, call).await,
        Call::Next { watcher, max } => {
            watcher.fetch(max).await;
            Ok(Answer::Events(watcher.take().unwrap_or_default()))
        }
        Call::Wait { watcher, max } => {
            watcher.fetch(max).await;
            Ok(Answer::Nothing)
        }
    }
}

async fn run_map(map: &Map, call: MapCall) -> Result<Answer> {
    match call {
        MapCall::Set { key, value, options } => map.set_with(&key, value, options).await.map(Answer::Written),
        MapCall::Delete { key, when } => {
            map.delete_with(&key, DeleteOptions { when }).await.map(Answer::Written)
        }
        MapCall::Incr { key, by, bounds } => map.incr_with(&key, by, bounds).await.map(Answer::Counted),
        MapCall::IncrFloat { key, by, bounds } => {
            map.incr_float_with(&key, by, bounds).await.map(Answer::CountedFloat)
        }
        MapCall::ListAppend { key, items } => map.list_append(&key, items).await.map(Answer::Edited),
        MapCall::ListAppendUnique { key, items } => {
            map.list_append_unique(&key, items).await.map(Answer::Edited)
        }
        MapCall::ListRemove { key, items } => map.list_remove(&key, items).await.map(Answer::Edited),
        MapCall::SetAdd { key, items } => map.set_add(&key, items).await.map(Answer::Edited),
        MapCall::SetRemove { key, items } => map.set_remove(&key, items).await.map(Answer::Edited),
        MapCall::Touch { key, ttl } => map.touch(&key, ttl).await.map(Answer::Written),
        MapCall::Clear => map.clear().await.map(Answer::Written),
        MapCall::Destroy => map.destroy().await.map(Answer::Written),
        MapCall::Txn(txn) => map.commit(txn).await.map(Answer::Txn),
        MapCall::GetLatest { key } => map.get_latest(&key).await.map(Answer::Entry),
        MapCall::Sync => map.sync().await.map(Answer::Revision),
        MapCall::WaitFor { revision } => map.wait_for(revision).await.map(Answer::Revision),
        MapCall::Close => {
            map.close().await;
            Ok(Answer::Nothing)
        }
    }
}
