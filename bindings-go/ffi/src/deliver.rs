//! What has to reach Go later, the answers of calls that had to wait, and what Go gives back.
#![allow(unsafe_code, reason = "it calls a function of Go")]

use ponos_bindings_core::deliver;
use ponos_bindings_core::lent::{self, Lent};
use ponos_bindings_core::submit::caught;

/// One answer.
#[repr(C)]
#[derive(Debug)]
pub struct PonosItem {
    /// The number that Go gave the call.
    pub call: u64,
    /// Its bytes, to be read before the function returns.
    pub data: *const u8,
    /// How many bytes.
    pub len: usize,
}

/// A function of Go that takes items, and neither waits nor keeps their memory.
pub type PonosDeliver = unsafe extern "C" fn(items: *const PonosItem, count: usize);

/// Begins to deliver; to be called before anything else, and once: later calls change nothing.
///
/// # Safety
/// `deliver` may be called from any thread until the process ends.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ponos_start(deliver: PonosDeliver) {
    let give = move |batch: &[(u64, Vec<u8>)]| {
        let item = |(call, bytes): &(u64, Vec<u8>)| {
            let (data, len) = (bytes.as_ptr(), bytes.len());
            PonosItem { call: *call, data, len }
        };
        let items: Vec<_> = batch.iter().map(item).collect();
        // SAFETY: the caller gives a function that may be called here; the batch outlives the call.
        unsafe { deliver(items.as_ptr(), items.len()) }
    };
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
