//! The one way in for everything but the hottest reads.
#![allow(unsafe_code, reason = "it reads and writes memory that Go lends")]

use std::panic::{AssertUnwindSafe, catch_unwind};

use ponos::Error;
use ponos_bindings_core::submit::{Cancel, panicked};
use ponos_bindings_core::{Call, Submitted, submit};

use crate::answer::{pack, pack_error};
use crate::deliver;
use crate::handle::{borrow, lend, lent, reclaim};
use crate::request::{Begun, Request};

/// What [`ponos_submit`] says beside the answer itself.
#[repr(C)]
#[derive(Debug, Default)]
pub struct PonosReply {
    /// The length of the answer, if it is there.
    pub len: usize,
    /// Not 0: the answer did not fit and waits for [`ponos_take`].
    pub spill: usize,
    /// Not 0: the call waits, and this is to be given to [`ponos_release`] once it is done.
    pub cancel: usize,
}

/// Starts an operation, polling it once on this thread.
///
/// Returns whether it has to wait. If not, the answer is in `out`, or waits for [`ponos_take`], and nothing
/// more is heard of it. If so, the answer is delivered exactly once, under the number `call`, from another thread
/// and perhaps before this returns.
///
/// # Safety
/// `on` is 0 or a live handle. `key`, `value` and `args` have as many readable bytes as said, `out` has `room`
/// writable ones, `reply` can be written to; none of them is kept.
#[allow(
    clippy::too_many_arguments,
    reason = "one crossing: Go may not pass a struct with pointers of its own"
)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ponos_submit(
    op: u32,
    on: usize,
    key: *const u8,
    key_len: usize,
    value: *const u8,
    value_len: usize,
    args: *const u8,
    args_len: usize,
    call: u64,
    cancellable: bool,
    out: *mut u8,
    room: usize,
    reply: *mut PonosReply,
) -> bool {
    let run = || {
        // SAFETY: the caller lends these for this call.
        let (key, value, args) =
            unsafe { (lent(key, key_len), lent(value, value_len), lent(args, args_len)) };
        // SAFETY: the caller passes a live handle or 0.
        let on = unsafe { borrow(on) };
        match (Request { op, on, key, value, args }).begin() {
            Ok(Begun::Answered(bytes)) => Ok(bytes),
            Ok(Begun::Call(begun)) => start(begun, call),
            Err(error) => Ok(pack_error(&error)),
        }
    };
    let begun =
        catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| Ok(pack_error(&panicked(&*panic))));
    let (answer, pending) = match begun {
        Ok(bytes) => {
            // SAFETY: the caller lends `room` bytes at `out`.
            let spill = unsafe { give(bytes.as_slice(), out, room) };
            let (len, spill) = (bytes.len(), if spill { lend(bytes) } else { 0 });
            (PonosReply { len, spill, cancel: 0 }, false)
        }
        Err(cancel) => {
            let cancel = if cancellable { lend(cancel) } else { 0 };
            (PonosReply { cancel, ..PonosReply::default() }, true)
        }
    };
    // SAFETY: the caller lends this for the call.
    unsafe { reply.write(answer) };
    pending
}

/// The packed answer, or what cancels the call that waits.
fn start(call: Call, number: u64) -> Result<Vec<u8>, Cancel> {
    let Some(queue) = deliver::queue() else {
        return Ok(pack_error(&Error::internal(
            "answers cannot be delivered: there was no ponos_start, or no thread for it",
        )));
    };
    match submit(call, move |result| queue.done(number, result)) {
        Submitted::Ready(result) => Ok(pack(result)),
        Submitted::Pending(cancel) => Err(cancel),
    }
}

/// Copies an answer if it fits, and says whether it did not.
///
/// # Safety
/// `out` has `room` writable bytes.
unsafe fn give(bytes: &[u8], out: *mut u8, room: usize) -> bool {
    if bytes.len() > room {
        return true;
    }
    // SAFETY: it fits, and memory that Go lends does not overlap with ours.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), out, bytes.len()) };
    false
}

/// Copies an answer that did not fit, all `len` bytes of it, and frees it.
///
/// # Safety
/// `spill` and `len` are those of one reply, and this is the only call for it; `out` has room for `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ponos_take(spill: usize, out: *mut u8, len: usize) {
    // SAFETY: as the caller promises.
    let bytes: Vec<u8> = unsafe { reclaim(spill) };
    // SAFETY: as the caller promises.
    unsafe { give(&bytes, out, len) };
}

/// Ends a call that waits: it is still delivered, as `Closed` if this came in time. A write that was sent may
/// still be applied.
///
/// # Safety
/// `cancel` came from a reply and is not released yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ponos_cancel(cancel: usize) {
    // SAFETY: as the caller promises.
    let cancel: Option<&Cancel> = unsafe { borrow(cancel) };
    drop(catch_unwind(AssertUnwindSafe(|| cancel.map(Cancel::cancel))));
}

/// Frees what could cancel a call.
///
/// # Safety
/// `cancel` came from a reply and is used no more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ponos_release(cancel: usize) {
    // SAFETY: as the caller promises.
    drop(catch_unwind(|| drop(unsafe { reclaim::<Cancel>(cancel) })));
}
