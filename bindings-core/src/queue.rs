//! Finished calls on their way to a foreign event loop.
//!
//! Threads of the runtime only push and, when the queue was empty, ring the bell once; they never run foreign
//! code. The loop drains what there is in one turn. The queue holds at most one item for each call in flight
//! and [`LOGS`] log records, so it is bounded by its users.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use ponos::Result;

use crate::log::Record;
use crate::plain::Plain;

/// How many log records wait at most; the oldest makes room.
pub const LOGS: usize = 10_000;

/// What waits for a loop: the number that the binding gave a call, and its result; under 0, a log record.
pub type Item = (u64, Result<Plain>);

/// The queue of one event loop.
pub struct Queue {
    items: Mutex<VecDeque<Item>>,
    logs: Mutex<usize>,
    bell: Box<dyn Fn() + Send + Sync>,
    closed: AtomicBool,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Queue({} waiting)", self.items.lock().len())
    }
}

impl Queue {
    /// A queue that calls `bell` whenever it stops being empty: from any thread, so `bell` must neither wait nor
    /// run foreign code.
    #[must_use]
    pub fn new(bell: impl Fn() + Send + Sync + 'static) -> Self {
        let (items, logs) = (Mutex::default(), Mutex::new(0));
        Self { items, logs, bell: Box::new(bell), closed: AtomicBool::new(false) }
    }

    /// Adds a finished call, whose number is not 0.
    pub fn done(&self, call: u64, result: Result<Plain>) {
        self.push((call, result));
    }

    /// Adds a log record, unless too many wait.
    pub fn log(&self, record: Record) {
        {
            let mut logs = self.logs.lock();
            if *logs >= LOGS {
                return;
            }
            *logs += 1;
        }
        self.push((0, Ok(record.into())));
    }

    /// Takes all that waits.
    pub fn drain(&self) -> VecDeque<Item> {
        let items = std::mem::take(&mut *self.items.lock());
        let logs = items.iter().filter(|(call, _)| *call == 0).count();
        *self.logs.lock() -= logs;
        items
    }

    /// Drops all that waits and rings no more: the loop is gone.
    pub fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        drop(self.drain());
    }

    fn push(&self, item: Item) {
        if self.closed.load(Ordering::SeqCst) {
            return;
        }
        let was_empty = {
            let mut items = self.items.lock();
            items.push_back(item);
            items.len() == 1
        };
        if was_empty {
            (self.bell)();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;

    #[test]
    fn the_bell_rings_once_a_batch() {
        let rung = Arc::new(AtomicUsize::new(0));
        let count = rung.clone();
        let queue = Queue::new(move || drop(count.fetch_add(1, Ordering::SeqCst).to_string()));
        for call in 1..=3 {
            queue.done(call, Ok(Plain::Nil));
        }
        assert_eq!((rung.load(Ordering::SeqCst), queue.drain().len()), (1, 3));
        queue.done(4, Ok(Plain::Nil));
        assert_eq!(rung.load(Ordering::SeqCst), 2);
        queue.close();
        queue.done(5, Ok(Plain::Nil));
        assert!(queue.drain().is_empty());
    }
}
