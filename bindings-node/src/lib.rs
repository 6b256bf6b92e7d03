//! The native half of the npm package: it turns values of JavaScript into plain ones of the core, and answers into
//! JavaScript. What users see, with its documentation, is in `../ts`.
//!
//! - `event_loop`: the calls of one environment that wait, and how their answers come back.
//! - `bell`: the one handle by which other threads wake an environment.
//! - `value`: what crosses the border.
//! - `handle`: what a program holds of the core, and the reads that go past the plain values.

#![allow(unreachable_pub, reason = "#[napi] wants its methods public, and nobody links this crate")]

mod bell;
mod event_loop;
mod handle;
mod value;
