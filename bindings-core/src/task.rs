//! A call that has to wait: its caller polls it, and after that a thread of the runtime does whenever it is woken.
//!
//! That is less than a task of tokio: whoever makes a call wakes no thread, because its answer will, and calls that are
//! answered together are polled together.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Poll, Wake};

use parking_lot::Mutex;
use ponos::{Error, Result};
use tokio::task::unconstrained;

use crate::ops;
use crate::plain::{Object, Plain};
use crate::runtime::Owned;
use crate::submit::{Guarded, caught};

/// Where a call is: nobody has to do anything, or it waits to be polled, or it is polled, or it was woken meanwhile.
///
/// Every change reads what it replaces, also where nothing changes: so whoever polls sees what was done before any waking
/// that it comes after, and whoever wakes sees that it comes too late for a poll.
const IDLE: u8 = 0;
const WOKEN: u8 = 1;
const POLLED: u8 = 2;
const WOKEN_AGAIN: u8 = 3;

/// A call; `done` is called with its result, exactly once.
pub(crate) struct Call<F: FnOnce(Result<Plain>)> {
    owned: Arc<Owned>,
    state: AtomicU8,
    /// `None` before its caller has left it here, and when it is over.
    work: Mutex<Option<(Guarded, Completion<F>)>>,
}

impl<F: FnOnce(Result<Plain>) + Send + 'static> Call<F> {
    /// A call that its caller is going to poll.
    pub(crate) fn new(owned: &Arc<Owned>) -> Arc<Self> {
        Arc::new(Self { owned: owned.clone(), state: AtomicU8::new(POLLED), work: Mutex::new(None) })
    }

    /// Its caller leaves it: it has been polled, and has to wait.
    pub(crate) fn leave(self: &Arc<Self>, work: Guarded, completion: Completion<F>) {
        *self.work.lock() = Some((work, completion));
        self.rest();
    }

    /// It was polled, and has to wait: for being polled again if it was woken meanwhile.
    fn rest(self: &Arc<Self>) {
        if self.state.compare_exchange(POLLED, IDLE, Ordering::AcqRel, Ordering::Acquire).is_err() {
            self.state.swap(WOKEN, Ordering::AcqRel);
            self.owned.woken.push(&self.owned, self.clone());
        }
    }
}

impl<F: FnOnce(Result<Plain>) + Send + 'static> Wake for Call<F> {
    fn wake(self: Arc<Self>) {
        let next = |state| Some(if matches!(state, IDLE | WOKEN) { WOKEN } else { WOKEN_AGAIN });
        if self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, next) == Ok(IDLE) {
            self.owned.woken.push(&self.owned, self.clone());
        }
    }
}

/// A call, whoever it is for.
pub(crate) trait Turn: Send + Sync {
    /// Polls it.
    fn turn(self: Arc<Self>);

    /// Ends it, unless it is over: it is done with `Closed`.
    fn end(&self);
}

impl<F: FnOnce(Result<Plain>) + Send + 'static> Turn for Call<F> {
    fn turn(self: Arc<Self>) {
        self.state.swap(POLLED, Ordering::AcqRel);
        let mut work = self.work.lock();
        let Some((future, _)) = &mut *work else { return };
        match future.poll(&self.clone().into()) {
            Poll::Pending => {
                drop(work);
                self.rest();
            }
            Poll::Ready(result) => {
                let over = work.take();
                drop(work);
                if let Some((future, completion)) = over {
                    drop(future);
                    completion.finish(result);
                }
            }
        }
    }

    fn end(&self) {
        let work = self.work.lock().take();
        drop(work);
    }
}

/// The calls of a runtime that are to be polled.
#[derive(Default)]
pub(crate) struct Woken(Mutex<Vec<Arc<dyn Turn>>>);

impl Woken {
    fn push(&self, owned: &Arc<Owned>, call: Arc<dyn Turn>) {
        let mut calls = self.0.lock();
        calls.push(call);
        let first = calls.len() == 1;
        drop(calls);
        if first {
            let round = Round(Some(owned.clone()));
            // Not as one task of tokio's, which would be made to wait in the middle for having done so much.
            drop(owned.handle().spawn(unconstrained(async move { round.run() })));
        }
    }

    fn take(&self) -> Vec<Arc<dyn Turn>> {
        std::mem::take(&mut self.0.lock())
    }
}

/// A turn for each call that was woken when it begins; if the runtime ends before, their end.
struct Round(Option<Arc<Owned>>);

impl Round {
    fn run(mut self) {
        let calls = self.0.take().map(|owned| owned.woken.take());
        // What one of them does wrong is not to be the others' end.
        calls.into_iter().flatten().for_each(|call| drop(caught(|| call.turn())));
    }
}

impl Drop for Round {
    fn drop(&mut self) {
        let calls = self.0.take().map(|owned| owned.woken.take());
        calls.into_iter().flatten().for_each(|call| call.end());
    }
}

/// Calls `done` exactly once: with the result, or, when a call is ended, with the error that says so.
pub(crate) struct Completion<F: FnOnce(Result<Plain>)> {
    done: Option<F>,
    on: Object,
    operation: &'static str,
    writes: bool,
}

impl<F: FnOnce(Result<Plain>)> Completion<F> {
    pub(crate) fn new(done: F, on: &Object, op: &str) -> Self {
        let (operation, writes) = ops::known(op);
        Self { done: Some(done), on: on.clone(), operation, writes }
    }

    fn finish(mut self, result: Result<Plain>) {
        self.give(result);
    }

