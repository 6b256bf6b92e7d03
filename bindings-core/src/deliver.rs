//! Answers as bytes, for languages that may not be entered from any thread: one thread of their own takes them all.
//!
//! Entering Go from a foreign thread, say, waits for a processor of Go's scheduler: in a program that computes it was
//! seen to take 136 ms. So no thread of the runtime does it, or leases and connections would wait too: they push into
//! the queue, and one thread hands over all that waits in one call.

use std::sync::{Arc, OnceLock};
use std::thread;

use ponos::{Error, Result};

use crate::lent::Lent;
use crate::queue::Queue;
use crate::submit::{Cancel, Submitted, caught, place, submit};
use crate::{Object, Plain, packed};

/// Where answers wait, once there is a thread for them.
static QUEUE: OnceLock<Arc<Queue>> = OnceLock::new();

/// Begins to give to `deliver`, on a thread of this name, all that waits: the number of each call and the length of its
/// answer, as 64 bits each, little-endian, and the answer. Later calls change nothing.
pub fn start(name: &str, deliver: impl Fn(&[u8]) + Send + 'static) {
    let run = move || {
        let queue = QUEUE.wait();
        loop {
            let mut batch = Vec::new();
            queue.drain().into_iter().for_each(|(call, result)| add(&mut batch, call, result));
            match batch.is_empty() {
                // A bell that rang since the drain makes this return at once.
                true => thread::park(),
                false => drop(caught(|| deliver(&batch))),
            }
        }
    };
    if QUEUE.get().is_some() {
        return;
    }
    // Without its thread there is no queue, and every call fails with that.
    let thread = thread::Builder::new().name(name.into()).spawn(run);
    if let Ok(thread) = thread.map(|handle| handle.thread().clone()) {
        drop(QUEUE.set(Arc::new(Queue::new(move || thread.unpark()))));
    }
}

/// Adds an answer to a batch; its length stands before it, and is known after it.
fn add(batch: &mut Vec<u8>, call: u64, result: Result<Plain>) {
    batch.extend_from_slice(&call.to_le_bytes());
    let answer = batch.len() + 8;
    batch.extend_from_slice(&[0; 8]);
    pack_into(batch, result);
    let length = (batch.len() - answer) as u64;
    batch[answer - 8..answer].copy_from_slice(&length.to_le_bytes());
}

/// Packs a result: 0 and the value, or 1 and the error. Objects are lent.
#[must_use]
pub fn pack(result: Result<Plain>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(64);
    pack_into(&mut bytes, result);
    bytes
}

fn pack_into(bytes: &mut Vec<u8>, result: Result<Plain>) {
    bytes.push(u8::from(result.is_err()));
    let plain = result.unwrap_or_else(|error| (&error).into());
    packed::pack(plain, bytes, &mut |object| Lent::Object(object).lend() as u64);
}

/// Does an operation with packed arguments, among which `object` gives the object for a number: its result, or what cancels the call that waits; its answer is delivered
/// under its number.
///
/// # Errors
/// None: a call that waits is on that side.
pub fn begin(
    on: &Object,
    op: &str,
    args: &[u8],
    object: impl Fn(u64) -> Object,
    call: u64,
) -> Result<Result<Plain>, Cancel> {
    let args = match packed::unpack(args, object) {
        Ok(args) => args,
        Err(error) => return Ok(Err(place(error, on, op))),
    };
    let Some(queue) = QUEUE.get() else {
        return Ok(Err(Error::internal("answers cannot be delivered: there is no thread for it")));
    };
    match submit(on, op, args, move |result| queue.done(call, result)) {
        Submitted::Ready(result) => Ok(result),
        Submitted::Pending(cancel) => Err(cancel),
    }
}
