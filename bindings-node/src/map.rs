//! Local reads of a map.
#![allow(
    unsafe_code,
    reason = "the memory of stamps and notes is shared with JavaScript, to spare crossings"
)]

use std::ffi::c_void;
use std::ptr;
use std::rc::Rc;
use std::sync::atomic::Ordering;

use napi::bindgen_prelude::ToNapiValue;
use napi::{Env, Result, Status, check_status, sys};
use napi_derive::napi;
use ponos::map::Stamps;
use ponos::{Entry, Position};

use crate::answer::NativeEntry;
use crate::event_loop::Calls;
use crate::snapshot::Snapshot;
use crate::value::Content;

/// A replicated map.
#[napi]
pub struct Map {
    pub(crate) map: ponos::Map,
    pub(crate) calls: Rc<Calls>,
    /// Whether the map's codec reads text.
    pub(crate) text: bool,
}

/// How far a map's copy is to be trusted.
#[napi(object, object_from_js = false)]
pub struct MapStatus {
    /// `live`, `stale`, `resyncing` or `closed`.
    pub state: &'static str,
    /// Since when it is stale, in milliseconds since 1970.
    pub since: Option<f64>,
}

#[napi]
impl Map {
    /// The value of a key, or its items. What the note then says is in [`Note`].
    #[napi(catch_unwind)]
    pub fn get(&self, key: String) -> Option<Content> {
        // Before the value: if it changes in between, the stamp is too old and the value is not kept for long.
        let group = Stamps::group(&key);
        let stamp = self.map.stamps().all()[group].load(Ordering::Acquire);
        self.map.with(&key, |entry| {
            self.calls.note.write(group, stamp, entry);
            Content::of(entry, self.text)
        })
    }

    /// The entry of a key.
    #[napi(catch_unwind)]
    pub fn entry(&self, key: String) -> Option<NativeEntry> {
        self.map.with(&key, |entry| NativeEntry::new(entry, self.text))
    }

    /// Whether a key is there.
    #[napi(catch_unwind)]
    pub fn has(&self, key: String) -> bool {
        self.map.contains(&key)
    }

    /// How many keys there are.
    #[napi(catch_unwind)]
    pub fn size(&self) -> f64 {
        self.map.len() as f64
    }

    /// The generation that the copy shows, and the revision.
    #[napi(catch_unwind)]
    pub fn position(&self) -> Vec<u64> {
        let Position { generation, revision } = self.map.position();
        vec![generation, revision]
    }

    /// How far the copy is to be trusted.
    #[napi(catch_unwind)]
    pub fn status(&self) -> MapStatus {
        let (state, since) = match self.map.status() {
            ponos::Status::Live => ("live", None),
            ponos::Status::Stale { since } => ("stale", Some(since as f64)),
            ponos::Status::Resyncing => ("resyncing", None),
            _ => ("closed", None),
        };
        MapStatus { state, since }
    }

    /// The map as it is now.
    #[napi(catch_unwind)]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot { snapshot: self.map.snapshot(), text: self.text }
    }

    /// The memory of the map's stamps, or nothing where Node cannot show foreign memory.
    #[napi(catch_unwind)]
    pub fn stamps(&self, env: Env) -> Result<Option<Shown>> {
        let stamps = self.map.stamps().all();
        let owner = Box::into_raw(Box::new(self.map.clone())).cast();
        let mut value = ptr::null_mut();
        // SAFETY: `forget` frees the owner of the memory, and Node calls it when nobody has the buffer any
        // more.
        let status = unsafe {
            let (start, length) = (stamps.as_ptr().cast_mut().cast(), size_of_val(stamps));
            sys::napi_create_external_arraybuffer(
                env.raw(),
                start,
                length,
                Some(forget),
                owner,
                &raw mut value,
            )
        };
        if status == Status::Ok as i32 {
            return Ok(Some(Shown(value)));
        }
        // SAFETY: Node has not taken the owner.
        drop(unsafe { Box::from_raw(owner.cast::<ponos::Map>()) });
        Ok(None)
    }
}

/// A value that JavaScript has already.
pub struct Shown(sys::napi_value);

impl ToNapiValue for Shown {
    unsafe fn to_napi_value(_: sys::napi_env, shown: Self) -> Result<sys::napi_value> {
        Ok(shown.0)
    }
}

/// Frees what kept the stamps alive.
unsafe extern "C" fn forget(_: sys::napi_env, _: *mut c_void, owner: *mut c_void) {
    // SAFETY: made by `Map::stamps`, freed once.
    drop(unsafe { Box::from_raw(owner.cast::<ponos::Map>()) });
}

/// Memory of JavaScript's into which `get` writes what would otherwise be an object of its own: the value's
/// shape, 1 if it may be kept, where its stamp is among the `u32` of the stamps, and what that was.
pub(crate) struct Note(*mut [u32; 4]);

impl Note {
    /// Takes an `ArrayBuffer`, which stays from then on.
    pub(crate) fn new(env: Env, buffer: sys::napi_value) -> Result<Self> {
        let (mut start, mut length, mut reference) = (ptr::null_mut(), 0, ptr::null_mut());
        // SAFETY: this runs inside a call from JavaScript; the pointers are to locals. The reference is strong
        // and never given back.
        unsafe {
            let raw = env.raw();
            check_status!(sys::napi_get_arraybuffer_info(raw, buffer, &raw mut start, &raw mut length))?;
            check_status!(sys::napi_create_reference(raw, buffer, 1, &raw mut reference))?;
        }
        let fits = length >= size_of::<[u32; 4]>();
        fits.then(|| Self(start.cast())).ok_or_else(|| napi::Error::from_status(Status::InvalidArg))
    }

    fn write(&self, group: usize, stamp: u64, entry: &Entry) {
        // JavaScript looks at the lower half of a stamp, which comes round after 4 billion changes.
        let at = group * 2 + usize::from(cfg!(target_endian = "big"));
        let may_keep = u32::from(entry.deadline.is_none());
        // SAFETY: the memory is there and large enough, see `new`; only this thread uses it.
        unsafe { self.0.write_unaligned([entry.shape as u32, may_keep, at as u32, stamp as u32]) };
    }
}
