//! The native half of the Python package `ponos`: every function encodes its arguments, submits a call of
//! `ponos-bindings-core` and decodes the answer. What users see and read is in `python/ponos`.

mod answer;
mod client;
mod codec;
mod error;
mod event;
mod exit;
mod log;
mod map;
mod ops;
mod queue;
mod reads;
mod txn;
mod watch;

use pyo3::prelude::*;

#[pymodule(gil_used = false)]
mod _ponos {
    #[pymodule_export]
    use super::answer::{Counted, Edited, Entry, TxnDone, Written};
    #[pymodule_export]
    use super::client::{ClientCore, open};
    #[pymodule_export]
    use super::event::Event;
    #[pymodule_export]
    use super::exit::{end, forked, shutdown};
    #[pymodule_export]
    use super::log::{listen, stop};
    #[pymodule_export]
    use super::map::MapCore;
    #[pymodule_export]
    use super::queue::{Pending, Queue};
    #[pymodule_export]
    use super::reads::Reads;
    #[pymodule_export]
    use super::txn::TxnCore;
    #[pymodule_export]
    use super::watch::WatchCore;
}
