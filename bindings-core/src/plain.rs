//! What crosses the border: a few kinds of plain values, so that each language needs one converter in and one out.

use std::borrow::Cow;
use std::error::Error as _;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use ponos::map::Stamps;
use ponos::stream::{Item, Merged};
use ponos::{
    Bytes, Counted, Edited, Entry, Error, Event, Key, Map, Ponos, Position, Shape, Sink, Snapshot, Status,
    Stream, TxnDone, Written,
};

use crate::items::Given;
use crate::log::{Logs, Record};
use crate::source::{SharedMerged, SharedReader, SharedWatcher};

/// A value that every language has.
#[derive(Debug, Default)]
pub enum Plain {
    /// Nothing, or not given.
    #[default]
    Nil,
    /// Yes or no.
    Bool(bool),
    /// A whole number: a revision, a counter. Its place says of how many bits.
    Int(i128),
    /// A small whole number, which has no need of 64 bits.
    Count(usize),
    /// A number.
    Float(f64),
    /// A moment, in milliseconds since 1970.
    Time(u64),
    /// Text.
    Text(Cow<'static, str>),
    /// Bytes.
    Bytes(Bytes),
    /// A value of a map and how to read it.
    Value(Bytes, Shape),
    /// Values in order.
    List(Vec<Self>),
    /// Options by name, from a language that has them so. What the core answers is a list of fields, in the order
    /// that its type has them.
    Record(Vec<(String, Self)>),
    /// A thing of the core that a program holds.
    Object(Object),
    /// Events of a watcher.
    Events(Vec<Event>),
    /// What a reader or a sink gave.
    Items(Vec<Item<Given>>),
    /// What a merged reader gave.
    Merged(Vec<Merged>),
    /// Entries of a map.
    Entries(Vec<(Key, Entry)>),
    /// What has no place in a call, as its language shows it.
    Other(String),
}

/// What a program holds, to ask it for more.
#[derive(Clone, Debug, Default)]
pub enum Object {
    /// What an operation is done on that needs no object.
    #[default]
    Nothing,
    /// A client.
    Client(Ponos),
    /// A map.
    Map(Map),
    /// A map at one revision.
    Snapshot(Snapshot),
    /// A watcher.
    Watcher(Arc<SharedWatcher>),
    /// A stream.
    Stream(Stream),
    /// A reader of a stream.
    Reader(Arc<SharedReader>),
    /// A reader of several streams.
    Merged(Arc<SharedMerged>),
    /// A consumer of a group.
    Sink(Sink),
    /// Log records on their way.
    Logs(Arc<Logs>),
}

impl Object {
    /// What an error says that it happened on.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Map(map) => map.name(),
            Self::Watcher(watcher) => watcher.name(),
            Self::Stream(stream) => stream.name(),
            Self::Reader(reader) => reader.shared.name(),
            Self::Sink(sink) => sink.group(),
            Self::Nothing | Self::Client(_) | Self::Snapshot(_) | Self::Merged(_) | Self::Logs(_) => "",
        }
    }

    /// The number that rises when a key's group changes, of a map.
    #[must_use]
    pub fn stamp(&self, key: &str) -> Option<&AtomicU64> {
        if let Self::Map(map) = self { Some(&map.stamps().all()[Stamps::group(key)]) } else { None }
    }

    /// Looks at the entry of a key of a map or snapshot, if it has one.
    pub fn look<T>(&self, key: &str, look: impl FnOnce(&Entry) -> T) -> Option<T> {
        match self {
            Self::Map(map) => map.with(key, look),
            Self::Snapshot(snapshot) => snapshot.entry(key).map(look),
            _ => None,
        }
    }

    /// How many keys a map or snapshot has.
    #[must_use]
    pub fn keys(&self) -> usize {
        match self {
            Self::Map(map) => map.len(),
            Self::Snapshot(snapshot) => snapshot.len(),
            _ => 0,
        }
    }
}

/// Why a call was refused, as the cause of its error, where languages have an error of their own for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misuse {
    /// An argument has a type that means nothing there.
    Type,
    /// A number has more bits than its place.
    Range,
}

impl std::fmt::Display for Misuse {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(if *self == Self::Type { "type" } else { "range" })
    }
}

impl std::error::Error for Misuse {}

impl Misuse {
    /// The misuse behind an error, if it is one.
    #[must_use]
    pub fn of(error: &Error) -> Option<Self> {
        error.source()?.downcast_ref().copied()
    }
}

impl From<()> for Plain {
    fn from((): ()) -> Self {
        Self::Nil
    }
}

impl From<bool> for Plain {
    fn from(flag: bool) -> Self {
        Self::Bool(flag)
    }
}

impl From<u64> for Plain {
    fn from(number: u64) -> Self {
        Self::Int(number.into())
    }
}

impl From<f64> for Plain {
    fn from(number: f64) -> Self {
        Self::Float(number)
    }
}

