//! The completion queue of one event loop, and the way of a call: polled once where it is made, then, if it has to
//! wait, on the core's threads, whose answers come back through the queue.

use std::cell::RefCell;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use ponos::Result;
use ponos_bindings_core::calls::Calls;
use ponos_bindings_core::runtime::{Held, Inside};
use ponos_bindings_core::{Object, Plain, Submitted};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyWeakrefMethods, PyWeakrefReference};

use crate::codec::Codec;
use crate::error::OrRaise;
use crate::exit::into_python;
use crate::plain;

/// Where finished calls wait for an event loop.
#[pyclass(frozen, weakref, module = "ponos")]
pub(crate) struct Queue {
    owner: Py<PyWeakrefReference>,
    open: Held<Open>,
}

struct Open {
    calls: Calls<Waiting>,
    bell: UnixStream,
}

/// Who waits for a call.
struct Waiting {
    future: Py<PyAny>,
    codec: Arc<Codec>,
}

impl Queue {
    /// Not after a fork, even if the loop runs on in the child.
    fn belongs_to(&self, running: &Bound<'_, PyAny>) -> bool {
        self.open.get().is_ok()
            && self.owner.bind(running.py()).upgrade().is_some_and(|owner| owner.is(running))
    }
}

#[pymethods]
impl Queue {
    #[new]
    fn new(owner: &Bound<'_, PyAny>) -> PyResult<Self> {
        let (bell, rope) = UnixStream::pair()?;
        bell.set_nonblocking(true)?;
        rope.set_nonblocking(true)?;
        // That it is full means that it was rung already.
        let calls = Calls::new(move || drop((&rope).write_all(&[1])));
        let owner = PyWeakrefReference::new(owner)?.unbind();
        Ok(Self { owner, open: Held::new(Open { calls, bell }) })
    }

    /// What the loop has to watch: readable when something waits.
    fn fileno(&self, py: Python<'_>) -> PyResult<i32> {
        Ok(self.open.get().or_raise(py)?.bell.as_raw_fd())
    }

    /// Settles what has finished; whoever watches `fileno` calls it.
    fn drain(&self, py: Python<'_>) -> PyResult<()> {
        let Ok(_inside) = Inside::begin() else { return Ok(()) };
        let open = self.open.get().or_raise(py)?;
        // First the bell, then the items: one that comes in between rings again.
        drop((&open.bell).read(&mut [0; 64]));
        for (_, waiting, result) in open.calls.drain() {
            let settled = waiting.map_or(Ok(()), |waiting| waiting.settle(py, result));
            settled.unwrap_or_else(|error| error.write_unraisable(py, None));
        }
        Ok(())
    }

    /// Cancels what is in flight and takes nothing more: the loop is gone.
    fn close(&self) {
        let Ok(open) = self.open.get() else { return };
        drop(open.bell.shutdown(Shutdown::Both));
        open.calls.close();
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.open.get().map_or(Ok(()), |open| open.calls.visit(|waiting| visit.call(&waiting.future)))
    }

    /// How many calls are in flight.
    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        Ok(self.open.get().or_raise(py)?.calls.waiting())
    }
}

impl Waiting {
    fn settle(self, py: Python<'_>, result: Result<Plain>) -> PyResult<()> {
        let future = self.future.bind(py);
        if future.call_method0("done")?.is_truthy()? {
            return Ok(());
        }
        match result.or_raise(py).and_then(|answer| plain::shown(py, answer, &self.codec)) {
            Ok(object) => future.call_method1("set_result", (object,))?,
            Err(error) => future.call_method1("set_exception", (error.into_value(py),))?,
        };
        Ok(())
    }
}

/// A call in flight: `future` gets its result.
#[pyclass(frozen, module = "ponos")]
pub(crate) struct Pending {
    #[pyo3(get)]
    future: Py<PyAny>,
    queue: Py<Queue>,
    call: u64,
}

#[pymethods]
impl Pending {
    /// A task that is forgotten while it waits is a cycle: task, frame, this, future, task.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.future)?;
        visit.call(&self.queue)
    }

    /// Ends the call; a write may still be applied.
    fn cancel(&self) {
        if let Ok(open) = self.queue.get().open.get() {
            open.calls.forget(self.call);
        }
    }
}

/// Does an operation: gives its answer, or a [`Pending`] if it has to wait.
pub(crate) fn submit<'py>(
    py: Python<'py>,
    on: &Object,
    op: &str,
    args: Vec<Plain>,
    codec: &Arc<Codec>,
) -> PyResult<Bound<'py, PyAny>> {
    // As a whole: the core, too, is not to be met while it is being shut down.
    into_python(|| {
        let (queue, running) = current(py)?;
        let open = queue.get().open.get().or_raise(py)?;
        match open.calls.begin(on, op, args) {
            (_, Submitted::Ready(result)) => plain::shown(py, result.or_raise(py)?, codec),
            (call, Submitted::Pending(cancel)) => {
                let future = running.call_method0("create_future")?.unbind();
                let waiting = Waiting { future: future.clone_ref(py), codec: codec.clone() };
                open.calls.wait(call, cancel, waiting);
                Ok(Bound::new(py, Pending { future, queue, call })?.into_any())
            }
        }
    })
}

thread_local! {
    /// The queue of the loop that called last on this thread.
    static LAST: RefCell<Option<Py<Queue>>> = const { RefCell::new(None) };
}

/// The queue of the running loop, and the loop.
fn current(py: Python<'_>) -> PyResult<(Py<Queue>, Bound<'_, PyAny>)> {
    static RUNNING: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    static QUEUE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let running = RUNNING.import(py, "asyncio", "get_running_loop")?.call0()?;
    let last = LAST.with_borrow(|last| last.as_ref().map(|queue| queue.clone_ref(py)));
    if let Some(queue) = last.filter(|queue| queue.get().belongs_to(&running)) {
        return Ok((queue, running));
    }
    let queue = QUEUE.import(py, "ponos.runtime", "queue_of")?.call1((&running,))?;
    let queue = queue.cast_into::<Queue>()?.unbind();
    let old = LAST.replace(Some(queue.clone_ref(py)));
    drop(old);
    Ok((queue, running))
}
