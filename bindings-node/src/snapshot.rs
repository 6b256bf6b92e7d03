//! Reads of a map at one revision.
#![allow(unsafe_code, reason = "to convert to JavaScript is unsafe by its trait")]

use std::ops::Bound;

use napi::bindgen_prelude::ToNapiValue;
use napi::sys;
use napi_derive::napi;
use ponos::{Entry, Event, Key, Position};
use ponos_bindings_core::packed;

use crate::answer::NativeEntry;
use crate::value::bytes_to_js;

/// A map as it was at one revision.
#[napi]
pub struct Snapshot {
    pub(crate) snapshot: ponos::Snapshot,
    pub(crate) text: bool,
}

/// Entries as one buffer: each as the event that set it.
pub struct Packed(Vec<Event>);

impl Packed {
    fn new(entries: impl IntoIterator<Item = (Key, Entry)>) -> Self {
        let set = |(key, entry): (Key, Entry)| {
            let Entry { value, shape, revision, .. } = entry;
            Event::Set { key, value, shape, old: None, revision, coalesced: 1 }
        };
        Self(entries.into_iter().map(set).collect())
    }
}

impl ToNapiValue for Packed {
    unsafe fn to_napi_value(env: sys::napi_env, packed: Self) -> napi::Result<sys::napi_value> {
        bytes_to_js(env, &packed::pack(&packed.0))
    }
}

#[napi]
impl Snapshot {
    /// The entry of a key.
    #[napi(catch_unwind)]
    pub fn entry(&self, key: String) -> Option<NativeEntry> {
        self.snapshot.entry(&key).map(|entry| NativeEntry::new(entry, self.text))
    }

    /// Whether a key is there.
    #[napi(catch_unwind)]
    pub fn has(&self, key: String) -> bool {
        self.snapshot.contains(&key)
    }

    /// How many keys there are.
    #[napi(catch_unwind)]
    pub fn size(&self) -> f64 {
        self.snapshot.len() as f64
    }

    /// The generation it shows, and the revision.
    #[napi(catch_unwind)]
    pub fn position(&self) -> Vec<u64> {
        let Position { generation, revision } = self.snapshot.position();
        vec![generation, revision]
    }

    /// All keys, in no order.
    #[napi(catch_unwind)]
    pub fn keys(&self) -> Vec<&str> {
        self.snapshot.iter().map(|(key, _)| &**key).collect()
    }

    /// All entries, in no order.
    #[napi(catch_unwind)]
    pub fn entries(&self) -> Packed {
        Packed::new(self.snapshot.iter().map(|(key, entry)| (key.clone(), entry.clone())))
    }

    /// The entries whose keys begin so, by key.
    #[napi(catch_unwind)]
    pub fn prefix(&self, prefix: String) -> Packed {
        Packed::new(self.snapshot.prefix(&prefix))
    }

    /// The entries from one key up to, but without, another, by key.
    #[napi(catch_unwind)]
    pub fn range(&self, from: Option<String>, to: Option<String>) -> Packed {
        let from = from.as_deref().map_or(Bound::Unbounded, Bound::Included);
        let to = to.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        Packed::new(self.snapshot.range((from, to)))
    }
}
