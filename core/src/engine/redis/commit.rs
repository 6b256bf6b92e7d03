//! Group commit: writes to one map that meet on their way share a call, a message and a log entry.
//!
//! A write that finds no call under way is sent at once. Beside one a second departs when as many writes wait
//! as the first carries; all others wait for the next to return. There is no timer: under load batches grow by
//! themselves, and one caller never waits for another.

use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::args::Args;
use super::call::{Call, Done};
use super::link::Link;
use super::resp::Value;
use super::script;
use crate::engine::{MapId, Request, Sink, Source, Verdict};
use crate::error::{Error, Result};
use crate::model::op::Op;
use crate::model::txn::Write;

/// How many calls of one map are under way at once.
const FLYING: usize = 2;
/// The most writes of one call: with them it takes the server well under a millisecond.
const BATCH: usize = 256;
/// The most bytes of one call, unless a single write has more.
const BYTES: usize = 1 << 20;
/// The most bytes that the log of one map may take, as far as its mean entry tells.
const LOG_BYTES: usize = 64 << 20;

/// The writes of one map on their way to the server.
pub(super) struct Commit {
    link: Arc<Link>,
    sink: Weak<dyn Sink>,
    keys: Keys,
    head: Args,
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
    /// How many writes went with the last call.
    carried: usize,
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
        let mut head = Args::default();
        head.push(&keys.channel);
        head.push(codec);
        head.push_number(log_len);
        head.push_number(LOG_BYTES);
        head.push_number(max_value);
        Arc::new(Self { link, sink, keys, head, queue: Mutex::default() })
    }

    pub(super) const fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Sends a write with the next call.
    pub(super) async fn write(self: &Arc<Self>, request: Request) -> Result<Verdict> {
        self.link.connected().await?;
        let (answer, verdict) = oneshot::channel();
        let (next, alone) = {
            let mut queue = self.queue.lock();
            queue.waiting.push_back(Waiting { request, answer });
            let next = queue.depart();
            (next, queue.flying == 1 && queue.carried == 1 && queue.waiting.is_empty())
        };
        self.send(next);
        if alone {
            self.link.soon.until(|| !verdict.is_empty()).await;
        }
        let ended = |_| Err(Error::closed("the client was closed").with_maybe_applied(true));
        verdict.await.unwrap_or_else(ended)
    }

    /// Makes the next call, on the thread of whoever found that there is one to make: the first of its writers, or
    /// the task that reads the answer to the call before.
    fn send(self: &Arc<Self>, batch: Vec<Waiting>) {
        if !batch.is_empty() {
            let call = Call::new(batch.iter().map(|waiting| &waiting.request), &self.head);
            let command = call.command(self.names());
            self.transmit(&command, Flight { batch, call, introduced: false });
        }
    }

    fn transmit(self: &Arc<Self>, command: &[u8], flight: Flight) {
        // The batch is in one of two hands: with the answer, or back here if nothing was sent.
        let flight = Arc::new(Mutex::new(Some(flight)));
        let (commit, theirs) = (self.clone(), flight.clone());
        let sent = self.link.send(command, move |answer| {
            if let Some(flight) = theirs.lock().take() {
                commit.answered(flight, answer);
            }
        });
        if let Err(error) = sent
            && let Some(flight) = flight.lock().take()
        {
            self.finish(flight.batch, Err(error));
        }
    }

    fn answered(self: &Arc<Self>, mut flight: Flight, answer: Result<Value>) {
        match answer {
            Err(error) if !flight.introduced && script::unknown(&error) => {
                flight.introduced = true;
                let command = flight.call.introduction(self.names());
                self.transmit(&command, flight);
            }
            answer => {
                let requests = flight.batch.iter().map(|waiting| &waiting.request);
                let done = answer.and_then(|answer| flight.call.read(answer, requests));
                self.finish(flight.batch, done);
            }
        }
    }

    fn names(&self) -> [&[u8]; 2] {
        [&self.keys.hash, &self.keys.log]
    }

    /// Goes on with the writes that came meanwhile, so that the server has work; then gives the changes to the replica
    /// and tells each writer what became of its write.
    fn finish(self: &Arc<Self>, batch: Vec<Waiting>, done: Result<Done>) {
        let next = {
            let mut queue = self.queue.lock();
            queue.flying -= 1;
            queue.depart()
        };
        self.send(next);
        let verdicts = match done {
            Ok(Done { changes, verdicts }) => {
                if let (Some(changes), Some(sink)) = (changes, self.sink.upgrade()) {
                    sink.batch(&changes, Source::Reply);
                }
                verdicts
            }
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
}

/// A call under way.
struct Flight {
    batch: Vec<Waiting>,
    call: Call,
    /// Whether the script's text was sent with it.
    introduced: bool,
}

impl Queue {
    /// The next call to make: at once if none is under way; beside another only if it is worth its while, or the
    /// first writer to come back would always travel alone.
    fn depart(&mut self) -> Vec<Waiting> {
        let worthwhile = self.flying == 0 || self.waiting.len() >= self.carried;
        if self.flying == FLYING || !worthwhile {
            return Vec::new();
        }
        let batch = self.take();
        if !batch.is_empty() {
            self.flying += 1;
            self.carried = batch.len();
        }
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
