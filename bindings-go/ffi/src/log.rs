//! What the core tells Go's logger: records go the way of answers, and Go filters nothing.
#![allow(unsafe_code, reason = "the name has to be the same in C")]

use std::panic::catch_unwind;
use std::sync::Mutex;

use ponos_bindings_core::log;

use crate::deliver;

/// Delivers log records of a level and those that matter more: 1 error, 2 warn, 3 info, 4 debug, 5 trace; 0 for
/// none. More than 10,000 that wait are dropped.
#[unsafe(no_mangle)]
pub extern "C" fn ponos_log(level: u8) {
    drop(catch_unwind(|| listen(level)));
}

fn listen(level: u8) {
    static LISTENING: Mutex<Option<u64>> = Mutex::new(None);
    let Ok(mut listening) = LISTENING.lock() else { return };
    if let Some(number) = listening.take() {
        log::stop(number);
    }
    let Some(name) = ["error", "warn", "info", "debug", "trace"].get(usize::from(level).wrapping_sub(1))
    else {
        return;
    };
    if let Some(queue) = deliver::queue() {
        *listening = log::listen(name, move |record| queue.log(record));
    }
}
