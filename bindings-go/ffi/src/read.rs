//! The reads that are worth a function of their own: no queue, no lock.
#![allow(unsafe_code, reason = "they read and write memory that Go lends")]

use std::ptr;

use ponos::Entry;
use ponos_bindings_core::lent::{Lent, bytes, copy};
use ponos_bindings_core::packed;
use ponos_bindings_core::submit::caught;

/// Copies the value of a key of a map or snapshot to `out` if it fits in `room` bytes; or, if `whole`, its entry, packed
/// as the entries of a snapshot are.
///
/// Returns the length of what it copies, or -1 if the key is absent.
///
/// # Safety
/// `on` is 0 or a live handle. `key` has `key_len` readable bytes, `out` has `room` writable ones; none is kept.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ponos_get(
    on: usize,
    key: *const u8,
    key_len: usize,
    whole: bool,
    out: *mut u8,
    room: usize,
) -> i64 {
    let run = || {
        // SAFETY: the caller lends this for this call.
        let key = std::str::from_utf8(unsafe { bytes(key, key_len) }).ok()?;
        let give = |bytes: &[u8]| {
            // SAFETY: the caller lends this for this call, and memory that Go lends does not overlap with ours.
            let _ = unsafe { copy(bytes, out, room) };
            i64::try_from(bytes.len()).unwrap_or(i64::MAX)
        };
        let look = |entry: &Entry| match whole {
            true => give(&packed::entries([(key, entry)])),
            false => give(&entry.value),
        };
        // SAFETY: the caller passes a live handle or 0.
        unsafe { Lent::object(on) }.look(key, look)
    };
    caught(run).ok().flatten().unwrap_or(-1)
}

/// The number that rises when a key's group changes: to be read atomically, and valid as long as the handle.
/// Null if the handle is no map.
///
/// # Safety
/// `on` is 0 or a live handle; `key` has `key_len` readable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ponos_stamp(on: usize, key: *const u8, key_len: usize) -> *const u64 {
    let run = || {
        // SAFETY: the caller lends this for this call.
        let key = std::str::from_utf8(unsafe { bytes(key, key_len) }).ok()?;
        // SAFETY: the caller passes a live handle or 0.
        unsafe { Lent::object(on) }.stamp(key).map(|stamp| ptr::from_ref(stamp).cast())
    };
    caught(run).ok().flatten().unwrap_or(ptr::null())
}
