//! What a language that speaks C holds, as numbers: it frees each once, when nothing in it can reach it any more.
//!
//! So a handle that is closed is still valid, and a call on it answers `Closed`.
#![allow(unsafe_code, reason = "a handle is the address of an object that the other language owns")]

use std::ptr::{with_exposed_provenance, with_exposed_provenance_mut};
use std::sync::atomic::{AtomicI64, Ordering};

use crate::Object;
use crate::submit::Cancel;

/// What a number stands for.
#[derive(Debug)]
pub enum Lent {
    /// A client, map, snapshot or watcher.
    Object(Object),
    /// What cancels a call that waits.
    Cancel(Cancel),
    /// An answer that did not fit.
    Answer(Vec<u8>),
}

/// Counts what is to be given back.
static LIVE: AtomicI64 = AtomicI64::new(0);

/// How much of what was lent has not been given back.
pub fn live() -> i64 {
    LIVE.load(Ordering::Relaxed)
}

impl Lent {
    /// Lends it as a number, until [`Lent::reclaim`].
    #[must_use]
    pub fn lend(self) -> usize {
        LIVE.fetch_add(1, Ordering::Relaxed);
        Box::into_raw(Box::new(self)).expose_provenance()
    }

    /// Takes back what [`Lent::lend`] gave.
    ///
    /// # Safety
    /// `number` came from `lend`, and is used no more.
    #[must_use]
    pub unsafe fn reclaim(number: usize) -> Self {
        LIVE.fetch_sub(1, Ordering::Relaxed);
        // SAFETY: as the caller promises, it is the address of a box that nobody else owns.
        *unsafe { Box::from_raw(with_exposed_provenance_mut(number)) }
    }

    /// What a number stands for; `None` for 0.
    ///
    /// # Safety
    /// `number` is 0 or came from `lend` and is not reclaimed for as long as `'a`.
    #[must_use]
    pub unsafe fn borrow<'a>(number: usize) -> Option<&'a Self> {
        // SAFETY: as the caller promises, it is null or the address of a live box.
        unsafe { with_exposed_provenance::<Self>(number).as_ref() }
    }

    /// The object that a number stands for; [`Object::Nothing`] for 0 and for what is none.
    ///
    /// # Safety
    /// As for [`Lent::borrow`].
    #[must_use]
    pub unsafe fn object<'a>(number: usize) -> &'a Object {
        // SAFETY: as the caller promises.
        if let Some(Self::Object(object)) = unsafe { Self::borrow(number) } {
            object
        } else {
            &Object::Nothing
        }
    }
}

/// Copies bytes to memory that the other language lends, if they fit in it; says whether they do.
///
/// # Safety
/// `out` has `room` writable bytes, which nobody else uses and which do not overlap with `from`.
#[must_use]
pub unsafe fn copy(from: &[u8], out: *mut u8, room: usize) -> bool {
    let fits = from.len() <= room;
    if fits {
        // SAFETY: as the caller promises.
        unsafe { std::ptr::copy_nonoverlapping(from.as_ptr(), out, from.len()) };
    }
    fits
}

/// Memory that the other language lends for one call.
///
/// # Safety
/// `data` has `len` readable bytes that nobody writes to for as long as `'a`, or `len` is 0.
#[must_use]
pub unsafe fn bytes<'a>(data: *const u8, len: usize) -> &'a [u8] {
    if len == 0 || data.is_null() {
        return &[];
    }
    // SAFETY: as the caller promises.
    unsafe { std::slice::from_raw_parts(data, len) }
}
