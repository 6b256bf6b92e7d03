//! What the Python, Node and Go bindings share, so that none of them holds logic.
//!
//! A binding's method is three steps: build a [`Call`], [`submit()`] it, turn the [`Answer`] into its language.
//! Local reads do not come here: they are plain calls on [`ponos::Map`].
//!
//! - [`surface`]: every operation with its arguments and results as plain Rust types, and what runs it.
//! - [`runtime`]: the one runtime of a process, lazily made, safe after `fork`, shut down in order.
//! - [`submit`](mod@submit): polls a call once on the caller's thread, spawns it if it has to wait.
//! - [`queue`]: finished calls on their way to a foreign event loop, one wake-up a batch.
//! - [`watcher`]: a watcher that many may ask, and that loses nothing when one of them gives up.
//! - [`packed`]: events as one buffer, for languages where an object a field is dear.
//! - [`log`]: tracing events on their way to the host's logger.

pub mod log;
pub mod packed;
pub mod queue;
pub mod runtime;
pub mod submit;
pub mod surface;
pub mod watcher;

pub use submit::{Submitted, submit};
pub use surface::{Answer, Call, MapCall};
pub use watcher::SharedWatcher;
