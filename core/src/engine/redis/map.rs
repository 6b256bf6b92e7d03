//! One map at a Redis server.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;

use super::call::{Keys, Writes};
use super::codec::{self, Keep, Stored};
use super::commit::Commit;
use super::link::Link;
use super::resp::{self, Value};
use crate::engine::{Log, MapEngine, Page, Reply, Request, Tip, Verdict};
use crate::error::{Error, Result};
use crate::model::change::Batch;
use crate::model::value::{Entry, Key, Position};

/// Up to how many effects of changes are loaded from the log: it costs the server a tenth, and this client as much, as
/// so many keys of a scan.
const REPLAY: u64 = 2;

/// How many things the next call asks for: few at first, then as many as are about so many bytes.
struct Step {
    next: AtomicUsize,
    most: usize,
    bytes: usize,
}

impl Step {
    const FIRST: usize = 16;

    /// Entries of the hash. The most takes the server 3 ms; four times as many as in steps of 1 ms take it a quarter
    /// less in all.
    const fn scan() -> Self {
        Self { next: AtomicUsize::new(Self::FIRST), most: 4_000, bytes: 1 << 20 }
    }

    /// Entries of the log. They are decoded where answers are read, and the next answer waits for that.
    const fn log() -> Self {
        Self { next: AtomicUsize::new(Self::FIRST / 4), most: 1_000, bytes: 512 << 10 }
    }

    fn next(&self) -> usize {
        self.next.load(Ordering::Relaxed)
    }

    /// So many things were so many bytes.
    fn learn(&self, things: usize, bytes: usize) {
        let step = (self.bytes * things).checked_div(bytes).unwrap_or(self.most);
        self.next.store(step.clamp(1, self.most), Ordering::Relaxed);
    }
}

/// A map that one client has open.
pub(super) struct RedisMap {
    link: Arc<Link>,
    commit: Arc<Commit<Writes>>,
    /// The number of its subscription.
    subscription: u64,
    scan_step: Step,
    log_step: Step,
}

impl RedisMap {
    pub(super) fn new(link: Arc<Link>, commit: Arc<Commit<Writes>>, subscription: u64) -> Self {
        Self { link, commit, subscription, scan_step: Step::scan(), log_step: Step::log() }
    }

    fn keys(&self) -> &Keys {
        &self.commit.freight.keys
    }

    async fn field(&self, field: &[u8]) -> Result<Option<Bytes>> {
        let mut command = redis::cmd("HGET");
        command.arg(self.keys().hash()).arg(field);
        match self.link.call(command).await? {
            Value::Nil => Ok(None),
            Value::Text(bytes) => Ok(Some(bytes)),
            _ => Err(strange()),
        }
    }

    /// An entry with its segments, if it has any; `expected` is how many it had a moment ago.
    async fn whole(&self, key: &[u8], mut expected: u32) -> Result<Option<Entry>> {
        loop {
            let mut command = redis::cmd("HMGET");
            command.arg(self.keys().hash()).arg(key);
            for number in 1..=expected {
                command.arg(codec::segment_name(key, number));
            }
            let Value::Array(fields) = self.link.call(command).await? else { return Err(strange()) };
            let mut fields = fields.into_iter().map_while(|field| match field {
                Value::Text(bytes) => Some(bytes),
                _ => None,
            });
            let Some(stored) = fields.next() else { return Ok(None) };
            match codec::decode_entry(&stored)? {
                Stored::Whole(entry) => {
                    return Ok(Some(Entry { value: resp::detached(entry.value), ..entry }));
                }
                Stored::Long(entry, count) if count <= expected => {
                    let value: Vec<Bytes> = fields.take(count as usize).collect();
                    return Ok(Some(Entry { value: value.concat().into(), ..entry }));
                }
                // It has grown; a few more than it has, for what is appended meanwhile.
                Stored::Long(_, count) => expected = count.saturating_add(4),
            }
        }
    }

    async fn scan_page(&self, cursor: u64) -> Result<Page> {
        let mut command = redis::cmd("HSCAN");
        command.arg(self.keys().hash()).arg(cursor).arg("COUNT").arg(self.scan_step.next());
        let Value::Array(answer) = self.link.call(command).await? else { return Err(strange()) };
        let mut answer = answer.into_iter();
        let (Some(Value::Text(cursor)), Some(Value::Array(fields))) = (answer.next(), answer.next()) else {
            return Err(strange());
        };
        let cursor = std::str::from_utf8(&cursor).ok().and_then(|text| text.parse().ok());
        let bytes = fields.iter().map(length).sum();
        self.scan_step.learn(fields.len() / 2, bytes);
        let mut lists = Vec::new();
        for field in fields.chunks_exact(2) {
            if let [Value::Text(key), Value::Text(stored)] = field
                && codec::is_key(key)
                && let Stored::Long(_, count) = codec::decode_entry(stored)?
            {
                // A list and its segments belong to one moment: that of this read.
                let entry = self.whole(key, count).await?;
                lists.extend(entry.map(|entry| Ok((codec::key(key)?, entry))));
            }
        }
        // Values stay slices of what was read: all of a load's together keep about as much as the map has when it is
        // loaded, however few of them are still there later. Those of a small page are better off alone.
        let alone = resp::is_small(bytes);
        let entries = pairs(fields).filter_map(move |(key, stored)| entry(&key, &stored, alone).transpose());
        Ok(Page { entries: Box::new(entries.chain(lists)), cursor: cursor.ok_or_else(strange)? })
    }

