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

/// Appends events.
pub(super) static APPEND: LazyLock<Script> = LazyLock::new(|| stream(include_str!("lua/stream/append.lua")));

/// Publishes what has conditions, ids or delays.
pub(super) static PUBLISH: LazyLock<Script> = LazyLock::new(|| stream("--PUBLISH\n--COMMIT\n"));

/// Appends delayed events.
pub(super) static RELEASE: LazyLock<Script> =
    LazyLock::new(|| stream(include_str!("lua/stream/release.lua")));

/// Looks where streams are.
pub(super) static LOOK: LazyLock<Script> = LazyLock::new(|| stream(include_str!("lua/stream/look.lua")));

/// Looks for a time.
pub(super) static SINCE: LazyLock<Script> = LazyLock::new(|| stream(include_str!("lua/stream/since.lua")));

/// Takes an event out.
pub(super) static REMOVE: LazyLock<Script> = LazyLock::new(|| stream(include_str!("lua/stream/remove.lua")));

/// Removes a stream.
pub(super) static DESTROY_STREAM: LazyLock<Script> =
    LazyLock::new(|| stream(include_str!("lua/stream/destroy.lua")));

/// Becomes a member of a group.
pub(super) static JOIN: LazyLock<Script> = LazyLock::new(|| stream(include_str!("lua/stream/join.lua")));

/// Changes parts of a group.
pub(super) static CELLS: LazyLock<Script> = LazyLock::new(|| stream("--CELLS\ncommit()\nreturn { 1 }\n"));

/// Does several things to objects of a scope: each part is a function with keys and arguments of its own.
pub(super) static STEP: LazyLock<Script> = LazyLock::new(|| {
    let step = include_str!("lua/step.lua");
    let (groups, rest) = step.split_once("function kinds.map").unwrap_or((step, ""));
    Script::new(streams(groups) + "function kinds.map" + &whole(rest))
});

fn stream(script: &str) -> Script {
    Script::new(streams(script))
}

fn streams(script: &str) -> String {
    STREAM_PARTS.iter().fold(script.to_owned(), |script, (line, part)| script.replace(line, part))
}

/// The parts of the scripts for streams, by the lines that they stand for.
const STREAM_PARTS: &[(&str, &str)] = &[
    ("--PUBLISH\n", include_str!("lua/stream/publish.lua")),
    ("--COMMIT\n", include_str!("lua/stream/commit.lua")),
    ("--CELLS\n", include_str!("lua/stream/cells.lua")),
    ("--BEGIN\n", include_str!("lua/stream/begin.lua")),
    ("--STORE\n", include_str!("lua/stream/store.lua")),
    ("--GENERATION\n", include_str!("lua/generation.lua")),
];

/// What the scripts for maps have in common, and the parts of the long one, by the lines that they stand for.
const PARTS: &[(&str, &str)] = &[
    ("--DECIDE\n", include_str!("lua/decide.lua")),
    ("--APPLY\n", include_str!("lua/apply.lua")),
    ("--BEGIN\n", include_str!("lua/begin.lua")),
    ("--LOG\n", include_str!("lua/log.lua")),
    ("--GENERATION\n", include_str!("lua/generation.lua")),
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

    /// The whole call of it, for a server that knows it or for one that does not.
    pub(super) fn command(&self, known: bool, keys: &[Vec<u8>], args: &Args) -> Vec<u8> {
        if known { self.call(keys) } else { self.introduce(keys) }.command(args)
    }

    /// The call of it, but for the arguments behind the keys.
    pub(super) fn call(&self, keys: &[Vec<u8>]) -> Args {
        call("EVALSHA", &self.sha, keys)
    }

    /// The call of it that brings its text.
    pub(super) fn introduce(&self, keys: &[Vec<u8>]) -> Args {
        call("EVAL", &self.text, keys)
    }
}

fn call(name: &str, script: &str, keys: &[Vec<u8>]) -> Args {
    let mut args = Args::default();
    args.push(name);
    args.push(script);
    args.push_number(keys.len());
    keys.iter().for_each(|key| args.push(key));
    args
}

/// Whether the server does not know the script: it is new, was restarted, or was told to forget.
pub(super) fn unknown(error: &Error) -> bool {
    let source = error.source().and_then(|source| source.downcast_ref::<RedisError>());
    source.and_then(RedisError::code) == Some("NOSCRIPT")
}
