//! The pure heart of Ponos: protocols as plain values and functions.
//!
//! Nothing here is async, reads a clock, draws a random number or does I/O. Time and chance come in as
//! arguments and what has to be done goes out as data, so every rule can be tested in microseconds:
//! [`op`] says what a write means, [`change`] what a revision did, [`replica`] how a copy follows,
//! [`join`] how a copy starts, [`watch`] what a slow watcher still sees, [`past`] what the log can tell.

pub mod change;
pub mod consumer;
pub mod cursor;
pub mod entries;
pub mod event;
pub mod filter;
pub mod group;
mod growing;
pub mod hash;
pub mod items;
pub mod join;
pub mod log;
pub mod merge;
pub(crate) mod name;
pub mod number;
pub mod op;
pub mod past;
pub mod record;
pub mod replica;
pub mod settings;
pub mod spans;
pub mod topic;
pub mod txn;
pub mod value;
pub mod watch;
