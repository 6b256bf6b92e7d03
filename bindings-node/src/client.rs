//! The client.

use std::rc::Rc;

use napi::Env;
use napi_derive::napi;
use ponos::{MapOptions, Ponos};
use ponos_bindings_core::Call;

use crate::answer::Started;
use crate::event_loop::Calls;

/// A client of one engine.
#[napi]
pub struct Client {
    pub(crate) client: Ponos,
    pub(crate) calls: Rc<Calls>,
}

#[napi]
impl Client {
    /// Opens a map; `text` says whether its codec reads text.
    #[napi(catch_unwind)]
    pub fn map(
        &self,
        env: Env,
        name: String,
        codec: String,
        text: bool,
        ordered: bool,
        watch_queue: Option<f64>,
    ) -> Started {
        let mut options = MapOptions::default().codec(codec).ordered(ordered);
        options.watch_queue = watch_queue.map_or(options.watch_queue, |events| events as usize);
        let client = self.client.clone();
        self.calls.start(env, Call::OpenMap { client, name, options }, text)
    }

    /// Closes everything that was opened.
    #[napi(catch_unwind)]
    pub fn close(&self, env: Env) -> Started {
        self.calls.start(env, Call::Close { client: self.client.clone() }, false)
    }
}
