//! The one way in for everything but the hottest reads.
#![allow(unsafe_code, reason = "it reads and writes memory that Go lends")]

use std::ptr;

use ponos_bindings_core::deliver::{begin, pack};
use ponos_bindings_core::lent::{Lent, bytes, copy};
use ponos_bindings_core::submit::caught;

/// What [`ponos_submit`] has led to.
#[repr(C)]
#[derive(Debug)]
pub struct PonosReply {
    /// Whether the call has to wait.
    pub waits: bool,
    /// Not 0: what is to be freed once the call is done; of a call that waits, what cancels it, else an answer.
    pub held: usize,
    /// An answer that did not fit, until it is freed.
    pub data: *const u8,
    /// The length of the answer, if it is there.
    pub len: usize,
}

/// Does the operation of this name on an object, or on none, polling it once on this thread.
///
/// If it need not wait, the answer is in `out`, or where the reply says, and nothing
/// more is heard of it. If it has to, the answer is delivered exactly once, under the number `call`, from another thread
/// and perhaps before this returns. An answer is 0 and a packed value, or 1 and a packed error.
///
/// # Safety
/// `on` and the objects among the arguments are 0 or live handles. `op` and `args` have as many readable bytes as said,
/// `out` has `room` writable ones; none of them is kept.
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
) -> PonosReply {
    // SAFETY: the caller lends these for this call, and passes a live handle or 0.
    let (op, args, on) = unsafe { (bytes(op, op_len), bytes(args, args_len), Lent::object(on)) };
    // SAFETY: the caller packs the numbers of live handles.
    let object = |number| unsafe { Lent::object(number as usize) }.clone();
    let op = std::str::from_utf8(op).unwrap_or_default();
    let begun = caught(|| begin(on, op, args, object, call)).unwrap_or_else(|error| Ok(Err(error)));
    let waits = begun.is_err();
    let (mut data, mut len) = (ptr::null(), 0);
    let held = match begun {
        Err(cancel) => cancellable.then_some(Lent::Cancel(cancel)),
        Ok(result) => {
            let answer = pack(result);
            (data, len) = (answer.as_ptr(), answer.len());
            // SAFETY: the caller lends `room` bytes, and memory that Go lends does not overlap with ours.
            let fits = unsafe { copy(&answer, out, room) };
            (!fits).then_some(Lent::Answer(answer))
        }
    };
    PonosReply { waits, held: held.map_or(0, Lent::lend), data, len }
}

/// Ends a call that waits: it is still delivered, as `Closed` if this came in time. A write that was sent may
/// still be applied.
///
/// # Safety
/// `cancel` came from a reply and is not freed yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ponos_cancel(cancel: usize) {
    // SAFETY: as the caller promises.
    if let Some(Lent::Cancel(cancel)) = unsafe { Lent::borrow(cancel) } {
        drop(caught(|| cancel.cancel()));
    }
}
