//! Writes to one map in shared calls: which script does a batch, what is sent, and what its answer means.

use std::sync::Weak;

use super::args::Args;
use super::codec::{self, Keep};
use super::commit::{Done, Freight};
use super::resp::Value;
use super::script::{DESTROY, SET, Script, WRITE};
use crate::engine::stream::Outcome;
use crate::engine::{MapId, Request, Sink, Source, Verdict};
use crate::error::{Error, Result};
use crate::model::change::{Batch, Change, Effect};
use crate::model::op::{Op, Refusal};
use crate::model::txn::Write;
use crate::model::value::{Position, Shape};

/// The status of a retried write whose fate the log cannot tell.
const UNKNOWN: i64 = -100;

/// The most bytes that the log of one map may take, as far as its mean entry tells.
const LOG_BYTES: usize = 64 << 20;

/// The names of a map at the server: all in one slot.
pub(super) struct Keys {
    /// The hash and the log.
    pub(super) names: [Vec<u8>; 2],
    pub(super) channel: Vec<u8>,
}

impl Keys {
    pub(super) fn new(prefix: &str, id: &MapId) -> Self {
        let base = format!("{prefix}{{{}}}:m:{}:", id.scope, id.name);
        let key = |suffix: &str| format!("{base}{suffix}").into_bytes();
        Self { names: [key("h"), key("log")], channel: key("c") }
    }

    pub(super) const fn hash(&self) -> &Vec<u8> {
        &self.names[0]
    }

    pub(super) const fn log(&self) -> &Vec<u8> {
        &self.names[1]
    }
}

/// Which script does a batch of writes.
#[derive(Clone, Copy)]
pub(super) enum Form {
    /// Sets without conditions, times to live or doubts: most writes.
    Sets,
    /// Any others.
    Writes,
    /// One destroy.
    Destroy,
}

/// The writes of one map.
pub(super) struct Writes {
    sink: Weak<dyn Sink>,
    pub(super) keys: Keys,
    /// The arguments that all calls begin with.
    head: Args,
}

impl Writes {
    pub(super) fn new(sink: Weak<dyn Sink>, keys: Keys, codec: &str, log_len: u64, max_value: usize) -> Self {
        let head = head(&keys, codec, log_len, max_value);
        Self { sink, keys, head }
    }
}

fn head(keys: &Keys, codec: &str, log_len: u64, max_value: usize) -> Args {
    let mut head = Args::default();
    head.push(&keys.channel);
    head.push(codec);
    head.push_number(log_len);
    head.push_number(LOG_BYTES);
    head.push_number(max_value);
    head
}

/// The arguments of a call for one write.
pub(super) fn one(keys: &Keys, codec_name: &str, log_len: u64, max_value: usize, request: &Request) -> Args {
    let mut args = head(keys, codec_name, log_len, max_value);
    args.push_number(1);
    codec::encode_request(request, &mut args);
    args
}

impl Freight for Writes {
    type Request = Request;
    type Verdict = Verdict;
    type Form = Form;
    type News = Batch;

    fn size(request: &Request) -> usize {
        size(&request.write)
    }

    fn alone(request: &Request) -> bool {
        request.write == Write::Destroy
    }

    fn keys(&self) -> &[Vec<u8>] {
        &self.keys.names
    }

    fn script(form: Form) -> &'static Script {
        match form {
            Form::Sets => &SET,
            Form::Writes => &WRITE,
            Form::Destroy => &DESTROY,
        }
    }

    fn pack(&self, requests: &[&Request]) -> (Form, Args) {
        let mut args = self.head.clone();
        if let [Request { write: Write::Destroy, id, retry_after }] = requests {
            args.push(codec::encode_id(*id));
            if let Some(after) = retry_after {
                args.push_number(after.generation);
            }
            return (Form::Destroy, args);
        }
        if requests.iter().all(|request| codec::plain_set(request).is_some()) {
            requests.iter().for_each(|request| codec::encode_set(request, &mut args));
            return (Form::Sets, args);
        }
        args.push_number(requests.len());
        requests.iter().for_each(|request| codec::encode_request(request, &mut args));
        (Form::Writes, args)
    }

    fn unpack(&self, form: Form, answer: Value, requests: &[&Request]) -> Option<Result<Done<Self>>> {
        match form {
            Form::Sets => sets_done(&answer, requests),
            Form::Writes | Form::Destroy => writes_done(answer, requests.len()),
        }
    }

    fn tell(&self, changes: Batch) {
        if let Some(sink) = self.sink.upgrade() {
            sink.batch(&changes, Source::Reply);
        }
    }
}

