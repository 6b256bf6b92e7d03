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
use crate::submit::Guarded;

/// Where a call is: nobody has to do anything, or it waits to be polled, or it is polled, or it was woken meanwhile.
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
            self.state.store(WOKEN, Ordering::Release);
            self.owned.woken.push(&self.owned, self.clone());
        }
    }
}

impl<F: FnOnce(Result<Plain>) + Send + 'static> Wake for Call<F> {
    fn wake(self: Arc<Self>) {
        let next = |state| match state {
            IDLE => Some(WOKEN),
            POLLED => Some(WOKEN_AGAIN),
            _ => None,
        };
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
        self.state.store(POLLED, Ordering::Release);
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
        calls.into_iter().flatten().for_each(Turn::turn);
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
        if let Some(done) = self.done.take() {
            done(result.map_err(|error| error.at(self.operation, self.on.name())));
        }
    }
}

impl<F: FnOnce(Result<Plain>)> Drop for Completion<F> {
    fn drop(&mut self) {
        if let Some(done) = self.done.take() {
            let cancelled = Error::closed("the call was cancelled").with_maybe_applied(self.writes);
            done(Err(cancelled.at(self.operation, self.on.name())));
        }
    }
}
