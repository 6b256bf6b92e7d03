//! The calls of one environment (the main thread, or a worker): started here, answered here.
//!
//! A call that is ready at once is answered at once. One that has to wait is answered through the queue of
//! this environment, which wakes its loop once a batch. Nothing of JavaScript is touched by other threads.
#![allow(unsafe_code, reason = "answers are delivered by a callback of Node's C interface")]

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::rc::Rc;
use std::sync::Arc;

use napi::bindgen_prelude::{Array, ArrayBuffer, Function, JsValue as _, Unknown};
use napi::{Env, Result, check_status, sys};
use napi_derive::napi;
use ponos_bindings_core::queue::{Item, Queue};
use ponos_bindings_core::submit::Cancel;
use ponos_bindings_core::{Call, Submitted, submit};

use crate::answer::{Reply, Started};
use crate::bell::Bell;
use crate::log;
use crate::map::Note;

/// The calls of an environment that wait. Only its own thread has it.
pub struct Calls {
    bell: Arc<Bell>,
    queue: Arc<Queue>,
    pending: RefCell<HashMap<u64, Pending>>,
    last: Cell<u64>,
    listeners: RefCell<Vec<u64>>,
    /// What reads write beside their answer.
    pub(crate) note: Note,
}

struct Pending {
    cancel: Cancel,
    text: bool,
}

impl Calls {
    /// Starts a call; `text` says whether the codec of its map reads text.
    pub(crate) fn start(self: &Rc<Self>, env: Env, call: Call, text: bool) -> Started {
        let number = self.last.get() + 1;
        self.last.set(number);
        let queue = self.queue.clone();
        match submit(call, move |result| queue.done(number, result)) {
            Submitted::Ready(result) => Started::Done(Reply { result, text, calls: self.clone() }),
            Submitted::Pending(cancel) => {
                let mut pending = self.pending.borrow_mut();
                pending.insert(number, Pending { cancel, text });
                if pending.len() == 1 {
                    self.bell.hold(env.raw(), true);
                }
                Started::Pending(number as f64)
            }
        }
    }

    /// Gives `settle` what waits: `[number, answer, …]`, with the number 0 for log records.
    fn deliver(self: &Rc<Self>, env: Env, settle: sys::napi_value) -> Result<()> {
        let items = self.queue.drain();
        let mut batch = env.create_array(0)?;
        for item in items {
            match item {
                Item::Done { call, result } => {
                    let pending = self.pending.borrow_mut().remove(&call);
                    let text = pending.is_some_and(|pending| pending.text);
                    batch.insert(call as f64)?;
                    batch.insert(Reply { result, text, calls: self.clone() })?;
                }
                Item::Log(record) => {
                    batch.insert(0)?;
                    batch.insert(log::Record::from(record))?;
                }
            }
        }
        if self.pending.borrow().is_empty() {
            self.bell.hold(env.raw(), false);
        }
        self.call(env, settle, batch)
    }

    fn call(&self, env: Env, settle: sys::napi_value, batch: Array<'_>) -> Result<()> {
        let (mut undefined, mut result) = (ptr::null_mut(), ptr::null_mut());
        let arguments = [batch.raw()];
        // SAFETY: this runs on the thread of `env`, inside a callback of it; the pointers are to locals.
        check_status!(unsafe {
            sys::napi_get_undefined(env.raw(), &raw mut undefined);
            let arguments = arguments.as_ptr();
            sys::napi_call_function(env.raw(), undefined, settle, 1, arguments, &raw mut result)
        })
    }

    /// Ends what is under way: the environment does.
    fn close(&self) {
        self.bell.silence();
        self.listeners.take().into_iter().for_each(ponos_bindings_core::log::stop);
        self.queue.close();
        for pending in self.pending.take().into_values() {
            pending.cancel.cancel();
        }
    }
}

/// What Node calls after a ring; the environment is null when it has ended.
unsafe extern "C" fn deliver(
    env: sys::napi_env,
    settle: sys::napi_value,
    context: *mut c_void,
    _: *mut c_void,
) {
    if env.is_null() {
        return;
    }
    let delivered = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: `context` is the `Rc` that `EventLoop::new` gave away for good.
        let calls = unsafe { Rc::from_raw(context.cast::<Calls>()) };
        let kept = std::mem::ManuallyDrop::new(calls);
        kept.deliver(Env::from_raw(env), settle)
    }));
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
    /// `settle` is called with each batch of answers, `note` is for [`Note`].
    #[napi(constructor, catch_unwind)]
    pub fn new(env: Env, settle: Function<'_, Unknown<'_>, ()>, note: ArrayBuffer<'_>) -> Result<Self> {
        let note = Note::new(env, note.raw())?;
        let bell = Arc::<Bell>::default();
        let rung = bell.clone();
        let queue = Arc::new(Queue::new(move || rung.ring()));
        let (pending, last, listeners) = (RefCell::default(), Cell::new(0), RefCell::default());
        let calls = Rc::new(Calls { bell, queue, pending, last, listeners, note });
        // The handle may call until the environment is gone, so the calls are never freed: one a thread.
        let context = Rc::into_raw(calls.clone()).cast_mut().cast();
        calls.bell.install(env.raw(), settle.raw(), context, deliver)?;
        env.add_env_cleanup_hook(calls.clone(), |calls| calls.close())?;
        Ok(Self { calls })
    }

    /// Opens an engine.
    #[napi(catch_unwind)]
    pub fn open(&self, env: Env, url: String) -> Started {
        self.calls.start(env, Call::Open { url }, false)
    }

    /// Cancels a call that waits; its answer still comes, at once.
    #[napi(catch_unwind)]
    pub fn cancel(&self, number: f64) {
        if let Some(pending) = self.calls.pending.borrow().get(&(number as u64)) {
            pending.cancel.cancel();
        }
    }

    /// Has log records up to this level sent to the loop; `null` if there is no such level.
    #[napi(catch_unwind)]
    pub fn listen(&self, level: String) -> Option<f64> {
        let queue = self.calls.queue.clone();
        let number = ponos_bindings_core::log::listen(&level, move |record| queue.log(record))?;
        self.calls.listeners.borrow_mut().push(number);
        Some(number as f64)
    }

    /// Ends what `listen` began.
    #[napi(catch_unwind)]
    pub fn unlisten(&self, number: f64) {
        self.calls.listeners.borrow_mut().retain(|other| *other != number as u64);
        ponos_bindings_core::log::stop(number as u64);
    }
}
