//! The C interface under the Go module: a few functions, so that a method of Go is pack, submit, read.
//!
//! - [`submit`](mod@submit): does any operation by name; its answer comes inline if it is there at once, which costs
//!   one crossing. What goes over the border are bytes as `packed.rs` of bindings-core has them.
//! - [`deliver`]: the other answers on their way to Go, and what Go gives back.
//! - [`read`]: the reads that are worth a function of their own.
//!
//! Go owns every buffer it passes and lends it for one call. What Rust allocates is lent as a number and freed by
//! [`deliver::ponos_free`]. A panic never crosses: each entry catches it and answers `Internal`, or "absent" where there
//! is no error to give.
//!
//! A Go program cannot fork without `exec`, so handles are not guarded against it.

pub mod deliver;
pub mod read;
pub mod submit;
#[cfg(test)]
mod tests;
