//! Every operation by its name, which is the one in `docs/api.toml`: the one list that all bindings use.
//!
//! An operation takes plain values in order; what is given last may be left out. A read of the local copy is
//! ready at once, the rest may have to wait.

use std::future::Future;
use std::ops::Bound;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use ponos::model::op::Op;
use ponos::model::value::Key;
use ponos::{
    Callers, Condition, DeleteOptions, Entry, Error, IncrFloatOptions, IncrOptions, Map, MapOptions, Ponos,
    Result, SetOptions, Shape, Snapshot, Txn, WatchOptions,
};

use crate::args::{Args, mistyped};
use crate::log::Logs;
use crate::plain::{Object, Plain};
use crate::source::{Shared, SharedWatcher, Source};
use crate::streams;

/// What an operation has led to.
pub(crate) enum Begun {
    /// It is done.
    Ready(Plain),
    /// It has to be polled.
    Waits(Work),
}

pub(crate) type Work = Pin<Box<dyn Future<Output = Result<Plain>> + Send>>;

/// All that an error may name, with the read that each binding does in its own way; first those that write.
const NAMES: [&str; 35] = [
    "map.set",
    "map.delete",
    "map.incr",
    "map.incr_float",
    "map.list_append",
    "map.list_append_unique",
    "map.list_remove",
    "map.set_add",
    "map.set_remove",
    "map.touch",
    "map.clear",
    "map.destroy",
    "map.txn",
    "open",
    "client.map",
    "client.close",
    "map.close",
    "map.get_latest",
    "map.sync",
    "map.wait_for",
    "map.watch",
    "watch.next",
    "watch.wait",
    "watch.take",
    "watch.close",
    "map.snapshot",
    "map.get",
    "map.entry",
    "map.contains",
    "map.len",
    "map.keys",
    "map.entries",
    "map.prefix",
    "map.range",
    "map.status",
];
const WRITES: usize = 13;

/// Those that never wait and need nothing that a fork breaks: they read what is here, or let go of something.
const LOCAL: [&str; 14] = [
    "map.snapshot",
    "map.entry",
    "map.contains",
    "map.len",
    "map.keys",
    "map.entries",
    "map.prefix",
    "map.range",
    "map.position",
    "watch.close",
    "reader.close",
    "merged.close",
    "log",
    "log.close",
];

/// Whether an operation can be done on any thread, event loop or not, and also in a forked child.
pub(crate) fn is_local(op: &str) -> bool {
    LOCAL.contains(&op)
}

/// The name for good, as errors want it, and whether it writes.
pub(crate) fn known(op: &str) -> (&'static str, bool) {
    for (names, writes) in [(&NAMES[..], WRITES), (&streams::NAMES, streams::WRITES)] {
        if let Some(at) = names.iter().position(|known| *known == op) {
            return (names[at], at < writes);
        }
    }
    ("", false)
}

/// Begins an operation on an object.
pub(crate) fn begin(on: &Object, op: &str, args: Vec<Plain>) -> Result<Begun> {
    let args = &mut Args::new(args);
    let begun = begin_with(on, op, args)?;
    // Options that nobody has asked for are options that nobody knows.
    args.named(&[])?;
    Ok(begun)
}

