//! The calls of one event loop: begun on its thread, answered there, and what is to be known of each when its answer
//! comes.
//!
//! A call that is ready at once never gets here. One that waits is answered through the [`queue`](crate::queue), which
//! the loop drains on the same thread: so no answer is met before its call has been told to [`Calls::wait`].

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use ponos::Result;

use crate::log::Record;
use crate::plain::{Object, Plain};
use crate::queue::Queue;
use crate::submit::{Cancel, Submitted, submit};

/// The calls of one event loop; `W` is who waits for one of them.
#[derive(Debug)]
pub struct Calls<W> {
    queue: Arc<Queue>,
    waiting: Mutex<HashMap<u64, (Cancel, W)>>,
    last: AtomicU64,
}

impl<W> Calls<W> {
    /// Calls whose answers ring `bell`, as [`Queue::new`] says.
    #[must_use]
    pub fn new(bell: impl Fn() + Send + Sync + 'static) -> Self {
        Self { queue: Arc::new(Queue::new(bell)), waiting: Mutex::default(), last: AtomicU64::new(0) }
    }

    /// Begins the operation of this name on an object, under a number of its own.
    pub fn begin(&self, on: &Object, op: &str, args: Vec<Plain>) -> (u64, Submitted) {
        let call = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let queue = self.queue.clone();
        (call, submit(on, op, args, move |result| queue.done(call, result)))
    }

    /// Remembers who waits for a call; returns how many calls wait now.
    pub fn wait(&self, call: u64, cancel: Cancel, who: W) -> usize {
        let mut waiting = self.waiting.lock();
        waiting.insert(call, (cancel, who));
        waiting.len()
    }

    /// Ends a call, if it still waits: its answer comes at once, and until then it counts as waiting. A write may still be
    /// applied.
    pub fn cancel(&self, call: u64) {
        if let Some((cancel, _)) = self.waiting.lock().get(&call) {
            cancel.cancel();
        }
    }

    /// Ends a call whose answer nobody wants any more: it comes to nobody.
    pub fn forget(&self, call: u64) {
        // What goes is dropped without the lock: it may run code of the host.
        let waiting = self.waiting.lock().remove(&call);
        if let Some((cancel, _)) = waiting {
            cancel.cancel();
        }
    }

    /// What has come: the number of each call, who waits for it, if still somebody does, and its result; log records
    /// under 0.
    pub fn drain(&self) -> impl Iterator<Item = (u64, Option<W>, Result<Plain>)> {
        self.queue.drain().into_iter().map(|(call, result)| {
            let waiting = self.waiting.lock().remove(&call);
            (call, waiting.map(|(_, who)| who), result)
        })
    }

    /// What gives the loop log records.
    pub fn logs(&self) -> impl Fn(Record) + Send + Sync + 'static {
        let queue = self.queue.clone();
        move |record| queue.log(record)
    }

    /// How many calls wait.
    pub fn waiting(&self) -> usize {
        self.waiting.lock().len()
    }

    /// Shows who waits, unless that is changing: for a garbage collector.
    ///
    /// # Errors
    /// The first one of `visit`.
    pub fn visit<E>(&self, mut visit: impl FnMut(&W) -> Result<(), E>) -> Result<(), E> {
        let waiting = self.waiting.try_lock();
        waiting.map_or(Ok(()), |waiting| waiting.values().try_for_each(|(_, who)| visit(who)))
    }

    /// Cancels what waits, and takes nothing more: the loop is gone.
    pub fn close(&self) {
        self.queue.close();
        let waiting = std::mem::take(&mut *self.waiting.lock());
        waiting.values().for_each(|(cancel, _)| cancel.cancel());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::submit::tests::map;

    #[test]
    fn an_answer_finds_who_waits_unless_the_call_is_forgotten() {
        let (ring, rung) = mpsc::sync_channel(8);
        let (calls, map) = (Calls::new(move || ring.try_send(()).unwrap_or_default()), map("calls"));
        let begin = |who| match calls.begin(&map, "map.wait_for", vec![Plain::Int(1)]) {
            (call, Submitted::Pending(cancel)) => (call, calls.wait(call, cancel, who)),
            other => panic!("ready: {other:?}"),
        };
        let ((first, one), (second, two)) = (begin("first"), begin("second"));
        assert_eq!((one, two, calls.waiting()), (1, 2, 2));
        let (third, _) = begin("third");
        let ended = |call| {
            rung.recv().expect("the bell");
            let ended: Vec<_> =
                calls.drain().map(|(call, who, result)| (call, who, result.is_err())).collect();
            assert_eq!((ended.len(), ended[0].0, ended[0].2), (1, call, true));
            ended[0].1
        };
        calls.forget(second);
        calls.forget(second);
        assert_eq!((calls.waiting(), ended(second)), (2, None));
        calls.cancel(third);
        assert_eq!((calls.waiting(), ended(third), calls.waiting()), (2, Some("third"), 1));
        drop(calls.begin(&map, "map.set", vec!["k".into(), "v".into()]));
        rung.recv().expect("the bell");
        let done: Vec<_> = calls.drain().map(|(call, who, result)| (call, who, result.is_ok())).collect();
        assert_eq!(done, [(first, Some("first"), true)]);
    }

    #[test]
    fn what_waits_at_the_end_is_forgotten() {
        let (calls, map) = (Calls::new(|| ()), map("calls-closed"));
        let (call, Submitted::Pending(cancel)) = calls.begin(&map, "map.wait_for", vec![Plain::Int(1)])
        else {
            panic!("ready")
        };
        calls.wait(call, cancel, ());
        assert_eq!(calls.visit(|()| Err("one")), Err("one"));
        calls.close();
        assert_eq!((calls.waiting(), calls.drain().count()), (0, 0));
    }
}
