//! What readers and sinks give: decoded when somebody looks.

use std::sync::Arc;

use ponos::stream::{Event, Gap as Missing, Item, Merged as Of};
use ponos::{Bytes, Shape};
use ponos_bindings_core::items::{Given, ticket};
use ponos_bindings_core::runtime::Held;
use ponos_bindings_core::{Object, Plain};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{IntoPyDict, PyBytes, PyDict, PyTuple};

use crate::codec::{Codec, Value};
use crate::error::OrRaise;
use crate::{plain, queue};

/// What was published in a stream.
///
/// `topic`, `key` (`None` if there is none) and `headers` are as they were published; `value` is the payload as the
/// stream's codec reads it, `payload` its bytes.
#[pyclass(frozen, generic, subclass, module = "ponos")]
pub(crate) struct StreamEvent {
    event: Event,
    value: Value,
}

#[pymethods]
impl StreamEvent {
    #[classattr]
    #[pyo3(name = "__match_args__")]
    const MATCH_ARGS: (&'static str, &'static str) = ("topic", "value");

    /// `event`.
    #[classattr]
    #[pyo3(name = "kind")]
    const KIND: &'static str = "event";

    /// Its name: which life of the stream and its number there, such as `1700000000000-7`. Another life has other ids.
    #[getter]
    fn id(&self) -> String {
        self.event.id().to_string()
    }

    /// Its number in this life of the stream: contiguous, from 1.
    #[getter]
    fn seq(&self) -> u64 {
        self.event.id().seq
    }

    /// When it was appended, in seconds since 1970 on the engine's clock.
    #[getter]
    #[allow(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit for 285,000 years")]
    fn at(&self) -> f64 {
        self.event.at() as f64 / 1e3
    }

    /// Where it was published.
    #[getter]
    fn topic(&self) -> &str {
        self.event.topic()
    }

    /// The key that it was published with.
    #[getter]
    fn key(&self) -> Option<&str> {
        self.event.key()
    }

    /// What was published along with the payload; of several headers of one name the first.
    #[getter]
    fn headers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let headers = PyDict::new(py);
        for (name, value) in self.event.headers() {
            if !headers.contains(name)? {
                headers.set_item(name, PyBytes::new(py, &value))?;
            }
        }
        Ok(headers)
    }

    /// Its content as bytes.
    #[getter]
    fn payload<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.event.payload())
    }

    /// Its content, decoded when it is first asked for.
    #[getter]
    fn value<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.value.decoded(py)
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let (name, event) = (slf.get_type().name()?, &slf.get().event);
        Ok(format!("{name}(id={:?}, topic={:?})", event.id().to_string(), event.topic()))
    }
}

/// An event that a sink gave, to be answered once: with `ack`, `nack`, `term` or `ack_with`. Unanswered, it is delivered
/// again when its `ack_wait` is over.
///
/// Errors of all answers: `FencedError` if it is not this sink's any more, because it was answered before or not in time;
/// `ConflictError` while an earlier answer is on its way; `ClosedError`, `TimeoutError`, `UnavailableError`.
#[pyclass(frozen, generic, extends = StreamEvent, module = "ponos")]
pub(crate) struct Delivery {
    given: Held<ponos::Delivery>,
}

impl Delivery {
    fn ticket(&self) -> Plain {
        Plain::Bytes(Bytes::copy_from_slice(&ticket(self.given.read().ticket())))
    }

    /// Awaited like any other call: it begins then.
    fn answer<'py>(
        slf: &Bound<'py, Self>,
        op: &str,
        with: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        static DO: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        DO.import(slf.py(), "ponos.runtime", "do")?.call1((slf.getattr("_ask")?, op, with))
    }
}

#[pymethods]
impl Delivery {
    #[pyo3(name = "_ask", signature = (op, *args))]
    fn ask<'py>(&self, py: Python<'py>, op: &str, args: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
        let sink = Object::Sink(self.given.get().or_raise(py)?.sink());
        let mut all = vec![self.ticket()];
        all.append(&mut plain::list(args.iter())?);
        queue::submit(py, &sink, op, all, &Arc::default())
    }

    /// How often it has been delivered, this time included.
    #[getter]
    fn count(&self) -> u32 {
        self.given.read().count()
    }

    /// It is dealt with: when this returns, it is not delivered again.
    ///
    /// Cost: a round trip, which all answers that meet share.
    fn ack<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Self::answer(slf, "sink.ack", None)
    }

    /// It could not be dealt with: it is delivered again after `delay` seconds, or after the group's next pause.
    ///
    /// Cost: a round trip, which all answers that meet share.
    #[pyo3(signature = (delay=None))]
    fn nack<'py>(slf: &Bound<'py, Self>, delay: Option<Bound<'py, PyAny>>) -> PyResult<Bound<'py, PyAny>> {
        let Some(delay) = delay else { return Self::answer(slf, "sink.nack", None) };
        let seconds = [("s", delay)].into_py_dict(slf.py())?;
        Self::answer(slf, "sink.nack", Some(&seconds))
    }

    /// It can never be dealt with: it goes to the group's dead letter now, or is dropped if there is none.
    ///
    /// Cost: a round trip, which all answers that meet share.
    fn term<'py>(slf: &Bound<'py, Self>, reason: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        Self::answer(slf, "sink.term", Some(reason))
    }

    /// It is being worked on: its `ack_wait` begins anew. Takes no round trip and needs no await.
    fn progress<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.call_method1("_ask", ("sink.progress",))
    }

    /// Acknowledges it and does what `step` says, all in one step: both happen, or neither.
    ///
    /// Errors: `ConflictError` if a condition of the step does not hold: the event is then as it was, and may be answered
    /// otherwise; those of its parts.
    /// Cost: one round trip.
    ///
    ///     client = await ponos.open("memory://")
    ///     shop = client.scope("shop")
    ///     orders, totals = await shop.stream("orders"), await shop.map("totals", codec=ponos.json)
    ///     async with orders.sink("billing") as billing:
    ///         await orders.publish("created", b"7")
    ///         event = await anext(billing)
    ///         await event.ack_with(ponos.Step().map(totals.txn().incr("orders")))
    ///     assert totals["orders"] == 1
    fn ack_with<'py>(slf: &Bound<'py, Self>, step: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        Self::answer(slf, "sink.ack_with", Some(&step.getattr("_parts")?))
    }
}

