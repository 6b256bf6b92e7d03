//! Watchers.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use napi::Env;
use napi::bindgen_prelude::BigInt;
use napi_derive::napi;
use ponos::{Filter, From, WatchOptions};
use ponos_bindings_core::Call;
use ponos_bindings_core::surface::SharedWatcher;

use crate::answer::Started;
use crate::event_loop::Calls;
use crate::map::Map;

/// A part of a filter: a pattern as the core reads it, a key, a prefix or a glob.
#[napi(object, object_to_js = false)]
pub struct Part {
    /// `pattern`, `key`, `prefix` or `glob`.
    pub kind: String,
    /// What it says.
    pub text: String,
}

impl std::convert::From<Part> for Filter {
    fn from(part: Part) -> Self {
        match &*part.kind {
            "key" => Self::Key(part.text),
            "prefix" => Self::Prefix(part.text),
            "glob" => Self::Glob(part.text),
            _ => part.text.as_str().into(),
        }
    }
}

/// The events of a map for one reader.
#[napi]
pub struct Watcher {
    /// `None` once it is closed. A call that waits has its own share, and ends when it is cancelled.
    watcher: RefCell<Option<Arc<SharedWatcher>>>,
    calls: Rc<Calls>,
}

#[napi]
impl Map {
    /// Watches the keys that pass one of `parts`, or all; from now, from a snapshot or from a revision on.
    #[napi(catch_unwind)]
    pub fn watch(&self, parts: Option<Vec<Part>>, snapshot: bool, revision: Option<BigInt>) -> Watcher {
        let filter =
            parts.map_or(Filter::All, |parts| Filter::Any(parts.into_iter().map(Filter::from).collect()));
        let from = match revision {
            Some(revision) => From::Revision(revision.get_u64().1),
            None if snapshot => From::Snapshot,
            None => From::Now,
        };
        let watcher = SharedWatcher::new(self.map.watch_with(WatchOptions { filter, from }));
        Watcher { watcher: RefCell::new(Some(watcher)), calls: self.calls.clone() }
    }
}

#[napi]
impl Watcher {
    /// The next events, packed; none once the map or the watcher is closed.
    #[napi(catch_unwind)]
    pub fn next(&self, env: Env, max: f64) -> Option<Started> {
        let watcher = self.watcher.borrow().clone()?;
        Some(self.calls.start(env, Call::Next { watcher, max: max as usize }, false))
    }

    /// Unsubscribes.
    #[napi(catch_unwind)]
    pub fn close(&self) {
        if let Some(watcher) = self.watcher.take() {
            watcher.close();
        }
    }
}
