//! The embedded engine: maps and streams in this process, shared by every client that opens the same URL name.
//!
//! It runs the pure model under one lock a map, so it is also the reference that the other engines are
//! compared with. State lives as long as a client of that name is open, and in one process: a forked child begins
//! with none, because what it inherits may be locked by a thread that it has not.

mod map;
mod step;
mod stream;

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::reply::{Address, Mailbox};
use super::stream::{Outcome, Step, StreamEngine, StreamId, StreamSink};
use super::{Engine, MapEngine, MapId, Reply, Sink};
use crate::time;
use map::MapState;
use stream::StreamState;

static STORES: ArcSwapOption<Stores> = ArcSwapOption::const_empty();

/// The stores of one process, by name.
struct Stores {
    process: u32,
    named: Mutex<HashMap<String, Weak<Store>>>,
}

impl Stores {
    /// Those of this process: found without a lock, which a forked child might find taken for ever.
    fn of_this_process() -> Arc<Self> {
        let process = std::process::id();
        let ours = |stores: &Arc<Self>| stores.process == process;
        STORES.rcu(|stores| match stores {
            Some(stores) if ours(stores) => stores.clone(),
            // What the parent has is left as it is: to drop it would take its locks.
            other => {
                std::mem::forget(other.clone());
                Arc::new(Self { process, named: Mutex::default() })
            }
        });
        STORES.load_full().filter(ours).unwrap_or_else(Self::of_this_process)
    }
}

/// A scope and a name in it.
type ObjectName = (String, String);

/// An object as all who have it open share it.
type Shared<T> = Arc<Mutex<T>>;

/// Objects of one kind by their names.
type Objects<T> = Mutex<HashMap<ObjectName, Shared<T>>>;

/// The maps and streams of one URL name.
#[derive(Debug, Default)]
struct Store {
    maps: Objects<MapState>,
    streams: Objects<StreamState>,
    replies: Arc<Mailbox>,
}

/// The embedded engine.
#[derive(Debug)]
pub struct Memory {
    store: Arc<Store>,
    max_value: usize,
    log_len: usize,
}

impl Memory {
    /// Opens the state of this name, new if no client has it open.
    #[must_use]
    pub fn open(name: &str, max_value: usize, log_len: u64) -> Self {
        let stores = Stores::of_this_process();
        let mut stores = stores.named.lock();
        stores.retain(|_, store| store.strong_count() > 0);
        let store = stores.get(name).and_then(Weak::upgrade).unwrap_or_else(|| {
            let store = Arc::new(Store::default());
            stores.insert(name.to_owned(), Arc::downgrade(&store));
            store
        });
        Self { store, max_value, log_len: usize::try_from(log_len).unwrap_or(usize::MAX) }
    }
}

impl Engine for Memory {
    fn now(&self) -> u64 {
        time::wall_ms()
    }

    fn map(&self, id: MapId, sink: Weak<dyn Sink>) -> Reply<'_, Arc<dyn MapEngine>> {
        let key = (id.scope.clone(), id.name.clone());
        let state = self.store.maps.lock().entry(key).or_default().clone();
        let attached = map::Attached::new(state, id, sink, self.max_value, self.log_len);
        Box::pin(std::future::ready(Ok(Arc::new(attached) as Arc<dyn MapEngine>)))
    }

    fn stream(&self, id: StreamId, sink: Weak<dyn StreamSink>) -> Reply<'_, Arc<dyn StreamEngine>> {
        let key = (id.scope.clone(), id.name.clone());
        let state = self.store.streams.lock().entry(key).or_default().clone();
        let attached = stream::Attached::new(state, id, sink);
        Box::pin(std::future::ready(Ok(Arc::new(attached) as Arc<dyn StreamEngine>)))
    }

    fn step(&self, step: Step) -> Reply<'_, Outcome> {
        Box::pin(std::future::ready(self.do_step(&step)))
    }

    fn listen(&self, waits: oneshot::Sender<Bytes>) -> Reply<'_, Address> {
        Box::pin(std::future::ready(Ok(self.store.replies.address("memory", waits))))
    }

    fn reply(&self, address: String, reply: Bytes) -> Reply<'_, bool> {
        let number = Address::parse(&address).map(|(_, number)| number);
        let heard = number.is_some_and(|number| self.store.replies.deliver(number, reply));
        Box::pin(std::future::ready(Ok(heard)))
    }

    fn close(&self) -> Reply<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }
}
