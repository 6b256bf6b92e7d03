//! The reads that are worth a function of their own: no queue, no lock, no allocation.
#![allow(unsafe_code, reason = "they read and write memory that Go lends")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use ponos::{Entry, Position, Status};

use crate::handle::{Object, borrow, lent};

/// What an entry has beside its value.
#[repr(C)]
#[derive(Debug)]
pub struct PonosEntry {
    /// The revision that last changed it.
    pub revision: u64,
    /// When it expires, in milliseconds of the engine's clock since 1970; 0 for never.
    pub deadline: u64,
    /// 0 plain, 1 list, 2 set.
    pub shape: u8,
}

/// How a map or snapshot stands.
#[repr(C)]
#[derive(Debug, Default)]
pub struct PonosState {
    /// How many keys.
    pub len: usize,
    /// The last change it shows.
    pub revision: u64,
    /// The generation of that.
    pub generation: u64,
    /// If it is stale: since when, in milliseconds since 1970.
    pub since: u64,
    /// 0 live, 1 stale, 2 resyncing, 3 closed.
    pub status: u8,
}

/// Copies the value of a key of a map or snapshot to `out` if it fits in `room` bytes.
///
/// Returns the length of the value, or -1 if the key is absent. `entry` may be null.
///
/// # Safety
/// `on` is 0 or a live handle. `key` has `key_len` readable bytes, `out` has `room` writable ones, `entry` is null
/// or can be written to; none of them is kept.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ponos_get(
    on: usize,
    key: *const u8,
    key_len: usize,
    out: *mut u8,
    room: usize,
    entry: *mut PonosEntry,
) -> i64 {
    let copy = |found: &Entry| {
        if found.value.len() <= room {
            // SAFETY: it fits in what the caller lends, and memory that Go lends does not overlap with ours.
            unsafe { ptr::copy_nonoverlapping(found.value.as_ptr(), out, found.value.len()) };
        }
        if !entry.is_null() {
            let deadline = found.deadline.map_or(0, |deadline| deadline.get());
            let meta = PonosEntry { revision: found.revision, deadline, shape: found.shape as u8 };
            // SAFETY: the caller lends it.
            unsafe { entry.write(meta) };
        }
        i64::try_from(found.value.len()).unwrap_or(i64::MAX)
    };
    let run = || {
        // SAFETY: the caller lends this for this call.
        let key = std::str::from_utf8(unsafe { lent(key, key_len) }).ok()?;
        // SAFETY: the caller passes a live handle or 0.
        match unsafe { borrow(on) }? {
            Object::Map(map) => map.with(key, copy),
            Object::Snapshot(snapshot) => snapshot.entry(key).map(copy),
            _ => None,
        }
    };
    catch_unwind(AssertUnwindSafe(run)).ok().flatten().unwrap_or(-1)
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
        let key = std::str::from_utf8(unsafe { lent(key, key_len) }).ok()?;
        // SAFETY: the caller passes a live handle or 0.
        let map = unsafe { borrow::<Object>(on) }?.map().ok()?;
        Some(ptr::from_ref(&map.stamps().all()[ponos::map::Stamps::group(key)]).cast())
    };
    catch_unwind(AssertUnwindSafe(run)).ok().flatten().unwrap_or(ptr::null())
}

/// How a map or snapshot stands: what it shows belongs together, except for the status.
///
/// # Safety
/// `on` is 0 or a live handle; `state` can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ponos_state(on: usize, state: *mut PonosState) {
    let run = || {
        // SAFETY: the caller passes a live handle or 0.
        match unsafe { borrow(on) }? {
            Object::Map(map) => {
                let snapshot = map.snapshot();
                let mut state = shown(snapshot.len(), snapshot.position());
                (state.status, state.since) = match map.status() {
                    Status::Live => (0, 0),
                    Status::Stale { since } => (1, since),
                    Status::Resyncing => (2, 0),
                    _ => (3, 0),
                };
                Some(state)
            }
            Object::Snapshot(snapshot) => Some(shown(snapshot.len(), snapshot.position())),
            _ => None,
        }
    };
    let found = catch_unwind(AssertUnwindSafe(run)).ok().flatten().unwrap_or_default();
    // SAFETY: the caller lends it.
    unsafe { state.write(found) };
}

fn shown(len: usize, position: Position) -> PonosState {
    let Position { generation, revision } = position;
    PonosState { len, revision, generation, ..PonosState::default() }
}