impl From<&'static str> for Plain {
    fn from(text: &'static str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Plain {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<Ponos> for Plain {
    fn from(client: Ponos) -> Self {
        Self::Object(Object::Client(client))
    }
}

impl From<Map> for Plain {
    fn from(map: Map) -> Self {
        Self::Object(Object::Map(map))
    }
}

impl<T: Into<Self>> From<Option<T>> for Plain {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Nil, Into::into)
    }
}

impl From<Vec<Event>> for Plain {
    fn from(events: Vec<Event>) -> Self {
        Self::Events(events)
    }
}

impl From<Vec<Merged>> for Plain {
    fn from(items: Vec<Merged>) -> Self {
        Self::Merged(items)
    }
}

impl From<Position> for Plain {
    fn from(Position { generation, revision }: Position) -> Self {
        Self::List(vec![generation.into(), revision.into()])
    }
}

impl From<Shape> for Plain {
    fn from(shape: Shape) -> Self {
        SHAPES[shape as usize].into()
    }
}

/// The names of the shapes, by number.
pub const SHAPES: [&str; 3] = ["plain", "list", "set"];

impl From<Written> for Plain {
    fn from(done: Written) -> Self {
        let previous = done.previous.map_or(Self::Nil, |bytes| Self::Value(bytes, done.previous_shape));
        Self::List(vec![done.revision.into(), done.changed.into(), previous])
    }
}

impl From<Counted<i64>> for Plain {
    fn from(done: Counted<i64>) -> Self {
        Self::List(vec![done.revision.into(), Self::Int(done.value.into())])
    }
}

impl From<Counted<f64>> for Plain {
    fn from(done: Counted<f64>) -> Self {
        Self::List(vec![done.revision.into(), done.value.into()])
    }
}

impl From<Edited> for Plain {
    fn from(done: Edited) -> Self {
        Self::List(vec![done.revision.into(), done.changed.into(), Self::Count(done.len)])
    }
}

impl From<TxnDone> for Plain {
    fn from(done: TxnDone) -> Self {
        Self::List(vec![done.revision.into(), done.matched.into(), done.changed.into()])
    }
}

impl From<Entry> for Plain {
    fn from(entry: Entry) -> Self {
        let deadline = entry.deadline.map_or(Self::Nil, |deadline| Self::Time(deadline.get()));
        let shape = entry.shape.into();
        Self::List(vec![Self::Value(entry.value, entry.shape), entry.revision.into(), shape, deadline])
    }
}

impl From<Status> for Plain {
    fn from(status: Status) -> Self {
        let (state, since) = match status {
            Status::Live => ("live", Self::Nil),
            Status::Stale { since } => ("stale", Self::Time(since)),
            Status::Resyncing => ("resyncing", Self::Nil),
            _ => ("closed", Self::Nil),
        };
        Self::List(vec![state.into(), since])
    }
}

impl From<Record> for Plain {
    fn from(Record { level, target, message }: Record) -> Self {
        Self::List(vec![level.into(), target.into(), message.into()])
    }
}

impl From<Vec<Record>> for Plain {
    fn from(records: Vec<Record>) -> Self {
        Self::List(records.into_iter().map(Into::into).collect())
    }
}

/// Kind, message, operation, object, whether the write may have been applied, causes, and the name of a misuse.
impl From<&Error> for Plain {
    fn from(error: &Error) -> Self {
        let misuse = Misuse::of(error);
        let mut source = if misuse.is_some() { None } else { error.source() };
        let mut causes = Vec::new();
        while let Some(cause) = source {
            causes.push(cause.to_string().into());
            source = cause.source();
        }
        Self::List(vec![
            error.kind().as_str().into(),
            error.message().to_owned().into(),
            error.operation().into(),
            error.object().to_owned().into(),
            error.maybe_applied().into(),
            Self::List(causes),
            misuse.map(|misuse| misuse.to_string()).into(),
        ])
    }
}

/// How many characters of a value a message shows.
const SHORT: usize = 40;

fn short(text: &str) -> String {
    text.chars().take(SHORT).collect()
}

impl Plain {
    /// The value in a message, short.
    pub(crate) fn show(&self) -> String {
        match self {
            Self::Nil => "nothing".into(),
            Self::Bool(flag) => flag.to_string(),
            Self::Int(number) => number.to_string(),
            Self::Count(number) => number.to_string(),
            Self::Float(number) => number.to_string(),
            Self::Time(_) => "a time".into(),
            Self::Text(text) if text.chars().count() > SHORT => format!("{:?}…", short(text)),
            Self::Other(text) if text.chars().count() > SHORT => format!("{}…", short(text)),
            Self::Other(text) => text.clone(),
            Self::Text(text) => format!("{text:?}"),
            Self::Bytes(_) | Self::Value(..) => "bytes".into(),
            Self::List(_) | Self::Events(_) | Self::Items(_) | Self::Merged(_) | Self::Entries(_) => {
                "a list".into()
            }
            Self::Record(_) => "a record".into(),
            Self::Object(_) => "an object".into(),
        }
    }
}
