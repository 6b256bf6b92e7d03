//! The native half of the npm package: it turns calls of JavaScript into calls of the core, and answers into
//! JavaScript. What users see, with its documentation, is in `../ts`.
//!
//! - `event_loop`: the calls of one environment that wait, and how their answers come back.
//! - `bell`: the one handle by which other threads wake an environment.
//! - `answer`, `error`, `value`: what crosses the border.
//! - `client`, `map`, `write`, `txn`, `snapshot`, `watch`, `log`: the operations.

#![allow(unreachable_pub, reason = "#[napi] wants its methods public, and nobody links this crate")]

mod answer;
mod bell;
mod client;
mod error;
mod event_loop;
mod log;
mod map;
mod snapshot;
mod txn;
mod value;
mod watch;
mod write;
