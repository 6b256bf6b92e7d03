//! The operations of a map that may wait: each is one call of the core.

use napi::bindgen_prelude::BigInt;
use napi::{Env, Result};
use napi_derive::napi;
use ponos::{IncrFloatOptions, IncrOptions, SetOptions};
use ponos_bindings_core::{Call, MapCall};

use crate::answer::Started;
use crate::map::Map;
use crate::txn::{Step, When, condition, ttl, txn};
use crate::value::{Given, items};

impl Map {
    fn start(&self, env: Env, call: MapCall) -> Started {
        self.calls.start(env, Call::Map { map: self.map.clone(), call }, self.text)
    }
}

/// What a bound says, or that there is none.
fn bound(given: Option<BigInt>, none: i64) -> i64 {
    given.map_or(none, |bound| bound.get_i64().0)
}

#[napi]
impl Map {
    /// Sets a key.
    #[napi(catch_unwind)]
    pub fn set(
        &self,
        env: Env,
        key: String,
        value: Given,
        when: Option<When>,
        ttl_ms: Option<f64>,
    ) -> Started {
        let options = SetOptions { when: condition(when), ttl: ttl_ms.map(ttl) };
        self.start(env, MapCall::Set { key, value: value.0, options })
    }

    /// Removes a key.
    #[napi(catch_unwind)]
    pub fn delete(&self, env: Env, key: String, when: Option<When>) -> Started {
        self.start(env, MapCall::Delete { key, when: condition(when) })
    }

    /// Adds to an integer counter.
    #[napi(catch_unwind)]
    pub fn incr(
        &self,
        env: Env,
        key: String,
        by: BigInt,
        min: Option<BigInt>,
        max: Option<BigInt>,
    ) -> Started {
        let none = IncrOptions::default();
        let bounds = IncrOptions { min: bound(min, none.min), max: bound(max, none.max) };
        self.start(env, MapCall::Incr { key, by: by.get_i64().0, bounds })
    }

    /// Adds to a floating-point counter.
    #[napi(catch_unwind)]
    pub fn incr_float(&self, env: Env, key: String, by: f64, min: Option<f64>, max: Option<f64>) -> Started {
        let none = IncrFloatOptions::default();
        let bounds = IncrFloatOptions { min: min.unwrap_or(none.min), max: max.unwrap_or(none.max) };
        self.start(env, MapCall::IncrFloat { key, by, bounds })
    }

    /// Adds items to a list or set, or removes them: `op` says which, as JavaScript calls it.
    #[napi(catch_unwind)]
    pub fn edit(&self, env: Env, op: String, key: String, given: Vec<Given>) -> Started {
        let items = items(given);
        let call = match &*op {
            "listAppend" => MapCall::ListAppend { key, items },
            "listAppendUnique" => MapCall::ListAppendUnique { key, items },
            "listRemove" => MapCall::ListRemove { key, items },
            "setAdd" => MapCall::SetAdd { key, items },
            _ => MapCall::SetRemove { key, items },
        };
        self.start(env, call)
    }

    /// Changes a time to live.
    #[napi(catch_unwind)]
    pub fn touch(&self, env: Env, key: String, ttl_ms: Option<f64>) -> Started {
        self.start(env, MapCall::Touch { key, ttl: ttl_ms.map(ttl) })
    }

    /// Does a transaction.
    #[napi(catch_unwind)]
    pub fn txn(
        &self,
        env: Env,
        compare: Vec<When>,
        then: Vec<Step>,
        otherwise: Vec<Step>,
    ) -> Result<Started> {
        Ok(self.start(env, MapCall::Txn(txn(compare, then, otherwise)?)))
    }

    /// The entry of a key at the engine.
    #[napi(catch_unwind)]
    pub fn get_latest(&self, env: Env, key: String) -> Started {
        self.start(env, MapCall::GetLatest { key })
    }

    /// Waits until the copy shows a revision.
    #[napi(catch_unwind)]
    pub fn wait_for(&self, env: Env, revision: BigInt) -> Started {
        self.start(env, MapCall::WaitFor { revision: revision.get_u64().1 })
    }

    /// What needs no arguments: `clear`, `destroy`, `sync` or `close`.
    #[napi(catch_unwind)]
    pub fn run(&self, env: Env, op: String) -> Started {
        let call = match &*op {
            "clear" => MapCall::Clear,
            "destroy" => MapCall::Destroy,
            "sync" => MapCall::Sync,
            _ => MapCall::Close,
        };
        self.start(env, call)
    }
}
