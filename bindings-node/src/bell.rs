//! The one handle by which other threads wake an event loop.
//!
//! A threadsafe function of Node is freed when its environment ends, while threads of the runtime may be
//! about to call it. So the handle lies behind a lock and is taken away by the environment's clean-up hook,
//! which runs before Node frees it. It is weak: it keeps a process alive only while [`Bell::hold`] says so.
//! The wrapper of the `napi` crate can be neither, so this uses the C interface.
#![allow(unsafe_code, reason = "the wrapper of the napi crate cannot be taken back, nor change its weakness")]

use std::ffi::c_void;
use std::ptr;

use napi::{Result, Status, check_status, sys};
use parking_lot::Mutex;

/// Wakes an event loop; silent before [`Bell::install`] and after [`Bell::silence`].
#[derive(Default)]
pub struct Bell(Mutex<Option<Handle>>);

struct Handle(sys::napi_threadsafe_function);

// SAFETY: being called from any thread is what a threadsafe function is for.
unsafe impl Send for Handle {}

/// What Node calls on the loop's own thread after a ring: the environment, the function given to
/// [`Bell::install`], the context given to it, and nothing.
pub(crate) type Deliver =
    unsafe extern "C" fn(sys::napi_env, sys::napi_value, context: *mut c_void, *mut c_void);

impl Bell {
    /// Makes the handle: each ring calls `deliver` with `settle` and `context`, which has to live as long as
    /// the environment.
    ///
    /// # Errors
    /// Those of Node.
    pub(crate) fn install(
        &self,
        env: sys::napi_env,
        settle: sys::napi_value,
        context: *mut c_void,
        deliver: Deliver,
    ) -> Result<()> {
        let (mut name, mut handle) = (ptr::null_mut(), ptr::null_mut());
        let (none, deliver, made) = (ptr::null_mut(), Some(deliver), &raw mut handle);
        // SAFETY: this runs on the thread of `env`, inside a call from it; the pointers are to locals.
        unsafe {
            check_status!(sys::napi_create_string_utf8(env, c"ponos".as_ptr(), 5, &raw mut name))?;
            let create = sys::napi_create_threadsafe_function;
            check_status!(create(env, settle, none, name, 0, 1, none.cast(), None, context, deliver, made))?;
            check_status!(sys::napi_unref_threadsafe_function(env, handle))?;
        }
        *self.0.lock() = Some(Handle(handle));
        Ok(())
    }

    /// Wakes the loop. From any thread; neither waits nor runs JavaScript.
    pub(crate) fn ring(&self) {
        if let Some(Handle(handle)) = &*self.0.lock() {
            let now = sys::ThreadsafeFunctionCallMode::nonblocking;
            // SAFETY: the handle is there until `silence` has had the lock. Its queue has no limit, so the
            // only answer besides success is that Node is ending, when nobody listens any more.
            unsafe { sys::napi_call_threadsafe_function(*handle, ptr::null_mut(), now) };
        }
    }

    /// Keeps the process alive from now on, or no longer. On the loop's own thread.
    pub(crate) fn hold(&self, env: sys::napi_env, hold: bool) {
        if let Some(Handle(handle)) = &*self.0.lock() {
            // SAFETY: as for `ring`, and this is the thread of `env`.
            let status = unsafe {
                match hold {
                    true => sys::napi_ref_threadsafe_function(env, *handle),
                    false => sys::napi_unref_threadsafe_function(env, *handle),
                }
            };
            debug_assert_eq!(status, Status::Ok as i32, "a flag of the handle");
        }
    }

    /// Lets go of the handle; Node frees it with the environment.
    pub(crate) fn silence(&self) {
        *self.0.lock() = None;
    }
}
