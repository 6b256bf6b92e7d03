//! The C interface under the Go module: a few functions, so that a method of Go is pack, submit, read.
//!
//! - [`submit`](mod@submit): does any operation by name; its answer comes inline if it is there at once, which costs
//!   one crossing. What goes over the border are bytes as `packed.rs` of bindings-core has them.
//! - [`deliver`]: the other answers, and log records, on their way to Go: a thread of its own calls Go once a batch.
//! - [`read`]: the reads that are worth a function of their own.
//! - [`handle`]: what Go holds.
//!
//! Go owns every buffer it passes and lends it for one call. What Rust allocates is lent as a number and freed by
//! [`handle::ponos_free`], or by [`submit::ponos_take`] if it is an answer. A panic never crosses: each entry
//! catches it and answers `Internal`, or "absent" where there is no error to give.
//!
//! A Go program cannot fork without `exec`, so handles are not guarded against it.

pub mod deliver;
pub mod handle;
pub mod read;
pub mod submit;
#[cfg(test)]
mod tests;

use std::ffi::c_char;

/// The version of the core, as a C string that is never freed.
#[allow(unsafe_code, reason = "the name has to be the same in C")]
#[unsafe(no_mangle)]
pub extern "C" fn ponos_version() -> *const c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    VERSION.as_ptr().cast()
}