fn begin_with(on: &Object, op: &str, args: &mut Args) -> Result<Begun> {
    let (_, name) = op.rsplit_once('.').unwrap_or(("", op));
    match (on, name) {
        (Object::Nothing, "open") => {
            let url = args.text("the url")?;
            Ok(waits(async move { Ponos::open_for(&url, Callers::Far).await }))
        }
        (Object::Nothing, "commit") => streams::commit(args),
        (Object::Nothing, "merge") => streams::merged(args),
        (Object::Nothing, "version") => Ok(Begun::Ready(env!("CARGO_PKG_VERSION").into())),
        (Object::Nothing, "log") => {
            let level = args.text("the level")?;
            let refused =
                || Error::invalid(format!("the level is error, warn, info, debug or trace, not {level:?}"));
            Ok(Begun::Ready(Plain::Object(Object::Logs(Logs::listen(&level).ok_or_else(refused)?))))
        }
        (Object::Logs(logs), "next") => {
            let logs = logs.clone();
            Ok(waits(async move { logs.next().await }))
        }
        (Object::Logs(logs), _) => Ok(Begun::Ready(logs.stop().into())),
        (Object::Map(_) | Object::Snapshot(_), "entry") => {
            Ok(Begun::Ready(on.look(&args.text("the key")?, Entry::clone).into()))
        }
        (Object::Map(_) | Object::Snapshot(_), "contains") => {
            Ok(Begun::Ready(on.look(&args.text("the key")?, |_| ()).is_some().into()))
        }
        (Object::Map(_) | Object::Snapshot(_), "len") => Ok(Begun::Ready(Plain::Count(on.keys()))),
        (Object::Client(client), _) => of_client(client.clone(), name, args),
        (Object::Watcher(watcher), _) => of_source(watcher.clone(), name, args),
        (Object::Stream(stream), _) => streams::of_stream(stream.clone(), name, args),
        (Object::Reader(reader), _) => streams::of_reader(reader.clone(), name, args),
        (Object::Merged(reader), _) => of_source(reader.clone(), name, args),
        (Object::Sink(sink), _) => streams::of_sink(sink.clone(), name, args),
        (Object::Map(map), _) => match write_op(name, args)? {
            Some((key, op, float)) => Ok(write(map.clone(), key, op, float)),
            None => of_map(map.clone(), name, args),
        },
        (Object::Snapshot(snapshot), _) => read(snapshot, name, args).map(Begun::Ready),
        (Object::Nothing, _) => Err(Error::invalid("there is nothing to do it on: open it first")),
    }
}

pub(crate) fn unknown(op: &str) -> Error {
    Error::internal(format!("there is no operation {op:?} on this"))
}

pub(crate) fn waits<T: Into<Plain>>(work: impl Future<Output = Result<T>> + Send + 'static) -> Begun {
    Begun::Waits(Box::pin(Answer { work }))
}

pin_project_lite::pin_project! {
    /// A result as a plain one: a block that awaits `work` would have room for it twice.
    struct Answer<W> {
        #[pin]
        work: W,
    }
}

impl<T: Into<Plain>, W: Future<Output = Result<T>>> Future for Answer<W> {
    type Output = Result<Plain>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().work.poll(context).map_ok(Into::into)
    }
}

fn of_client(client: Ponos, name: &str, args: &mut Args) -> Result<Begun> {
    match name {
        "map" => {
            let (name, mut options) = (args.text("the name")?, MapOptions::default());
            options.codec = args.text("the codec's name")?;
            args.named(&["ordered", "watchQueue", "scope"])?;
            options.ordered = args.flag("ordered")?;
            options.watch_queue = args.whole("watchQueue")?.unwrap_or(options.watch_queue);
            let scope = args.optional_text("scope")?;
            Ok(waits(async move {
                match scope {
                    Some(scope) => client.scope(&scope).map_with(&name, options).await,
                    None => client.map_with(&name, options).await,
                }
            }))
        }
        "stream" => streams::open(&client, args),
        "close" => Ok(waits(async move {
            client.close().await;
            Ok(())
        })),
        _ => Err(unknown(name)),
    }
}

/// What watchers and readers have all: waiting and taking, in two steps or in one, and an end.
pub(crate) fn of_source<S, O>(on: Arc<O>, name: &str, args: &mut Args) -> Result<Begun>
where
    S: Source + 'static,
    O: AsRef<Shared<S>> + Send + Sync + 'static,
    Plain: From<Vec<S::Item>>,
{
    if name == "close" {
        (*on).as_ref().close();
        return Ok(Begun::Ready(Plain::Nil));
    }
    let max = args.max()?;
    Ok(match name {
        "take" => Begun::Ready((*on).as_ref().take(max).into()),
        "wait" => waits(async move { (*on).as_ref().ready(max).await }),
        "next" => waits(async move { (*on).as_ref().next(max).await }),
        _ => return Err(unknown(name)),
    })
}