/// Events that were to come and cannot be had any more: they were trimmed before they could be read.
#[pyclass(frozen, get_all, module = "ponos")]
pub(crate) struct Gap {
    /// The id of the first of them.
    first_missing: String,
    /// The id of the first event after them.
    next: String,
    /// How many they are.
    count: u64,
}

#[pymethods]
impl Gap {
    #[classattr]
    #[pyo3(name = "__match_args__")]
    const MATCH_ARGS: (&'static str, &'static str, &'static str) = ("first_missing", "next", "count");

    /// `gap`.
    #[classattr]
    #[pyo3(name = "kind")]
    const KIND: &'static str = "gap";

    fn __repr__(&self) -> String {
        format!("Gap(first_missing={:?}, next={:?}, count={})", self.first_missing, self.next, self.count)
    }
}

/// The stream was deleted; what comes next belongs to its next life.
#[pyclass(frozen, module = "ponos")]
pub(crate) struct Deleted;

#[pymethods]
impl Deleted {
    /// `deleted`.
    #[classattr]
    #[pyo3(name = "kind")]
    const KIND: &'static str = "deleted";

    fn __repr__(&self) -> &'static str {
        "Deleted()"
    }
}

/// What comes next of several streams: the number of its `stream`, in the order in which they were given, and the `item`,
/// as a `Reader` gives it.
#[pyclass(frozen, generic, get_all, module = "ponos")]
pub(crate) struct Merged {
    /// The number of its stream, in the order in which they were given.
    stream: usize,
    /// Whether an event that comes after it in the order was given before it: it came too late to wait for.
    late: bool,
    /// What it is: a `StreamEvent`, a `Gap` or `Deleted`.
    item: Py<PyAny>,
}

#[pymethods]
impl Merged {
    #[classattr]
    #[pyo3(name = "__match_args__")]
    const MATCH_ARGS: (&'static str, &'static str) = ("stream", "item");

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let (late, item) = (if self.late { "True" } else { "False" }, self.item.bind(py).repr()?);
        Ok(format!("Merged(stream={}, late={late}, item={item})", self.stream))
    }
}

/// An item of several streams for Python; `codec` has those of the streams.
pub(crate) fn merged<'py>(py: Python<'py>, merged: Of, codec: &Codec) -> PyResult<Bound<'py, Merged>> {
    let Of { stream, late, item } = merged;
    let item = shown(py, item.map(Given::from), codec.part(stream))?.unbind();
    Bound::new(py, Merged { stream, late, item })
}

/// An item for Python; `codec` is that of its stream.
pub(crate) fn shown<'py>(
    py: Python<'py>,
    item: Item<Given>,
    codec: &Arc<Codec>,
) -> PyResult<Bound<'py, PyAny>> {
    let base = |event: &Event| {
        let value = Value::new(event.payload(), Shape::Plain, codec.clone());
        StreamEvent { event: event.clone(), value }
    };
    Ok(match item {
        Item::Event(Given::Event(event)) => Bound::new(py, base(&event))?.into_any(),
        Item::Event(Given::Delivery(given)) => {
            let event = PyClassInitializer::from(base(given.event()));
            Bound::new(py, event.add_subclass(Delivery { given: Held::new(given) }))?.into_any()
        }
        Item::Gap(Missing { first_missing, next, count }) => {
            let (first_missing, next) = (first_missing.to_string(), next.to_string());
            Bound::new(py, Gap { first_missing, next, count })?.into_any()
        }
        _ => Bound::new(py, Deleted)?.into_any(),
    })
}

/// What an answer may be about: the ticket of an event; nothing for what needs no answer.
pub(crate) fn answered(value: &Bound<'_, PyAny>) -> Option<Plain> {
    if let Ok(delivery) = value.cast::<Delivery>() {
        return Some(delivery.get().ticket());
    }
    (value.is_instance_of::<Gap>() || value.is_instance_of::<Deleted>()).then_some(Plain::Nil)
}
