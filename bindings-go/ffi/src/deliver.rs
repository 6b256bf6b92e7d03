//! What has to reach Go later, the answers of calls that had to wait, and what Go gives back.
#![allow(unsafe_code, reason = "it calls a function of Go")]

use ponos_bindings_core::deliver;
use ponos_bindings_core::lent::{self, Lent};
use ponos_bindings_core::submit::caught;

/// A function of Go that takes a batch of answers, and neither waits nor keeps its memory: each is the number that Go
/// gave the call and a length, as 64 bits each, little-endian, and that many bytes.
pub type PonosDeliver = unsafe extern "C" fn(batch: *const u8, len: usize);

/// Begins to deliver; to be called before anything else, and once: later calls change nothing.
///
/// # Safety
/// `deliver` may be called from any thread until the process ends.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ponos_start(deliver: PonosDeliver) {
    // SAFETY: the caller gives a function that may be called here; the batch outlives the call.
    let give = move |batch: &[u8]| unsafe { deliver(batch.as_ptr(), batch.len()) };
    drop(caught(|| deliver::start("ponos-go", give)));
}

/// Frees what was lent as a number; 0 is ignored. Dropping a client that was not closed ends its connections.
///
/// # Safety
/// The number came from an answer or reply and is used no more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ponos_free(number: usize) {
    if number != 0 {
        // SAFETY: as the caller promises.
        drop(caught(|| drop(unsafe { Lent::reclaim(number) })));
    }
}

/// How much of what was lent Go has not given back: for tests that look for leaks.
#[unsafe(no_mangle)]
pub extern "C" fn ponos_live() -> i64 {
    lent::live()
}