    async fn log_page(&self, from: Position, keep: Keep) -> Result<Log> {
        let mut command = redis::cmd("XRANGE");
        let first = format!("{}-{}", from.generation, from.revision);
        let most = self.log_step.next();
        command.arg(self.keys().log()).arg(first).arg(from.generation).arg("COUNT").arg(most);
        let read = move |answer| read_log(answer, keep);
        let (batches, bytes) = self.link.call_and(command, read).await?;
        self.log_step.learn(batches.len(), bytes);
        let last = batches.get(most - 1).map(Batch::last);
        Ok(Log { next: last.map(|last| Position { revision: last.revision + 1, ..last }), batches })
    }

    async fn count(&self) -> Result<u64> {
        let mut command = redis::cmd("HLEN");
        command.arg(self.keys().hash());
        match self.link.call(command).await? {
            Value::Int(count) => Ok(u64::try_from(count).unwrap_or(0)),
            _ => Err(strange()),
        }
    }
}

/// The keys and entries of a hash, from its fields and values in turn.
fn pairs(fields: Vec<Value>) -> impl Iterator<Item = (Bytes, Bytes)> {
    let mut fields = fields.into_iter();
    std::iter::from_fn(move || match (fields.next(), fields.next()) {
        (Some(Value::Text(key)), Some(Value::Text(stored))) => Some((key, stored)),
        _ => None,
    })
}

/// An entry of the hash that is there as a whole.
fn entry(key: &Bytes, stored: &Bytes, alone: bool) -> Result<Option<(Key, Entry)>> {
    if !codec::is_key(key) {
        return Ok(None);
    }
    let Stored::Whole(mut entry) = codec::decode_entry(stored)? else { return Ok(None) };
    if alone {
        entry.value = resp::detached(entry.value);
    }
    Ok(Some((codec::key(key)?, entry)))
}

/// The changes of some entries of the log, and how many bytes these were.
fn read_log(answer: Value, keep: Keep) -> Result<(Vec<Batch>, usize)> {
    let Value::Array(entries) = answer else { return Err(strange()) };
    let mut bytes = 0;
    let message = |entry| {
        let message = log_message(entry)?;
        bytes += message.len();
        codec::decode_message(&message, keep)
    };
    let batches = entries.into_iter().map(message).collect::<Result<_>>()?;
    Ok((batches, bytes))
}

/// The message in an entry of the log: `[id, ["d", message]]`.
fn log_message(entry: Value) -> Result<Bytes> {
    let Value::Array(mut entry) = entry else { return Err(strange()) };
    let Some(Value::Array(mut fields)) = entry.pop() else { return Err(strange()) };
    let Some(Value::Text(message)) = fields.pop() else { return Err(strange()) };
    Ok(message)
}

fn length(field: &Value) -> usize {
    match field {
        Value::Text(bytes) => bytes.len(),
        _ => 0,
    }
}

fn strange() -> Error {
    Error::internal("the server gave a strange answer")
}

impl MapEngine for RedisMap {
    fn write(&self, request: Request) -> Reply<'_, Verdict> {
        Box::pin(self.commit.send(request))
    }

    fn tip(&self) -> Reply<'_, Option<Tip>> {
        Box::pin(async { self.field(b"").await?.as_ref().map(codec::decode_tip).transpose() })
    }

    fn scan(&self, cursor: u64) -> Reply<'_, Page> {
        Box::pin(self.scan_page(cursor))
    }

    fn read(&self, key: Key) -> Reply<'_, Option<Entry>> {
        Box::pin(async move {
            let entry = self.whole(key.as_bytes(), 0).await?;
            Ok(entry.filter(|entry| entry.alive(self.link.now())))
        })
    }

    fn log(&self, from: Position) -> Reply<'_, Log> {
        Box::pin(self.log_page(from, Keep::Values))
    }

    fn replay(&self, from: Position) -> Reply<'_, Log> {
        Box::pin(self.log_page(from, Keep::Message))
    }

    fn replayable(&self) -> Reply<'_, u64> {
        Box::pin(async { Ok(REPLAY * self.count().await?) })
    }
}

impl Drop for RedisMap {
    fn drop(&mut self) {
        self.link.leave(self.keys().channel.clone(), self.subscription);
    }
}