fn of_map(map: Map, name: &str, args: &mut Args) -> Result<Begun> {
    Ok(match name {
        "txn" => {
            let txn = Txn {
                compare: parts(args, "a part", compare)?,
                then: parts(args, "a part", part)?,
                otherwise: parts(args, "a part", part)?,
            };
            waits(async move { map.commit(txn).await })
        }
        "clear" => waits(async move { map.clear().await }),
        "destroy" => waits(async move { map.destroy().await }),
        "get_latest" => {
            let key = args.text("the key")?;
            waits(async move { map.get_latest(&key).await })
        }
        "sync" => waits(async move { map.sync().await }),
        "wait_for" => {
            let wanted = args.whole("the revision")?;
            let revision = wanted.ok_or_else(|| mistyped("the revision", "a whole number", &Plain::Nil))?;
            waits(async move { map.wait_for(revision).await })
        }
        "close" => waits(async move {
            map.close().await;
            Ok(())
        }),
        "watch" => {
            let filter = args.filter()?;
            args.named(&["from"])?;
            let watcher = map.watch_with(WatchOptions { filter, from: args.start()? });
            Begun::Ready(Plain::Object(Object::Watcher(SharedWatcher::watch(watcher, map.name()))))
        }
        "status" => Begun::Ready(map.status().into()),
        _ => Begun::Ready(read(&map.snapshot(), name, args)?),
    })
}

/// A read of a map at one revision.
fn read(snapshot: &Snapshot, name: &str, args: &mut Args) -> Result<Plain> {
    Ok(match name {
        "snapshot" => Plain::Object(Object::Snapshot(snapshot.clone())),
        "position" => snapshot.position().into(),
        "keys" => Plain::List(snapshot.iter().map(|(key, _)| key.to_string().into()).collect()),
        "entries" => {
            Plain::Entries(snapshot.iter().map(|(key, entry)| (key.clone(), entry.clone())).collect())
        }
        "prefix" => Plain::Entries(snapshot.prefix(&args.text("the prefix")?)),
        "range" => {
            let (from, to) = (bound(args)?, bound(args)?);
            let from = from.as_deref().map_or(Bound::Unbounded, Bound::Included);
            Plain::Entries(snapshot.range((from, to.as_deref().map_or(Bound::Unbounded, Bound::Excluded))))
        }
        _ => return Err(unknown(name)),
    })
}

fn bound(args: &mut Args) -> Result<Option<String>> {
    match args.next() {
        Plain::Nil => Ok(None),
        Plain::Text(text) => Ok(Some(text.into_owned())),
        other => Err(mistyped("a bound", "text", &other)),
    }
}

/// A list of lists, each of which is read like arguments.
pub(crate) fn parts<T>(args: &mut Args, what: &str, read: impl Fn(&mut Args) -> Result<T>) -> Result<Vec<T>> {
    let part = |part| match part {
        Plain::List(part) => read(&mut Args::new(part)),
        other => Err(mistyped(what, "a list", &other)),
    };
    args.list("the parts")?.into_iter().map(part).collect()
}

pub(crate) fn compare(args: &mut Args) -> Result<(Key, Condition)> {
    let key = args.text("the key")?.into();
    args.named(&["absent", "present", "revision", "value"])?;
    match args.condition()? {
        Condition::Always => {
            Err(Error::invalid("a condition is absent, present, revision or value; give one"))
        }
        condition => Ok((key, condition)),
    }
}

pub(crate) fn part(args: &mut Args) -> Result<(Key, Op)> {
    let name = args.text("the operation")?;
    let (key, op, _) = write_op(&name, args)?.ok_or_else(|| unknown(&name))?;
    Ok((key.into(), op))
}

