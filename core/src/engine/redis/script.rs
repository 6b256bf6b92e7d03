//! The scripts: what is done at the server, in one step each.

use std::error::Error as _;
use std::sync::LazyLock;

use redis::RedisError;

use super::args::Args;
use crate::error::Error;

/// A script with the name that the server knows it by.
pub(super) struct Script {
    text: String,
    sha: String,
}

/// Applies writes.
pub(super) static WRITE: LazyLock<Script> =
    LazyLock::new(|| Script::new(whole(include_str!("lua/write.lua"))));

/// Sets keys, whatever they hold.
pub(super) static SET: LazyLock<Script> = LazyLock::new(|| Script::new(whole(include_str!("lua/set.lua"))));

/// What the scripts have in common, and the parts of the long one, by the lines that they stand for.
const PARTS: &[(&str, &str)] = &[
    ("--BEGIN\n", include_str!("lua/begin.lua")),
    ("--LOG\n", include_str!("lua/log.lua")),
    ("--STATE\n", include_str!("lua/state.lua")),
    ("--OPS\n", include_str!("lua/ops.lua")),
    ("--NUMBERS\n", include_str!("lua/number.lua")),
    ("--ITEMS\n", include_str!("lua/items.lua")),
    ("--TXN\n", include_str!("lua/txn.lua")),
    ("--RETRY\n", include_str!("lua/retry.lua")),
];

fn whole(script: &str) -> String {
    PARTS.iter().fold(script.to_owned(), |script, (line, part)| script.replace(line, part))
}

/// Removes a map.
pub(super) static DESTROY: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("lua/destroy.lua").to_owned()));

impl Script {
    fn new(text: String) -> Self {
        let sha = redis::Script::new(&text).get_hash().to_owned();
        Self { text, sha }
    }

    /// The call of it, but for the arguments behind the keys.
    pub(super) fn call(&self, keys: [&[u8]; 2]) -> Args {
        call("EVALSHA", &self.sha, keys)
    }

    /// The call of it that brings its text.
    pub(super) fn introduce(&self, keys: [&[u8]; 2]) -> Args {
        call("EVAL", &self.text, keys)
    }
}

fn call(name: &str, script: &str, keys: [&[u8]; 2]) -> Args {
    let mut args = Args::default();
    args.push(name);
    args.push(script);
    args.push_number(keys.len());
    keys.into_iter().for_each(|key| args.push(key));
    args
}

/// Whether the server does not know the script: it is new, was restarted, or was told to forget.
pub(super) fn unknown(error: &Error) -> bool {
    let source = error.source().and_then(|source| source.downcast_ref::<RedisError>());
    source.and_then(RedisError::code) == Some("NOSCRIPT")
}
