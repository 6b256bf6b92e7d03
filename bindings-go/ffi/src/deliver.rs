//! What has to reach Go later: the answers of calls that had to wait, and log records.
//!
//! Entering Go from a foreign thread waits for a processor of Go's scheduler: in a program that computes it was
//! seen to take 136 ms. So no thread of the runtime does it, or leases and connections would wait too: they push
//! into the queue that all bindings share, and one thread here hands over all that waits in one call.
#![allow(unsafe_code, reason = "it calls a function of Go")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;

use ponos_bindings_core::log;
use ponos_bindings_core::queue::{Item, Queue};

use crate::submit::pack;

/// One answer or log record.
#[repr(C)]
#[derive(Debug)]
pub struct PonosItem {
    /// The number that Go gave the call; 0 for a log record.
    pub call: u64,
    /// Its bytes, to be read before the function returns.
    pub data: *const u8,
    /// How many bytes.
    pub len: usize,
}

/// A function of Go that takes items, and neither waits nor keeps their memory.
pub type PonosDeliver = unsafe extern "C" fn(items: *const PonosItem, count: usize);

static QUEUE: OnceLock<Arc<Queue>> = OnceLock::new();

/// Where answers and records wait; `None` before [`ponos_start`].
pub(crate) fn queue() -> Option<&'static Arc<Queue>> {
    QUEUE.get()
}

/// Begins to deliver; to be called before anything else, and once: later calls change nothing.
///
/// # Safety
/// `deliver` may be called from any thread until the process ends.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ponos_start(deliver: PonosDeliver) {
    drop(catch_unwind(|| {
        if QUEUE.get().is_some() {
            return;
        }
        // Without its thread there is no queue, and every call fails with that.
        let thread = thread::Builder::new().name("ponos-go".into()).spawn(move || run(deliver));
        if let Ok(thread) = thread.map(|handle| handle.thread().clone()) {
            drop(QUEUE.set(Arc::new(Queue::new(move || thread.unpark()))));
        }
    }));
}

fn run(deliver: PonosDeliver) {
    let queue = QUEUE.wait();
    loop {
        let batch = queue.drain();
        if batch.is_empty() {
            // A bell that rang since the drain makes this return at once.
            thread::park();
            continue;
        }
        let packed: Vec<(u64, Vec<u8>)> = batch.into_iter().map(packed).collect();
        let as_item = |(call, bytes): &(u64, Vec<u8>)| PonosItem {
            call: *call,
            data: bytes.as_ptr(),
            len: bytes.len(),
        };
        let items: Vec<PonosItem> = packed.iter().map(as_item).collect();
        // SAFETY: `ponos_start` asks for a function that may be called here; `packed` outlives the call.
        drop(catch_unwind(AssertUnwindSafe(|| unsafe { deliver(items.as_ptr(), items.len()) })));
    }
}

fn packed(item: Item) -> (u64, Vec<u8>) {
    match item {
        Item::Done { call, result } => (call, pack(result)),
        Item::Log(record) => (0, pack(Ok(record.into()))),
    }
}

/// Delivers log records of a level and those that matter more: 1 error, 2 warn, 3 info, 4 debug, 5 trace; 0 for
/// none. More than 10,000 that wait are dropped.
#[unsafe(no_mangle)]
pub extern "C" fn ponos_log(level: u8) {
    static LISTENING: Mutex<Option<u64>> = Mutex::new(None);
    drop(catch_unwind(|| {
        let name = ["-", "error", "warn", "info", "debug", "trace"].get(usize::from(level)).unwrap_or(&"-");
        let listens = queue().and_then(|queue| log::listen(name, move |record| queue.log(record)));
        let before =
            LISTENING.lock().ok().and_then(|mut listening| std::mem::replace(&mut *listening, listens));
        before.into_iter().for_each(log::stop);
    }));
}
