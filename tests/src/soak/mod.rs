//! The soak: maps and streams under load while connections, network and server fail, and a checker of what came of it.
//!
//! A run is rounds, each with a map and a stream of its own, so that a history stays small enough to be kept and checked
//! whole: some seconds of writes and faults, then quiet, then everything must add up. What a round opened is
//! closed at its end, and then the process must use what it used before.

pub mod check;
pub mod dice;
pub mod fault;
pub mod flow;
pub mod history;
pub mod ledger;
pub mod round;
pub mod vitals;
pub mod witness;
pub mod writer;
