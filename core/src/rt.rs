//! The only place that spawns: every task belongs to a [`Tasks`] group that can end and await it.
#![allow(clippy::disallowed_methods, reason = "this is the place that the bans point to")]

use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::watch;

use crate::time;

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

/// Waits for answers that may come sooner than a sleeping core wakes: it looks again and again for a moment,
/// letting other tasks run in between, as long as that has paid off lately.
#[derive(Debug)]
pub(crate) struct Soon {
    /// How often in a row it was in vain.
    vain: AtomicU32,
    /// Whether there is a second core, so that who shall answer is not kept from it.
    cores: bool,
}

impl Default for Soon {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().is_ok_and(|cores| cores.get() > 1);
        Self { vain: AtomicU32::new(0), cores }
    }
}

impl Soon {
    /// How long it looks: an answer from the same machine takes 20 to 100 µs.
    const WHILE: Duration = Duration::from_micros(120);
    /// After so many vain waits in a row only each of so many calls looks.
    const SELDOM: u32 = 64;

    /// Returns when `ready`, or when it has looked long enough.
    pub(crate) async fn until(&self, ready: impl Fn() -> bool) {
        let vain = self.vain.load(Ordering::Relaxed);
        if !self.cores || ready() {
            return;
        }
        if vain > 8 && !vain.is_multiple_of(Self::SELDOM) {
            self.vain.store(vain.wrapping_add(1), Ordering::Relaxed);
            return;
        }
        let until = time::now() + Self::WHILE;
        while !ready() {
            if time::now() >= until {
                self.vain.store(vain.wrapping_add(1), Ordering::Relaxed);
                return;
            }
            tokio::task::yield_now().await;
        }
        self.vain.store(0, Ordering::Relaxed);
    }
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
