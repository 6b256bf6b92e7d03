//! Scenarios as data, run by drivers in four languages.
//!
//! A *driver* is a program in one language that uses the installed package, reads requests as JSON lines and
//! answers each with a line; it asserts nothing. The conductor here owns the scenarios, the server and the
//! expectations. In `tests/spec` all actors of a scenario speak one language, and every file is run in each, on
//! every engine; in `tests/cross` each actor speaks another.
#![allow(clippy::disallowed_methods, reason = "tests have a clock of their own")]

pub mod compare;
pub mod conductor;
pub mod driver;
pub mod parity;
pub mod report;
pub mod scenario;
pub mod soak;
