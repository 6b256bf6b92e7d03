//! The objects that Go holds, as numbers: Go frees each once, when nothing in Go can reach it any more.
//!
//! So a handle that is closed is still valid, and a call on it answers `Closed`. Only numbers cross the border:
//! Go never sees an address of ours as a pointer.
#![allow(unsafe_code, reason = "a handle is the address of an object that Go owns")]

use std::panic::catch_unwind;
use std::ptr::{with_exposed_provenance, with_exposed_provenance_mut};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use ponos::{Error, Map, Ponos, Result, Snapshot};
use ponos_bindings_core::surface::SharedWatcher;

/// What a handle stands for.
#[derive(Debug)]
pub(crate) enum Object {
    Client(Ponos),
    Map(Map),
    Snapshot(Snapshot),
    Watcher(Arc<SharedWatcher>),
}

/// Counts what Go has to give back: handles, cancels and long answers.
static LIVE: AtomicI64 = AtomicI64::new(0);

/// Lends a value to Go as a number, until [`reclaim`].
pub(crate) fn lend<T>(value: T) -> usize {
    LIVE.fetch_add(1, Ordering::Relaxed);
    Box::into_raw(Box::new(value)).expose_provenance()
}

/// Takes back what [`lend`] gave.
///
/// # Safety
/// `number` came from `lend::<T>`, and is used no more.
pub(crate) unsafe fn reclaim<T>(number: usize) -> T {
    LIVE.fetch_sub(1, Ordering::Relaxed);
    // SAFETY: as the caller promises, it is the address of a box that nobody else owns.
    *unsafe { Box::from_raw(with_exposed_provenance_mut(number)) }
}

/// The value behind a number; `None` for 0.
///
/// # Safety
/// `number` is 0 or came from `lend::<T>` and is not reclaimed for as long as `'a`.
pub(crate) unsafe fn borrow<'a, T>(number: usize) -> Option<&'a T> {
    // SAFETY: as the caller promises, it is null or the address of a live box.
    unsafe { with_exposed_provenance::<T>(number).as_ref() }
}

/// Memory that Go lends for one call.
///
/// # Safety
/// `data` has `len` readable bytes that nobody writes to for as long as `'a`, or `len` is 0.
pub(crate) unsafe fn lent<'a>(data: *const u8, len: usize) -> &'a [u8] {
    if len == 0 || data.is_null() {
        return &[];
    }
    // SAFETY: as the caller promises.
    unsafe { std::slice::from_raw_parts(data, len) }
}

impl Object {
    pub(crate) fn client(&self) -> Result<&Ponos> {
        if let Self::Client(client) = self { Ok(client) } else { Err(self.other("client")) }
    }

    pub(crate) fn map(&self) -> Result<&Map> {
        if let Self::Map(map) = self { Ok(map) } else { Err(self.other("map")) }
    }

    pub(crate) fn watcher(&self) -> Result<&Arc<SharedWatcher>> {
        if let Self::Watcher(watcher) = self { Ok(watcher) } else { Err(self.other("watcher")) }
    }

    pub(crate) fn snapshot(&self) -> Result<Snapshot> {
        match self {
            Self::Snapshot(snapshot) => Ok(snapshot.clone()),
            other => other.map().map(Map::snapshot),
        }
    }

    fn other(&self, wanted: &str) -> Error {
        Error::internal(format!("the handle is no {wanted}"))
    }
}

/// Frees a handle; 0 is ignored. Dropping a client that was not closed ends its connections.
///
/// # Safety
/// The handle came from an answer and is used no more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ponos_free(handle: usize) {
    if handle != 0 {
        // SAFETY: as the caller promises.
        drop(catch_unwind(|| drop(unsafe { reclaim::<Object>(handle) })));
    }
}

/// How many handles, cancels and long answers Go has not given back: for tests that look for leaks.
#[unsafe(no_mangle)]
pub extern "C" fn ponos_live() -> i64 {
    LIVE.load(Ordering::Relaxed)
}
