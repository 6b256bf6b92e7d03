//! One map at a Redis server.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;

use super::call::{Keys, Writes};
use super::codec::{self, Stored};
use super::commit::Commit;
use super::link::Link;
use super::resp::{self, Value};
use crate::engine::{MapEngine, Page, Reply, Request, Tip, Verdict};
use crate::error::{Error, Result};
use crate::model::change::Batch;
use crate::model::value::{Entry, Key, Position};

/// How many entries the server is asked for in one step of a scan: at most 3 ms of its time. Four times as many as in
/// steps of 1 ms take it a quarter less in all.
const SCAN: usize = 4_000;
/// How many log entries one call gives at most.
const LOG: usize = 1_000;

/// How many things the next call asks for: few at first, then as many as are about a megabyte.
struct Step(AtomicUsize);

impl Step {
    const FIRST: usize = 16;
    const BYTES: usize = 1 << 20;

    fn next(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// So many things were so many bytes.
    fn learn(&self, things: usize, bytes: usize, most: usize) {
        let step = (Self::BYTES * things).checked_div(bytes).unwrap_or(most);
        self.0.store(step.clamp(1, most), Ordering::Relaxed);
    }
}

impl Default for Step {
    fn default() -> Self {
        Self(AtomicUsize::new(Self::FIRST))
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
        Self { link, commit, subscription, scan_step: Step::default(), log_step: Step::default() }
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
        let mut page =
            Page { entries: Vec::with_capacity(fields.len() / 2), cursor: cursor.ok_or_else(strange)? };
        self.scan_step.learn(fields.len() / 2, fields.iter().map(length).sum(), SCAN);
        let mut fields = fields.into_iter();
        while let (Some(Value::Text(key)), Some(Value::Text(entry))) = (fields.next(), fields.next()) {
            if codec::is_key(&key) {
                let entry = match codec::decode_entry(&entry)? {
                    Stored::Whole(entry) => Some(Entry { value: resp::detached(entry.value), ..entry }),
                    // A list and its segments belong to one moment: that of this read.
                    Stored::Long(_, count) => self.whole(&key, count).await?,
                };
                let key = codec::key(&key)?;
                page.entries.extend(entry.map(|entry| (key, entry)));
            }
        }
        Ok(page)
    }

    async fn log_page(&self, from: Position) -> Result<Vec<Batch>> {
        let mut command = redis::cmd("XRANGE");
        let first = format!("{}-{}", from.generation, from.revision);
        command.arg(self.keys().log()).arg(first).arg(from.generation).arg("COUNT").arg(self.log_step.next());
        let Value::Array(entries) = self.link.call(command).await? else { return Err(strange()) };
        let (count, mut bytes) = (entries.len(), 0);
        let message = |entry| {
            let message = log_message(entry)?;
            bytes += message.len();
            codec::decode_message(&message)
        };
        let batches = entries.into_iter().map(message).collect();
        self.log_step.learn(count, bytes, LOG);
        batches
    }
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

    fn log(&self, from: Position) -> Reply<'_, Vec<Batch>> {
        Box::pin(self.log_page(from))
    }
}

impl Drop for RedisMap {
    fn drop(&mut self) {
        self.link.leave(self.keys().channel.clone(), self.subscription);
    }
}