    fn give(&mut self, result: Result<Plain>) {
        if let Some(done) = self.done.take() {
            // Let go of first: whoever is answered may drop the last handle, and count on that it was the last.
            let on = std::mem::take(&mut self.on);
            let result = result.map_err(|error| error.at(self.operation, on.name()));
            drop(on);
            done(result);
        }
    }
}

impl<F: FnOnce(Result<Plain>)> Drop for Completion<F> {
    fn drop(&mut self) {
        if self.done.is_some() {
            self.give(Err(Error::closed("the call was cancelled").with_maybe_applied(self.writes)));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;
    use std::task::Waker;
    use std::time::Duration;

    use super::*;
    use crate::ops::Work;
    use crate::runtime;
    use crate::submit::tests::{ask, map};
    use crate::submit::{Submitted, submit};

    const SOON: Duration = Duration::from_secs(30);

    /// A call for `work` that its caller has polled once and left, and its result when it comes.
    fn left(work: Work) -> (Arc<dyn Turn>, mpsc::Receiver<Result<Plain>>) {
        let turn = runtime::Turn::begin().expect("a runtime");
        let (done, result) = mpsc::sync_channel(2);
        let call = Call::new(turn.owned());
        let mut work = Guarded::new(work);
        assert!(work.poll(&call.clone().into()).is_pending());
        let done = move |result| done.send(result).expect("room");
        call.leave(work, Completion::new(done, &Object::Nothing, "map.set"));
        (call, result)
    }

    #[test]
    fn who_is_woken_while_being_polled_is_polled_again() {
        for wakes in [1, 2, 100] {
            let mut left_to_wake = wakes;
            let (_call, result) = left(Box::pin(poll_fn(move |context| {
                context.waker().wake_by_ref();
                context.waker().wake_by_ref();
                left_to_wake -= 1;
                if left_to_wake < 0 { Poll::Ready(Ok(Plain::Nil)) } else { Poll::Pending }
            })));
            assert!(result.recv_timeout(SOON).expect("a result").is_ok());
            assert!(result.recv_timeout(Duration::from_millis(5)).is_err(), "done twice");
        }
    }

    #[test]
    fn wakers_of_other_threads_lose_no_call_and_do_none_twice() {
        let polled = Arc::new(AtomicUsize::new(0));
        let (wakers, results): (Vec<_>, Vec<_>) = (0..500)
            .map(|number| {
                let (give, wakers) = mpsc::sync_channel::<Waker>(1_000);
                let (polled, mut polls) = (polled.clone(), 0);
                let (_, result) = left(Box::pin(poll_fn(move |context| {
                    polled.fetch_add(1, Ordering::Relaxed);
                    polls += 1;
                    give.try_send(context.waker().clone()).expect("room");
                    if polls > 3 { Poll::Ready(Ok(Plain::Count(number))) } else { Poll::Pending }
                })));
                (wakers, result)
            })
            .unzip();
        let mut wakers = wakers.into_iter();
        std::thread::scope(|threads| {
            for _ in 0..4 {
                let part: Vec<_> = wakers.by_ref().take(125).collect();
                threads.spawn(move || {
                    part.iter().flatten().for_each(|waker| {
                        waker.wake_by_ref();
                        waker.wake();
                    });
                });
            }
        });
        for (number, result) in results.iter().enumerate() {
            let answer = result.recv_timeout(SOON).expect("a result").expect("it is done");
            assert!(matches!(answer, Plain::Count(count) if count == number));
            assert!(result.try_recv().is_err(), "done twice");
        }
        assert_eq!(polled.load(Ordering::Relaxed), 4 * 500, "polled for nothing");
    }

    #[test]
    fn what_is_ended_is_done_once_and_never_polled_again() {
        let (give, waker) = mpsc::sync_channel::<Waker>(1);
        let (call, result) = left(Box::pin(poll_fn(move |context| {
            give.try_send(context.waker().clone()).expect("polled once");
            Poll::Pending
        })));
        let waker = waker.recv_timeout(SOON).expect("a waker");
        call.end();
        waker.wake();
        call.end();
        let error = result.recv_timeout(SOON).expect("a result").expect_err("ended");
        assert_eq!(error.to_string(), "map.set: the call was cancelled (the write may have been applied)");
        assert!(result.recv_timeout(Duration::from_millis(5)).is_err(), "done twice");
    }

    #[test]
    fn whoever_is_answered_has_the_last_handle() {
        let (counted, count) = mpsc::sync_channel(1);
        let wait = |on: &Object| {
            let Object::Watcher(watcher) = on else { panic!("a watcher") };
            let (counted, held) = (counted.clone(), Arc::downgrade(watcher));
            let done = move |_| counted.send(held.strong_count()).expect("room");
            match submit(on, "watch.wait", vec![Plain::Int(9)], done) {
                Submitted::Pending(cancel) => cancel,
                other => panic!("ready: {other:?}"),
            }
        };
        let map = map("last-handle");
        let watch = || {
            let Plain::Object(watcher) = ask(&map, "map.watch", ["*".into()]) else { panic!("a watcher") };
            ask(&watcher, "watch.next", [Plain::Int(9)]); // that it is in step with the map
            watcher
        };
        let cancel = wait(&watch());
        cancel.cancel();
        assert_eq!(count.recv_timeout(SOON), Ok(0), "by who is cancelled");
        let cancel = wait(&watch());
        ask(&map, "map.set", ["k".into(), "v".into()]);
        assert_eq!(count.recv_timeout(SOON), Ok(0), "by who is answered");
        drop(cancel);
    }
}
