//! The runtime of the process: one for all clients, made when it is first needed.
//!
//! A forked child has none of its parent's threads. So each object that crosses the border is [`Held`] with the
//! process it was made in: in a child its calls fail at once and its memory is left alone, because a lock in it
//! may have been held by a thread that does not exist there. New clients of the child get a new runtime.

use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use ponos::{Error, Result};
use tokio::runtime::{Builder, Handle, Runtime};

use crate::task::Woken;

/// Counts the forks between the first process and this one.
static FORKS: AtomicU64 = AtomicU64::new(0);

/// The runtime of this process, once it is made. Read without a lock: one that was held at the moment of a fork
/// would stay so in the child for ever.
static RUNTIME: ArcSwapOption<Owned> = ArcSwapOption::const_empty();

/// The runtime and the process it belongs to, by number of forks.
pub(crate) struct Owned {
    forks: u64,
    handle: Handle,
    /// The calls that are to be polled on it.
    pub(crate) woken: Woken,
    /// Taken at the end of the process; never dropped in a child, where its threads are missing.
    runtime: Mutex<Option<ManuallyDrop<Runtime>>>,
}

/// Counts a fork, and forgets the calls of threads that are missing now. It runs in the child before anything else
/// and only touches atomics.
extern "C" fn in_child() {
    FORKS.fetch_add(1, Ordering::SeqCst);
    INSIDE.store(0, Ordering::SeqCst);
}

fn watch_forks() {
    // No `Once`: a fork while another thread is in one would leave it taken for ever.
    static WATCHED: AtomicBool = AtomicBool::new(false);
    if WATCHED.load(Ordering::Relaxed) || WATCHED.swap(true, Ordering::SeqCst) {
        return;
    }
    // SAFETY: the handler is a plain function that is safe to run in a forked child: it touches two atomics.
    #[allow(unsafe_code, reason = "there is no safe way to hear of a fork")]
    let registered = unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
    if registered != 0 {
        tracing::warn!("forks will not be noticed");
    }
}

fn forks() -> u64 {
    FORKS.load(Ordering::Relaxed)
}

/// The thread that ends the process, once [`shutdown`] has begun.
static ENDING: OnceLock<ThreadId> = OnceLock::new();

/// Set when the runtime is taken down.
static ENDED: AtomicBool = AtomicBool::new(false);

/// How many calls of the host there are that the end of the process waits for.
static INSIDE: AtomicUsize = AtomicUsize::new(0);

/// A call of the host that must not meet the end of the process: [`shutdown`] waits for it.
#[derive(Debug)]
pub struct Inside(());

impl Inside {
    /// Begins one.
    ///
    /// # Errors
    /// `Closed` if the process is ending, by another thread than this.
    pub fn begin() -> Result<Self> {
        watch_forks();
        // Counted first: whoever ends the process sees this call, or this call sees that.
        INSIDE.fetch_add(1, Ordering::SeqCst);
        let inside = Self(());
        match ENDING.get().is_some_and(|ending| *ending != thread::current().id()) {
            true => Err(ended()),
            false => Ok(inside),
        }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        INSIDE.fetch_sub(1, Ordering::SeqCst);
    }
}

fn ended() -> Error {
    Error::closed("the process is ending: its runtime is shut down")
}

/// The right to poll a call on a thread of the host.
pub(crate) struct Turn {
    owned: Arc<Owned>,
    _inside: Inside,
}

impl Turn {
    /// # Errors
    /// `Closed` after [`shutdown`]; `Internal` if threads cannot be started.
    pub(crate) fn begin() -> Result<Self> {
        let inside = Inside::begin()?;
        if ENDED.load(Ordering::SeqCst) {
            return Err(ended());
        }
        Ok(Self { owned: owned()?, _inside: inside })
    }

    pub(crate) fn owned(&self) -> &Arc<Owned> {
        &self.owned
    }
}

impl Owned {
    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }
}

/// The runtime of this process, made if there is none yet. Takes no lock, for the reason that [`RUNTIME`] has none: of
/// two threads that make one at the same time, one keeps its own.
fn owned() -> Result<Arc<Owned>> {
    loop {
        let forks = forks();
        let now = RUNTIME.load();
        if let Some(owned) = &*now
            && owned.forks == forks
        {
            return Ok(owned.clone());
        }
        let made =
            build().map_err(|error| Error::internal("no runtime can be started").with_source(error))?;
        let (handle, runtime) = (made.handle().clone(), Mutex::new(Some(ManuallyDrop::new(made))));
        let made = Arc::new(Owned { forks, handle, woken: Woken::default(), runtime });
        let before = RUNTIME.compare_and_swap(&now, Some(made.clone()));
        if before.as_ref().map(Arc::as_ptr) == now.as_ref().map(Arc::as_ptr) {
            // That of the parent process: its threads are missing, so it is never dropped.
            std::mem::forget(before.clone());
        } else if let Some(runtime) = made.runtime.lock().take() {
            ManuallyDrop::into_inner(runtime).shutdown_background();
        }
    }
}

/// Threads as `PONOS_THREADS` says: 1 by default, which batches best; more for many busy maps.
fn build() -> std::io::Result<Runtime> {
    let threads = std::env::var("PONOS_THREADS").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    Builder::new_multi_thread().worker_threads(threads.clamp(1, 64)).thread_name("ponos").enable_all().build()
}

/// Ends the runtime, for the end of the process: other threads of the host begin no more calls, those they are in are
/// waited for, calls in flight are dropped, later ones fail.
#[allow(clippy::disallowed_methods, reason = "it waits for threads of the host, on no protocol's time")]
pub fn shutdown(patience: Duration) {
    ENDING.get_or_init(|| thread::current().id());
    let owned = RUNTIME.load_full().filter(|owned| owned.forks == forks());
    let limit = Instant::now() + patience;
    while INSIDE.load(Ordering::SeqCst) > 0 && Instant::now() < limit {
        thread::yield_now();
    }
    ENDED.store(true, Ordering::SeqCst);
    if let Some(runtime) = owned.and_then(|owned| owned.runtime.lock().take()) {
        ManuallyDrop::into_inner(runtime).shutdown_timeout(patience);
    }
}

/// An object of this process: of no use in a child of it.
#[derive(Debug)]
pub struct Held<T> {
    value: ManuallyDrop<T>,
    forks: u64,
}

impl<T> Held<T> {
    /// Holds an object that was made in this process.
    pub fn new(value: T) -> Self {
        Self { value: ManuallyDrop::new(value), forks: forks() }
    }

    /// The object, for calls that may wait.
    ///
    /// # Errors
    /// `Closed` in a forked child.
    pub fn get(&self) -> Result<&T> {
        if self.forks == forks() {
            Ok(&self.value)
        } else {
            Err(Error::closed("it was made before a fork; open a new client in this process"))
        }
    }

    /// The object, for reads that take no lock: they show the state as of the fork.
    pub fn read(&self) -> &T {
        &self.value
    }
}

impl<T> Drop for Held<T> {
    fn drop(&mut self) {
        if self.forks == forks() {
            // SAFETY: the value is dropped here and nowhere else.
            #[allow(unsafe_code, reason = "in a forked child the value must not be dropped")]
            unsafe {
                ManuallyDrop::drop(&mut self.value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_before_a_fork_is_refused_after_it() {
        assert!(Held::new(1).get().is_ok());
        let held = Held { value: ManuallyDrop::new(1), forks: forks() + 1 };
        assert_eq!(held.get().expect_err("forked").kind(), ponos::ErrorKind::Closed);
        assert_eq!(*held.read(), 1);
    }
}
