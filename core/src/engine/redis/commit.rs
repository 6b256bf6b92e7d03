//! Group commit: writes to one map that meet on their way share a call, a message and a log entry.
//!
//! A write that finds fewer than [`FLYING`] calls under way is sent at once; the others wait for the next to
//! return. There is no timer: under load batches grow by themselves, and one caller never waits for another.

use std::sync::{Arc, Weak};

use bytes::Bytes;
use parking_lot::Mutex;
use redis::{Cmd, Value};
use tokio::sync::oneshot;

use super::codec::{self, Args};
use super::link::Link;
use super::script::{self, DESTROY, Script, WRITE};
use crate::engine::{MapId, Request, Sink, Source, Verdict};
use crate::error::{Error, Result};
use crate::model::op::{Op, Refusal};
use crate::model::txn::Write;
use crate::model::value::Position;

/// How many calls of one map are under way at once.
const FLYING: usize = 2;
/// The most writes of one call: with them it takes the server well under a millisecond.
const BATCH: usize = 256;
/// The most bytes of one call, unless a single write has more.
const BYTES: usize = 1 << 20;
/// The most bytes that the log of one map may take, as far as its mean entry tells.
const LOG_BYTES: usize = 64 << 20;
/// The status of a retried write whose fate the log cannot tell.
const UNKNOWN: i64 = -100;

/// The writes of one map on their way to the server.
pub(super) struct Commit {
    link: Arc<Link>,
    sink: Weak<dyn Sink>,
    keys: Keys,
    head: [Vec<u8>; 5],
    queue: Mutex<Queue>,
}

/// The names of a map at the server: all in one slot.
pub(super) struct Keys {
    pub(super) hash: Vec<u8>,
    pub(super) log: Vec<u8>,
    pub(super) channel: Vec<u8>,
}

impl Keys {
    pub(super) fn new(prefix: &str, id: &MapId) -> Self {
        let base = format!("{prefix}{{{}}}:m:{}:", id.scope, id.name);
        let key = |suffix: &str| format!("{base}{suffix}").into_bytes();
        Self { hash: key("h"), log: key("log"), channel: key("c") }
    }
}

#[derive(Default)]
struct Queue {
    waiting: std::collections::VecDeque<Waiting>,
    flying: usize,
}

/// A write and who waits for its verdict.
struct Waiting {
    request: Request,
    answer: oneshot::Sender<Result<Verdict>>,
}

impl Commit {
    pub(super) fn new(
        link: Arc<Link>,
        sink: Weak<dyn Sink>,
        keys: Keys,
        codec: &str,
        log_len: u64,
        max_value: usize,
    ) -> Arc<Self> {
        let numbers = [log_len.to_string(), LOG_BYTES.to_string(), max_value.to_string()];
        let [log_len, log_bytes, max_value] = numbers.map(String::into_bytes);
        let head = [keys.channel.clone(), codec.as_bytes().to_vec(), log_len, log_bytes, max_value];
        Arc::new(Self { link, sink, keys, head, queue: Mutex::default() })
    }

    pub(super) const fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Sends a write with the next call.
    pub(super) async fn write(self: &Arc<Self>, request: Request) -> Result<Verdict> {
        self.link.connected().await?;
        let (answer, verdict) = oneshot::channel();
        let next = {
            let mut queue = self.queue.lock();
            queue.waiting.push_back(Waiting { request, answer });
            queue.depart()
        };
        self.send(next);
        let ended = |_| Err(Error::closed("the client was closed").with_maybe_applied(true));
        verdict.await.unwrap_or_else(ended)
    }

    /// Makes the next call, on the thread of whoever found that there is one to make: the first of its writers, or
    /// the task that reads the answer to the call before.
    fn send(self: &Arc<Self>, batch: Vec<Waiting>) {
        if !batch.is_empty() {
            let (script, args) = self.arguments(&batch);
            let command = script.call(&self.names(), &args);
            self.transmit(command, Call { batch, script, args, introduced: false });
        }
    }

    fn transmit(self: &Arc<Self>, command: Cmd, call: Call) {
        // The batch is in one of two hands: with the answer, or back here if nothing was sent.
        let call = Arc::new(Mutex::new(Some(call)));
        let (commit, theirs) = (self.clone(), call.clone());
        let sent = self.link.send(command, move |answer| {
            if let Some(call) = theirs.lock().take() {
                commit.answered(call, answer);
            }
        });
        if let Err(error) = sent
            && let Some(call) = call.lock().take()
        {
            self.finish(call.batch, Err(error));
        }
    }

    fn answered(self: &Arc<Self>, mut call: Call, answer: Result<Value>) {
        match answer {
            Err(error) if !call.introduced && script::unknown(&error) => {
                call.introduced = true;
                let command = call.script.introduce(&self.names(), &call.args);
                self.transmit(command, call);
            }
            answer => {
                let count = call.batch.len();
                self.finish(call.batch, answer.and_then(|answer| self.read(answer, count)));
            }
        }
    }

