//! What the Python, Node and Go bindings share, so that none of them holds logic.
//!
//! A binding turns its language's values into [`Plain`] ones, [`submit()`]s an operation by name, and turns the
//! answer into its language. The hottest local reads are plain calls on [`ponos::Map`] instead.
//!
//! - [`plain`]: the values that cross, and how the core's answers become them.
//! - `ops`, `args`: every operation by name, and the checks of its arguments.
//! - [`runtime`]: the one runtime of a process, lazily made, safe after `fork`, shut down in order.
//! - [`submit`](mod@submit): polls a call on the caller's thread; `task`: polls it on the runtime if it has to wait.
//! - [`queue`]: finished calls on their way to a foreign event loop, one wake-up a batch.
//! - [`calls`]: the calls of an event loop that wait, with what the binding needs when they are answered.
//! - [`source`]: watchers and readers that many may ask, and that lose nothing when one of them gives up.
//! - [`items`]: what readers and sinks give.
//! - [`packed`]: values, events and entries as bytes, for languages where an object a field is dear.
//! - [`lent`], [`deliver`]: handles as numbers and answers as bytes, for languages that speak C.
//! - [`log`]: tracing events on their way to the host's logger.

mod args;
pub mod calls;
pub mod deliver;
pub mod items;
pub mod lent;
pub mod log;
mod ops;
pub mod packed;
pub mod plain;
pub mod queue;
pub mod runtime;
pub mod source;
mod streams;
pub mod submit;
mod task;

pub use args::mistyped;
pub use plain::{Misuse, Object, Plain};
pub use submit::{Submitted, submit};
