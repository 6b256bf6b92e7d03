//! The native half of the Python package `ponos`: values of Python become plain ones of `ponos-bindings-core`, and
//! answers become Python's. What users see and read is in `python/ponos`.

mod codec;
mod error;
mod event;
mod exit;
mod handle;
mod item;
mod plain;
mod queue;

use pyo3::prelude::*;

#[pymodule(gil_used = false)]
mod _ponos {
    #[pymodule_export]
    use super::{
        codec::Value, event::Event, exit::shutdown, handle::Handle, item::Deleted, item::Delivery, item::Gap,
        item::Merged, item::StreamEvent, queue::Pending, queue::Queue,
    };
}
