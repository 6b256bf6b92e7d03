//! Requests: an operation's number, and its key, value and other arguments as bytes, become a [`Call`].

use ponos::{
    Bytes, Error, IncrFloatOptions, IncrOptions, Key, Map, MapOptions, Op, Result, SetOptions, Shape, Txn,
    WatchOptions,
};
use ponos_bindings_core::surface::SharedWatcher;
use ponos_bindings_core::{Call, MapCall};

use crate::answer::Out;
use crate::args::{Args, text};
use crate::handle::Object;
use crate::op::PonosOp as Do;

/// What Go asks for, in memory that it lends.
#[derive(Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) op: u32,
    pub(crate) on: Option<&'a Object>,
    pub(crate) key: &'a [u8],
    pub(crate) value: &'a [u8],
    pub(crate) args: &'a [u8],
}

/// What a request becomes.
pub(crate) enum Begun {
    /// Its answer: it needs nobody but this process.
    Answered(Vec<u8>),
    /// A call that may have to wait.
    Call(Call),
}

impl Request<'_> {
    /// Reads the request, and answers it if it is a local read.
    pub(crate) fn begin(self) -> Result<Begun> {
        let op = Do::from_u32(self.op)?;
        let args = &mut Args(self.args);
        let on = || self.on.ok_or_else(|| Error::invalid("the handle is nil"));
        Ok(Begun::Call(match op {
            Do::Open => Call::Open { url: text(self.key)? },
            Do::Close => Call::Close { client: on()?.client()?.clone() },
            Do::OpenMap => {
                let (client, name) = (on()?.client()?.clone(), text(self.key)?);
                let (codec, ordered) = (args.text()?, args.flag()?);
                let watch_queue = match args.i64()? {
                    0 => MapOptions::default().watch_queue,
                    events => usize::try_from(events).unwrap_or(0),
                };
                Call::OpenMap { client, name, options: MapOptions { codec, ordered, watch_queue } }
            }
            Do::Next => {
                let (watcher, max) = (on()?.watcher()?.clone(), args.u32()? as usize);
                Call::Next { watcher, max }
            }
            Do::Watch | Do::CloseWatcher | Do::Snapshot | Do::Keys | Do::Entries | Do::Prefix | Do::Range => {
                return self.local(op, on()?).map(Begun::Answered);
            }
            _ => {
                let (map, call) = (on()?.map()?.clone(), self.map_call(op)?);
                Call::Map { map, call }
            }
        }))
    }

    fn map_call(&self, op: Do) -> Result<MapCall> {
        let args = &mut Args(self.args);
        let key = || text(self.key);
        Ok(match op {
            Do::CloseMap => MapCall::Close,
            Do::Set => {
                let value = Bytes::copy_from_slice(self.value);
                let options = SetOptions { when: args.condition()?, ttl: args.ttl()? };
                MapCall::Set { key: key()?, value, options }
            }
            Do::Delete => MapCall::Delete { key: key()?, when: args.condition()? },
            Do::Incr => {
                let by = args.i64()?;
                let bounds = IncrOptions { min: args.i64()?, max: args.i64()? };
                MapCall::Incr { key: key()?, by, bounds }
            }
            Do::IncrFloat => {
                let by = args.f64()?;
                let bounds = IncrFloatOptions { min: args.f64()?, max: args.f64()? };
                MapCall::IncrFloat { key: key()?, by, bounds }
            }
            Do::ListAppend => MapCall::ListAppend { key: key()?, items: args.items()? },
            Do::ListAppendUnique => MapCall::ListAppendUnique { key: key()?, items: args.items()? },
            Do::ListRemove => MapCall::ListRemove { key: key()?, items: args.items()? },
            Do::SetAdd => MapCall::SetAdd { key: key()?, items: args.items()? },
            Do::SetRemove => MapCall::SetRemove { key: key()?, items: args.items()? },
            Do::Touch => MapCall::Touch { key: key()?, ttl: args.ttl()? },
            Do::Clear => MapCall::Clear,
            Do::Destroy => MapCall::Destroy,
            Do::Txn => MapCall::Txn(txn(args)?),
            Do::GetLatest => MapCall::GetLatest { key: key()? },
            Do::Sync => MapCall::Sync,
            Do::WaitFor => MapCall::WaitFor { revision: args.u64()? },
            other => return Err(Error::internal(format!("{other:?} is no operation of a map"))),
        })
    }

    fn local(&self, op: Do, on: &Object) -> Result<Vec<u8>> {
        let args = &mut Args(self.args);
        let out = Out::ok();
        let entries = |found: Vec<(Key, ponos::Entry)>| {
            found.iter().fold(Out::ok(), |out, (key, entry)| out.bytes(key.as_bytes()).entry(entry))
        };
        let packed = match op {
            Do::Watch => out.object(watch(on.map()?, args)?),
            Do::CloseWatcher => {
                on.watcher()?.close();
                out
            }
            Do::Snapshot => out.object(Object::Snapshot(on.snapshot()?)),
            Do::Keys => on.snapshot()?.iter().fold(out, |out, (key, _)| out.bytes(key.as_bytes())),
            Do::Entries => {
                let snapshot = on.snapshot()?;
                snapshot.iter().fold(out, |out, (key, entry)| out.bytes(key.as_bytes()).entry(entry))
            }
            Do::Prefix => entries(on.snapshot()?.prefix(&text(self.key)?)),
            _ => {
                let (from, to) = (text(self.key)?, text(self.value)?);
                let snapshot = on.snapshot()?;
                match to.is_empty() {
                    true => entries(snapshot.range(from.as_str()..)),
                    false => entries(snapshot.range(from.as_str()..to.as_str())),
                }
            }
        };
        Ok(packed.0)
    }
}