/// Every set has its revision, and their changes are known here.
fn sets_done(answer: &Value, requests: &[&Request]) -> Option<Result<Done<Writes>>> {
    let Value::Array(answer) = answer else { return None };
    let number = |at: usize| match answer.get(at)? {
        Value::Int(number) => u64::try_from(*number).ok(),
        _ => None,
    };
    let (generation, first, at) = (number(0)?, number(1)?, number(2)?);
    let change = |(revision, request): (u64, &&Request)| {
        let (key, value) = codec::plain_set(request)?;
        let put = Effect::Put { key: key.clone(), value: value.clone(), shape: Shape::Plain, deadline: None };
        Some(Change { revision, id: request.id, matched: true, effects: vec![put] })
    };
    let changes: Vec<Change> = (first..).zip(requests).map(change).collect::<Option<_>>()?;
    let applied = |change: &Change| {
        let position = Position { generation, revision: change.revision };
        Ok(Verdict::Applied { position, matched: true })
    };
    let verdicts = changes.iter().map(applied).collect();
    Some(Ok(Done { news: Some(Batch { generation, at, changes }), verdicts }))
}

/// The answer has the message that was published and a status for each write.
fn writes_done(answer: Value, count: usize) -> Option<Result<Done<Writes>>> {
    let Value::Array(answer) = answer else { return None };
    let mut answer = answer.into_iter();
    let (Some(Value::Text(message)), Some(Value::Int(generation))) = (answer.next(), answer.next()) else {
        return None;
    };
    let generation = u64::try_from(generation).ok()?;
    let verdicts: Vec<_> = answer.map(|status| verdict(&status, generation)).collect::<Option<_>>()?;
    if verdicts.len() != count {
        return None;
    }
    if message.is_empty() {
        return Some(Ok(Done { news: None, verdicts }));
    }
    let changes = codec::decode_message(&message, Keep::Values);
    Some(changes.map(|changes| Done { news: Some(changes), verdicts }))
}

/// The verdict on the one write of a call, from its answer.
pub(super) fn first_verdict(answer: Value) -> Option<Result<Verdict>> {
    let done = writes_done(answer, 1)?;
    Some(done.and_then(|done| {
        done.verdicts.into_iter().next().unwrap_or_else(|| Err(Error::internal("no verdict")))
    }))
}

/// What the status of a write that keeps a step from being done means.
pub(super) fn refusal(status: &Value) -> Option<Result<Outcome>> {
    Some(verdict(status, 0)?.map(|verdict| match verdict {
        Verdict::Refused(refusal) => Outcome::MapRefuses(refusal),
        Verdict::Unknown => Outcome::Unknown,
        Verdict::Applied { .. } | Verdict::Unchanged { .. } => Outcome::Unmatched,
    }))
}

fn verdict(status: &Value, generation: u64) -> Option<Result<Verdict>> {
    let (number, matched) = match status {
        Value::Int(number) => (*number, true),
        Value::Text(text) => (std::str::from_utf8(text).ok()?.parse().ok()?, false),
        _ => return None,
    };
    Some(match number {
        UNKNOWN => Ok(Verdict::Unknown),
        0 => Ok(Verdict::Unchanged { matched }),
        1.. => {
            let revision = u64::try_from(number).ok()?;
            Ok(Verdict::Applied { position: Position { generation, revision }, matched })
        }
        _ => Ok(Verdict::Refused(Refusal::from_u8(u8::try_from(-number).ok()?)?)),
    })
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
