//! What a call gives JavaScript: the number by which its answer will come, or the answer itself.
#![allow(unsafe_code, reason = "to convert to JavaScript is unsafe by its trait")]

use std::rc::Rc;

use napi::bindgen_prelude::{BigInt, Either, Null, ToNapiValue};
use napi::{Result, sys};
use napi_derive::napi;
use ponos::Entry;
use ponos_bindings_core::{Answer, packed};

use crate::client::Client;
use crate::error::Failure;
use crate::event_loop::Calls;
use crate::map::Map;
use crate::value::{Content, Payload, bytes_to_js, shape};

/// What a call has led to.
pub enum Started {
    /// It waits: its answer comes through the event loop, under this number.
    Pending(f64),
    /// It is done.
    Done(Reply),
}

impl ToNapiValue for Started {
    unsafe fn to_napi_value(env: sys::napi_env, started: Self) -> Result<sys::napi_value> {
        // SAFETY: the caller's promise.
        unsafe {
            match started {
                Self::Pending(number) => ToNapiValue::to_napi_value(env, number),
                Self::Done(reply) => ToNapiValue::to_napi_value(env, reply),
            }
        }
    }
}

/// An answer with what it takes to turn it into JavaScript.
pub struct Reply {
    pub(crate) result: ponos::Result<Answer>,
    /// Whether the map's codec reads text.
    pub(crate) text: bool,
    pub(crate) calls: Rc<Calls>,
}

impl ToNapiValue for Reply {
    unsafe fn to_napi_value(env: sys::napi_env, reply: Self) -> Result<sys::napi_value> {
        let Self { result, text, calls } = reply;
        let answer = match result {
            Ok(answer) => answer,
            // SAFETY: the caller's promise.
            Err(error) => return unsafe { ToNapiValue::to_napi_value(env, Failure::from(error)) },
        };
        // SAFETY: the caller's promise, in each arm.
        unsafe {
            match answer {
                Answer::Nothing | Answer::Entry(None) => Null::to_napi_value(env, Null),
                Answer::Client(client) => ToNapiValue::to_napi_value(env, Client { client, calls }),
                Answer::Map(map) => ToNapiValue::to_napi_value(env, Map { map, calls, text }),
                Answer::Entry(Some(entry)) => ToNapiValue::to_napi_value(env, NativeEntry::new(&entry, text)),
                Answer::Revision(revision) => ToNapiValue::to_napi_value(env, revision),
                Answer::Events(events) => bytes_to_js(env, &packed::pack(&events)),
                done => ToNapiValue::to_napi_value(env, Done::new(done, text)),
            }
        }
    }
}

/// What a write did: of each kind of write, its part.
#[napi(object, object_from_js = false)]
#[derive(Default)]
pub struct Done {
    /// The map's revision.
    pub revision: u64,
    /// Whether anything changed.
    pub changed: Option<bool>,
    /// The value before.
    pub previous: Option<Payload>,
    /// The sum of a counter.
    pub value: Option<Either<BigInt, f64>>,
    /// How many items a list or set has now.
    pub size: Option<f64>,
    /// Whether the conditions of a transaction held.
    pub matched: Option<bool>,
}

impl Done {
    fn new(answer: Answer, text: bool) -> Self {
        let of = |revision: u64| Self { revision, ..Self::default() };
        match answer {
            Answer::Written(done) => {
                let previous = done.previous.map(|bytes| Payload::new(bytes, text));
                Self { changed: Some(done.changed), previous, ..of(done.revision) }
            }
            Answer::Counted(done) => Self { value: Some(Either::A(done.value.into())), ..of(done.revision) },
            Answer::CountedFloat(done) => Self { value: Some(Either::B(done.value)), ..of(done.revision) },
            Answer::Edited(done) => {
                Self { changed: Some(done.changed), size: Some(done.len as f64), ..of(done.revision) }
            }
            Answer::Txn(done) => {
                Self { changed: Some(done.changed), matched: Some(done.matched), ..of(done.revision) }
            }
            _ => Self::default(),
        }
    }
}

/// An entry.
#[napi(object, object_from_js = false)]
pub struct NativeEntry {
    /// The value, or its items.
    pub content: Content,
    /// The revision of its last change.
    pub revision: u64,
    /// `plain`, `list` or `set`.
    pub shape: &'static str,
    /// When it ends, in milliseconds since 1970.
    pub deadline: Option<f64>,
}

impl NativeEntry {
    pub fn new(entry: &Entry, text: bool) -> Self {
        Self {
            content: Content::of(entry, text),
            revision: entry.revision,
            shape: shape(entry.shape),
            deadline: entry.deadline.map(|deadline| deadline.get() as f64),
        }
    }
}
