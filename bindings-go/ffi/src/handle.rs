//! What Go holds, as numbers: Go frees each once, when nothing in Go can reach it any more.
//!
//! So a handle that is closed is still valid, and a call on it answers `Closed`. Only numbers cross the border:
//! Go never sees an address of ours as a pointer.
#![allow(unsafe_code, reason = "a handle is the address of an object that Go owns")]

use std::panic::catch_unwind;
use std::ptr::{with_exposed_provenance, with_exposed_provenance_mut};
use std::sync::atomic::{AtomicI64, Ordering};

use ponos_bindings_core::Object;
use ponos_bindings_core::submit::Cancel;

/// What a number stands for.
#[derive(Debug)]
pub(crate) enum Held {
    Object(Object),
    /// What cancels a call that waits.
    Cancel(Cancel),
    /// An answer that did not fit.
    Answer(Vec<u8>),
}

/// Counts what Go has to give back.
static LIVE: AtomicI64 = AtomicI64::new(0);

/// Lends a thing to Go as a number, until [`reclaim`].
pub(crate) fn lend(held: Held) -> usize {
    LIVE.fetch_add(1, Ordering::Relaxed);
    Box::into_raw(Box::new(held)).expose_provenance()
}

/// Takes back what [`lend`] gave.
///
/// # Safety
/// `number` came from `lend`, and is used no more.
pub(crate) unsafe fn reclaim(number: usize) -> Held {
    LIVE.fetch_sub(1, Ordering::Relaxed);
    // SAFETY: as the caller promises, it is the address of a box that nobody else owns.
    *unsafe { Box::from_raw(with_exposed_provenance_mut(number)) }
}

/// What a number stands for; `None` for 0.
///
/// # Safety
/// `number` is 0 or came from `lend` and is not reclaimed for as long as `'a`.
pub(crate) unsafe fn borrow<'a>(number: usize) -> Option<&'a Held> {
    // SAFETY: as the caller promises, it is null or the address of a live box.
    unsafe { with_exposed_provenance::<Held>(number).as_ref() }
}

/// The object that a number stands for; `None` for 0 and for what is none.
///
/// # Safety
/// As for [`borrow`].
pub(crate) unsafe fn object<'a>(number: usize) -> Option<&'a Object> {
    // SAFETY: as the caller promises.
    if let Some(Held::Object(object)) = unsafe { borrow(number) } { Some(object) } else { None }
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

/// Frees what was lent as a number; 0 is ignored. Dropping a client that was not closed ends its connections.
///
/// # Safety
/// The number came from an answer or reply and is used no more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ponos_free(number: usize) {
    if number != 0 {
        // SAFETY: as the caller promises.
        drop(catch_unwind(|| drop(unsafe { reclaim(number) })));
    }
}

/// How much of what was lent Go has not given back: for tests that look for leaks.
#[unsafe(no_mangle)]
pub extern "C" fn ponos_live() -> i64 {
    LIVE.load(Ordering::Relaxed)
}