fn watch(map: &Map, args: &mut Args<'_>) -> Result<Object> {
    let options = WatchOptions { filter: args.filter()?, from: args.start()? };
    Ok(Object::Watcher(SharedWatcher::new(map.watch_with(options))))
}

/// Conditions, then operations of both branches, each written as it would be for a call of its own.
fn txn(args: &mut Args<'_>) -> Result<Txn> {
    let compare = args.list(|args| Ok((Key::from(args.text()?), args.condition()?)))?;
    let (then, otherwise) = (args.list(part)?, args.list(part)?);
    Ok(Txn { compare, then, otherwise })
}

fn part(args: &mut Args<'_>) -> Result<(Key, Op)> {
    let op = args.u32()?;
    let (key, value, rest) = (args.bytes()?, args.bytes()?, args.bytes()?);
    let request = Request { op, on: None, key, value, args: rest };
    operation(request.map_call(Do::from_u32(op)?)?)
}

fn operation(call: MapCall) -> Result<(Key, Op)> {
    let add = |shape, unique, items| Op::Add { shape, unique, items };
    let millis = |ttl: std::time::Duration| u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
    let (key, op) = match call {
        MapCall::Set { key, value, options } => {
            (key, Op::Set { value, ttl: options.ttl.map(millis), when: options.when })
        }
        MapCall::Delete { key, when } => (key, Op::Delete { when }),
        MapCall::Incr { key, by, bounds } => (key, Op::Incr { by, min: bounds.min, max: bounds.max }),
        MapCall::IncrFloat { key, by, bounds } => {
            (key, Op::IncrFloat { by, min: bounds.min, max: bounds.max })
        }
        MapCall::ListAppend { key, items } => (key, add(Shape::List, false, items)),
        MapCall::ListAppendUnique { key, items } => (key, add(Shape::List, true, items)),
        MapCall::ListRemove { key, items } => (key, Op::Remove { shape: Shape::List, items }),
        MapCall::SetAdd { key, items } => (key, add(Shape::Set, true, items)),
        MapCall::SetRemove { key, items } => (key, Op::Remove { shape: Shape::Set, items }),
        MapCall::Touch { key, ttl } => (key, Op::Touch { ttl: ttl.map(millis) }),
        other => return Err(Error::internal(format!("{other:?} cannot be a part of a transaction"))),
    };
    Ok((key.into(), op))
}
