//! The only place that spawns: every task belongs to a [`Tasks`] group that can end and await it.
#![allow(clippy::disallowed_methods, reason = "this is the place that the bans point to")]

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;

/// A group of tasks that ends together.
#[derive(Debug)]
pub(crate) struct Tasks {
    stop: watch::Sender<bool>,
    /// Each task holds a receiver of `stop`: none left means that all have ended.
    runtime: tokio::runtime::Handle,
}

impl Tasks {
    /// An empty group on the caller's runtime; `None` outside of one.
    pub(crate) fn new() -> Option<Self> {
        let runtime = tokio::runtime::Handle::try_current().ok()?;
        Some(Self { stop: watch::Sender::new(false), runtime })
    }

    /// Runs `future` until it is done or the group stops.
    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        let mut stop = self.stop.subscribe();
        drop(self.runtime.spawn(async move {
            tokio::select! {
                biased;
                () = set(&mut stop) => {}
                () = future => {}
            }
        }));
    }

    /// Ends every task at its next await, without waiting for that.
    pub(crate) fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Ends every task and waits until each is gone.
    pub(crate) async fn stop_and_wait(&self) {
        self.stop();
        self.stop.closed().await;
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Waits until a flag is set or its owner is gone. The value that tokio hands out keeps a lock: it is let go in
/// here, because what is dropped after it may want to set the flag again.
pub(crate) async fn set(flag: &mut watch::Receiver<bool>) {
    drop(flag.wait_for(|set| *set).await);
}

/// Counts calls in flight, so that closing can refuse new ones and wait for the others.
#[derive(Debug)]
pub(crate) struct Gate {
    closed: AtomicBool,
    /// Each call in flight holds a receiver.
    calls: watch::Sender<()>,
}

/// A call in flight.
pub(crate) struct Pass(#[expect(dead_code, reason = "held, not read")] watch::Receiver<()>);

impl Default for Gate {
    fn default() -> Self {
        Self { closed: AtomicBool::new(false), calls: watch::Sender::new(()) }
    }
}

impl Gate {
    /// Lets a call in, unless the gate is closed.
    pub(crate) fn enter(&self) -> Option<Pass> {
        let pass = Pass(self.calls.subscribe());
        (!self.is_closed()).then_some(pass)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// Lets no more calls in; `false` if it was closed before.
    pub(crate) fn close(&self) -> bool {
        !self.closed.swap(true, Ordering::SeqCst)
    }

    /// Waits until no call is in flight.
    pub(crate) async fn empty(&self) {
        self.calls.closed().await;
    }
}