/// The operation on one key of this name, its key, and whether its sum is wanted as a float.
fn write_op(name: &str, args: &mut Args) -> Result<Option<(String, Op, bool)>> {
    let mut float = false;
    let key = |args: &mut Args| args.text("the key");
    let add = |shape, unique, items| Op::Add { shape, unique, items };
    let (key, op) = match name {
        "set" => {
            let (key, value) = (key(args)?, args.bytes("the value")?);
            args.named(&["ifAbsent", "ifPresent", "ifRevision", "ifValue", "ttlMs"])?;
            let when = args.condition()?;
            (key, Op::Set { value, ttl: args.ttl("ttlMs")?, when })
        }
        "delete" => {
            let key = key(args)?;
            // Its first place is for absent, which nobody can want here.
            args.named(&["", "ifPresent", "ifRevision", "ifValue"])?;
            (key, Op::Delete { when: args.condition()? })
        }
        "incr" => {
            let key = key(args)?;
            // A language whose plain number is a float gets one back, and no sum that it could not hold.
            float = args.is_float();
            let by = args.whole("by")?.unwrap_or(1);
            args.named(&["min", "max"])?;
            let most = if float { (1 << 53) - 1 } else { i64::MAX };
            let least = if float { -most } else { i64::MIN };
            let min = args.whole("min")?.unwrap_or(least);
            (key, Op::Incr { by, min, max: args.whole("max")?.unwrap_or(most) })
        }
        "incr_float" => {
            let (key, by) = (key(args)?, args.float("by")?.unwrap_or(f64::NAN));
            args.named(&["min", "max"])?;
            let min = args.float("min")?.unwrap_or(f64::NEG_INFINITY);
            (key, Op::IncrFloat { by, min, max: args.float("max")?.unwrap_or(f64::INFINITY) })
        }
        "list_append" => (key(args)?, add(Shape::List, false, args.items()?)),
        "list_append_unique" => (key(args)?, add(Shape::List, true, args.items()?)),
        "list_remove" => (key(args)?, Op::Remove { shape: Shape::List, items: args.items()? }),
        "set_add" => (key(args)?, add(Shape::Set, true, args.items()?)),
        "set_remove" => (key(args)?, Op::Remove { shape: Shape::Set, items: args.items()? }),
        "touch" => (key(args)?, Op::Touch { ttl: args.ttl("ttlMs")? }),
        _ => return Ok(None),
    };
    Ok(Some((key, op, float)))
}

fn write(map: Map, key: String, op: Op, float: bool) -> Begun {
    let duration = |ttl: Option<u64>| ttl.map(Duration::from_millis);
    match op {
        Op::Set { value, ttl, when } => {
            let options = SetOptions { when, ttl: duration(ttl) };
            waits(async move { map.set_with(&key, value, options).await })
        }
        Op::Delete { when } => waits(async move { map.delete_with(&key, DeleteOptions { when }).await }),
        Op::Touch { ttl } => waits(async move { map.touch(&key, duration(ttl)).await }),
        Op::Incr { by, min, max } => waits(async move {
            let done = map.incr_with(&key, by, IncrOptions { min, max }).await?;
            let exact = ponos::Counted { revision: done.revision, value: done.value as f64 };
            Ok::<Plain, _>(if float { exact.into() } else { done.into() })
        }),
        Op::IncrFloat { by, min, max } => {
            waits(async move { map.incr_float_with(&key, by, IncrFloatOptions { min, max }).await })
        }
        Op::Add { shape: Shape::Set, items, .. } => waits(async move { map.set_add(&key, items).await }),
        Op::Add { unique: true, items, .. } => {
            waits(async move { map.list_append_unique(&key, items).await })
        }
        Op::Add { items, .. } => waits(async move { map.list_append(&key, items).await }),
        Op::Remove { shape: Shape::Set, items } => waits(async move { map.set_remove(&key, items).await }),
        Op::Remove { items, .. } => waits(async move { map.list_remove(&key, items).await }),
        Op::Expire => waits(async { Err::<Plain, _>(unknown("map.expire")) }),
    }
}
