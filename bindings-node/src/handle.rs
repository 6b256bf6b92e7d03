//! What a program holds of the core, and the one read that is worth a way of its own.
#![allow(unsafe_code, reason = "memory is shared with JavaScript, to spare crossings")]

use std::ffi::c_void;
use std::ptr;
use std::rc::Rc;
use std::sync::atomic::Ordering;

use napi::{Env, Result, Status, sys};
use napi_derive::napi;
use ponos::map::Stamps;
use ponos_bindings_core::Object;

use crate::event_loop::Calls;
use crate::value::{Inside, Key, Shown};

/// A client, map, snapshot or stream, or what gives things one after the other.
#[napi]
pub struct Handle {
    pub(crate) object: Object,
    pub(crate) calls: Rc<Calls>,
    /// Whether the map's codec reads text.
    pub text: bool,
}

#[napi]
impl Handle {
    /// The value of a key of a map, or its items. What the note says then, so that it needs no object: 1 if the value
    /// may be kept, where its stamp is among the `u32` of the stamps, and what that was.
    #[napi(catch_unwind)]
    pub fn get(&self, env: Env, Key(key): Key) -> Result<Option<Shown>> {
        let Object::Map(map) = &self.object else { return Ok(None) };
        // Before the value: if it changes in between, the stamp is too old and the value is not kept for long.
        let group = Stamps::group(&key);
        let stamp = map.stamps().all()[group].load(Ordering::Acquire);
        let shown = map.with(&key, |entry| {
            // JavaScript looks at the lower half of a stamp, which comes round after 4 billion changes.
            let at = group * 2 + usize::from(cfg!(target_endian = "big"));
            let may_keep = u32::from(entry.deadline.is_none());
            let mut note = self.calls.note.borrow_mut();
            // SAFETY: only this thread uses the memory, and JavaScript waits for this call.
            unsafe { note.as_mut() }.copy_from_slice(&[may_keep, at as u32, stamp as u32]);
            Inside(env.raw()).content(&entry.value, entry.shape, self.text)
        });
        shown.transpose()
    }

    /// Whether a map or snapshot has a key.
    #[napi(catch_unwind)]
    pub fn has(&self, Key(key): Key) -> bool {
        self.object.look(&key, |_| ()).is_some()
    }

    /// The memory of a map's stamps, or nothing where Node cannot show foreign memory.
    #[napi(catch_unwind)]
    pub fn stamps(&self, env: Env) -> Option<Shown> {
        let Object::Map(map) = &self.object else { return None };
        let stamps = map.stamps().all();
        let owner = Box::into_raw(Box::new(map.clone())).cast();
        let mut value = ptr::null_mut();
        let (start, length) = (stamps.as_ptr().cast_mut().cast(), size_of_val(stamps));
        // SAFETY: `forget` frees the owner of the memory, and Node calls it when nobody has the buffer any
        // more.
        let status = unsafe {
            let value = &raw mut value;
            sys::napi_create_external_arraybuffer(env.raw(), start, length, Some(forget), owner, value)
        };
        if status == Status::Ok as i32 {
            return Some(Shown(value));
        }
        // SAFETY: Node has not taken the owner.
        drop(unsafe { Box::from_raw(owner.cast::<ponos::Map>()) });
        None
    }
}

/// Frees what kept the stamps alive.
unsafe extern "C" fn forget(_: sys::napi_env, _: *mut c_void, owner: *mut c_void) {
    // SAFETY: made by `Handle::stamps`, freed once.
    drop(unsafe { Box::from_raw(owner.cast::<ponos::Map>()) });
}
