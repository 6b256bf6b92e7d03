//! The calls of one environment (the main thread, or a worker): started here, answered here.
//!
//! A call that is ready at once is answered at once. One that has to wait is answered through the queue of
//! this environment, which wakes its loop once a batch. Nothing of JavaScript is touched by other threads.
#![allow(unsafe_code, reason = "answers are delivered by a callback of Node's C interface")]

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::rc::Rc;
use std::sync::Arc;

use napi::bindgen_prelude::{Array, FromNapiValue, Function, JsValue as _, Uint32Array, Unknown};
use napi::sys::{napi_env, napi_value};
use napi::{Env, Result};
use napi_derive::napi;
use ponos_bindings_core::submit::caught;
use ponos_bindings_core::{Object, Plain, Submitted, calls, log};

use crate::bell::Bell;
use crate::handle::Handle;
use crate::value::{Given, Inside, Shown, plain};

/// The calls of an environment that wait. Only its own thread has it.
pub struct Calls {
    bell: Arc<Bell>,
    /// With each whether its answer is text.
    waiting: calls::Calls<bool>,
    listener: Cell<Option<u64>>,
    /// What reads write beside their answer.
    pub(crate) note: RefCell<Uint32Array>,
}

impl Calls {
    /// A result for JavaScript: an answer, or what an error is made of as `error` of an object.
    fn show(self: &Rc<Self>, env: Env, result: ponos::Result<Plain>, text: bool) -> Result<Shown> {
        let plain = result.unwrap_or_else(|error| Plain::Record(vec![("error".into(), (&error).into())]));
        Inside(env.raw()).show(plain, text, self)
    }

    /// Gives `settle` what waits: `[number, answer, …]`, with the number 0 for log records.
    fn deliver(self: &Rc<Self>, env: Env, settle: napi_value) -> Result<()> {
        let mut batch = env.create_array(0)?;
        for (call, text, result) in self.waiting.drain() {
            batch.insert(call as f64)?;
            batch.insert(self.show(env, result, text.unwrap_or_default())?)?;
        }
        if self.waiting.waiting() == 0 {
            self.bell.hold(env.raw(), false);
        }
        // SAFETY: this runs on the thread of `env`, which has passed its function.
        unsafe { Function::<Array<'_>, ()>::from_napi_value(env.raw(), settle) }?.call(batch)
    }

    fn listen(&self, listener: Option<u64>) {
        if let Some(before) = self.listener.replace(listener) {
            log::stop(before);
        }
    }

    /// Ends what is under way: the environment does.
    fn close(&self) {
        self.bell.silence();
        self.listen(None);
        self.waiting.close();
    }
}

/// What Node calls after a ring; the environment is null when it has ended.
unsafe extern "C" fn deliver(env: napi_env, settle: napi_value, context: *mut c_void, _: *mut c_void) {
    if env.is_null() {
        return;
    }
    let delivered = caught(|| {
        // SAFETY: `context` is the `Rc` that `EventLoop::new` gave away for good.
        let calls = unsafe { Rc::from_raw(context.cast::<Calls>()) };
        let kept = std::mem::ManuallyDrop::new(calls);
        kept.deliver(Env::from_raw(env), settle)
    });
    // An exception of JavaScript is left for Node to report. Anything else means that the environment ends.
    drop(delivered);
}

/// The way into the core, one for each environment.
#[napi]
pub struct EventLoop {
    pub(crate) calls: Rc<Calls>,
}

#[napi]
impl EventLoop {
    /// `settle` is called with each batch of answers; what is written to `note`, `Handle::get` says.
    #[napi(constructor, catch_unwind)]
    pub fn new(env: Env, settle: Function<'_, Unknown<'_>, ()>, note: Uint32Array) -> Result<Self> {
        let note = RefCell::new(note);
        let bell = Arc::<Bell>::default();
        let rung = bell.clone();
        let (waiting, listener) = (calls::Calls::new(move || rung.ring()), Cell::new(None));
        let calls = Rc::new(Calls { bell, waiting, listener, note });
        // The handle may call until the environment is gone, so the calls are never freed: one a thread.
        let context = Rc::into_raw(calls.clone()).cast_mut().cast();
        calls.bell.install(env.raw(), settle.raw(), context, deliver)?;
        env.add_env_cleanup_hook(calls.clone(), |calls| calls.close())?;
        Ok(Self { calls })
    }

    /// Does the operation of this name, on what is opened or on none: gives its answer, or the number under which
    /// it comes.
    #[napi(catch_unwind)]
    pub fn call(&self, env: Env, on: Option<&Handle>, op: String, args: Vec<Given>) -> Result<Shown> {
        let calls = &self.calls;
        let text = on.is_some_and(|on| on.text);
        match calls.waiting.begin(on.map_or(&Object::Nothing, |on| &on.object), &op, plain(args)) {
            (_, Submitted::Ready(result)) => calls.show(env, result, text),
            (call, Submitted::Pending(cancel)) => {
                if calls.waiting.wait(call, cancel, text) == 1 {
                    calls.bell.hold(env.raw(), true);
                }
                calls.show(env, Ok(Plain::Float(call as f64)), false)
            }
        }
    }

    /// Cancels a call that waits; its answer still comes, at once.
    #[napi(catch_unwind)]
    pub fn cancel(&self, number: f64) {
        self.calls.waiting.cancel(number as u64);
    }

    /// Has log records up to this level sent to the loop in place of those before, or none; says whether there is such
    /// a level.
    #[napi(catch_unwind)]
    pub fn listen(&self, level: Option<String>) -> bool {
        let listens = level.map(|level| log::listen(&level, self.calls.waiting.logs()));
        let Some(listener) = listens.map_or(Some(None), |listener| listener.map(Some)) else { return false };
        self.calls.listen(listener);
        true
    }
}