    /// Tells each writer what became of its write, and goes on with those that came meanwhile.
    fn finish(self: &Arc<Self>, batch: Vec<Waiting>, verdicts: Result<Vec<Result<Verdict>>>) {
        let next = {
            let mut queue = self.queue.lock();
            queue.flying -= 1;
            queue.depart()
        };
        self.send(next);
        let verdicts = match verdicts {
            Ok(verdicts) => verdicts,
            Err(error) => {
                let again =
                    || Error::new(error.kind(), error.message()).with_maybe_applied(error.maybe_applied());
                batch.iter().map(|_| Err(again())).collect()
            }
        };
        for (waiting, verdict) in batch.into_iter().zip(verdicts) {
            // Who has stopped waiting does not want to know.
            drop(waiting.answer.send(verdict));
        }
    }

    fn names(&self) -> [&[u8]; 2] {
        [&self.keys.hash, &self.keys.log]
    }

    /// The script for a batch, and its arguments.
    fn arguments(&self, batch: &[Waiting]) -> (&'static Script, Args) {
        if let [Waiting { request: Request { write: Write::Destroy, id, retry_after }, .. }] = batch {
            let mut args = vec![self.keys.channel.clone(), codec::encode_id(*id).to_vec()];
            args.extend(retry_after.map(|after| after.generation.to_string().into_bytes()));
            return (&DESTROY, args);
        }
        let mut args: Args = self.head.to_vec();
        args.push(batch.len().to_string().into_bytes());
        batch.iter().for_each(|waiting| codec::encode_request(&waiting.request, &mut args));
        (&WRITE, args)
    }

    /// Gives the changes to the replica, then reads the statuses.
    fn read(&self, answer: Value, count: usize) -> Result<Vec<Result<Verdict>>> {
        let strange = || Error::internal("the script gave a strange answer").with_maybe_applied(true);
        let Value::Array(answer) = answer else { return Err(strange()) };
        let mut answer = answer.into_iter();
        let (Some(Value::BulkString(message)), Some(Value::Int(generation))) = (answer.next(), answer.next())
        else {
            return Err(strange());
        };
        let generation = u64::try_from(generation).map_err(|_| strange())?;
        if !message.is_empty() {
            let batch = codec::decode_message(&Bytes::from(message))?;
            if let Some(sink) = self.sink.upgrade() {
                sink.batch(&batch, Source::Reply);
            }
        }
        let verdicts: Vec<_> =
            answer.map(|status| verdict(&status, generation).ok_or_else(strange)?).collect();
        if verdicts.len() == count { Ok(verdicts) } else { Err(strange()) }
    }
}

/// A call under way.
struct Call {
    batch: Vec<Waiting>,
    script: &'static Script,
    args: Args,
    /// Whether the script's text was sent with it.
    introduced: bool,
}

impl Queue {
    /// The next call to make, if fewer than [`FLYING`] are under way: then it counts as one of them.
    fn depart(&mut self) -> Vec<Waiting> {
        if self.flying == FLYING {
            return Vec::new();
        }
        let batch = self.take();
        self.flying += usize::from(!batch.is_empty());
        batch
    }

    /// The writes of the next call: those that came first, as many as fit; a destroy goes alone.
    fn take(&mut self) -> Vec<Waiting> {
        let mut bytes = 0;
        let mut batch = Vec::new();
        while let Some(next) = self.waiting.front() {
            let alone = next.request.write == Write::Destroy;
            bytes += size(&next.request.write);
            if !batch.is_empty() && (alone || bytes > BYTES || batch.len() >= BATCH) {
                break;
            }
            batch.extend(self.waiting.pop_front().filter(|waiting| !waiting.answer.is_closed()));
            if alone {
                break;
            }
        }
        batch
    }
}

/// About how many bytes a write takes.
fn size(write: &Write) -> usize {
    let op = |op: &Op| match op {
        Op::Set { value, .. } => value.len(),
        Op::Add { items, .. } | Op::Remove { items, .. } => items.iter().map(|item| item.len() + 4).sum(),
        _ => 8,
    };
    match write {
        Write::One { key, op: one } => key.len() + op(one),
        Write::Clear | Write::Destroy => 1,
        Write::Txn(txn) => txn.then.iter().chain(&txn.otherwise).map(|(key, one)| key.len() + op(one)).sum(),
    }
}

fn verdict(status: &Value, generation: u64) -> Option<Result<Verdict>> {
    let (number, matched) = match status {
        Value::Int(number) => (*number, true),
        Value::BulkString(text) => (std::str::from_utf8(text).ok()?.parse().ok()?, false),
        _ => return None,
    };
    Some(match number {
        UNKNOWN => {
            let message = "no answer came in time, and the log no longer tells whether the write was applied";
            Err(Error::timeout(message).with_maybe_applied(true))
        }
        0 => Ok(Verdict::Unchanged { matched }),
        1.. => {
            let revision = u64::try_from(number).ok()?;
            Ok(Verdict::Applied { position: Position { generation, revision }, matched })
        }
        _ => Ok(Verdict::Refused(Refusal::from_u8(u8::try_from(-number).ok()?)?)),
    })
}
