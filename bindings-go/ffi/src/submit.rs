//! The one way in for everything but the hottest reads.
#![allow(unsafe_code, reason = "it reads and writes memory that Go lends")]

use std::panic::{AssertUnwindSafe, catch_unwind};

use ponos::{Error, Result};
use ponos_bindings_core::submit::{Cancel, panicked, place};
use ponos_bindings_core::{Object, Plain, Submitted, packed, submit};

use crate::deliver;
use crate::handle::{Held, borrow, lend, lent, object, reclaim};

/// What [`ponos_submit`] says beside the answer itself.
#[repr(C)]
#[derive(Debug, Default)]
pub struct PonosReply {
    /// The length of the answer, if it is there.
    pub len: usize,
    /// Not 0: the answer did not fit and waits for [`ponos_take`].
    pub spill: usize,
    /// Not 0: the call waits, and this can cancel it; it is to be freed once the call is done.
    pub cancel: usize,
}

/// Does the operation of this name on an object, or on none, polling it once on this thread.
///
/// Returns whether it has to wait. If not, the answer is in `out`, or waits for [`ponos_take`], and nothing
/// more is heard of it. If so, the answer is delivered exactly once, under the number `call`, from another thread
/// and perhaps before this returns. An answer is 0 and a packed value, or 1 and a packed error.
///
/// # Safety
/// `on` is 0 or a live handle. `op` and `args` have as many readable bytes as said, `out` has `room` writable ones,
/// `reply` can be written to; none of them is kept.
#[allow(
    clippy::too_many_arguments,
    reason = "one crossing: Go may not pass a struct with pointers of its own"
)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ponos_submit(
    on: usize,
    op: *const u8,
    op_len: usize,
    args: *const u8,
    args_len: usize,
    call: u64,
    cancellable: bool,
    out: *mut u8,
    room: usize,
    reply: *mut PonosReply,
) -> bool {
    let run = || {
        // SAFETY: the caller lends these for this call, and passes a live handle or 0.
        let (op, args, on) = unsafe { (lent(op, op_len), lent(args, args_len), object(on)) };
        start(on, std::str::from_utf8(op).unwrap_or_default(), args, call)
    };
    let begun = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| Ok(Err(panicked(&*panic))));
    let pending = begun.is_err();
    let answer = match begun {
        Ok(result) => {
            let bytes = pack(result);
            // SAFETY: the caller lends `room` bytes at `out`.
            let fits = unsafe { give(&bytes, out, room) };
            let len = bytes.len();
            PonosReply { len, spill: if fits { 0 } else { lend(Held::Answer(bytes)) }, cancel: 0 }
        }
        Err(cancel) if cancellable => {
            PonosReply { cancel: lend(Held::Cancel(cancel)), ..PonosReply::default() }
        }
        Err(_) => PonosReply::default(),
    };
    // SAFETY: the caller lends this for the call.
    unsafe { reply.write(answer) };
    pending
}

/// The result, or what cancels the call that waits.
fn start(on: Option<&Object>, op: &str, args: &[u8], call: u64) -> Result<Result<Plain>, Cancel> {
    let Some(queue) = deliver::queue() else {
        let message = "answers cannot be delivered: there was no ponos_start, or no thread for it";
        return Ok(Err(Error::internal(message)));
    };
    let args = match packed::unpack(args) {
        Ok(args) => args,
        Err(error) => return Ok(Err(place(error, on, op))),
    };
    match submit(on, op, args, move |result| queue.done(call, result)) {
        Submitted::Ready(result) => Ok(result),
        Submitted::Pending(cancel) => Err(cancel),
    }
}

/// Packs a result: 0 and the value, or 1 and the error.
pub(crate) fn pack(result: Result<Plain>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(64);
    bytes.push(u8::from(result.is_err()));
    let plain = result.unwrap_or_else(|error| (&error).into());
    packed::pack(plain, &mut bytes, &mut |object| lend(Held::Object(object)) as u64);
    bytes
}

/// Copies an answer if it fits, and says whether it does.
///
/// # Safety
/// `out` has `room` writable bytes.
unsafe fn give(bytes: &[u8], out: *mut u8, room: usize) -> bool {
    if bytes.len() <= room {
        // SAFETY: it fits, and memory that Go lends does not overlap with ours.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), out, bytes.len()) };
    }
    bytes.len() <= room
}

/// Copies an answer that did not fit, all `len` bytes of it, and frees it.
///
/// # Safety
/// `spill` and `len` are those of one reply, and this is the only call for it; `out` has room for `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ponos_take(spill: usize, out: *mut u8, len: usize) {
    // SAFETY: as the caller promises.
    if let Held::Answer(bytes) = unsafe { reclaim(spill) } {
        // SAFETY: as the caller promises.
        unsafe { give(&bytes, out, len) };
    }
}

/// Ends a call that waits: it is still delivered, as `Closed` if this came in time. A write that was sent may
/// still be applied.
///
/// # Safety
/// `cancel` came from a reply and is not freed yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ponos_cancel(cancel: usize) {
    // SAFETY: as the caller promises.
    if let Some(Held::Cancel(cancel)) = unsafe { borrow(cancel) } {
        drop(catch_unwind(AssertUnwindSafe(|| cancel.cancel())));
    }
}
