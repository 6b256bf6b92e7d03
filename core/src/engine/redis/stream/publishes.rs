//! Publishing in shared calls: which script does a batch of requests, what is sent, and what its answer means.

use super::StreamKeys;
use crate::engine::redis::args::Args;
use crate::engine::redis::commit::{Done, Freight};
use crate::engine::redis::resp::Value;
use crate::engine::redis::script::{APPEND, PUBLISH, Script};
use crate::error::Result;
use crate::model::log::{Fate, Item, Publish, Refusal, Retention, Verdict, WhenBehind};

/// What is published to one stream.
pub(in crate::engine::redis) struct Publishes {
    keys: [Vec<u8>; 6],
    /// The channel and the codec.
    head: Args,
}

/// Which script does a batch.
#[derive(Clone, Copy)]
pub(in crate::engine::redis) enum Form {
    /// Events without conditions, ids or delays: most publishes. They are one request to the script.
    Plain,
    /// Any others.
    Any,
}

impl Publishes {
    pub(super) fn new(keys: &StreamKeys, codec: &str) -> Self {
        let mut head = Args::default();
        head.push(&keys.channel);
        head.push(codec);
        Self { keys: keys.publish.clone(), head }
    }

    /// The arguments that all calls begin with.
    pub(super) fn head(&self, keep: &Retention) -> Args {
        let mut args = self.head.clone();
        for number in [keep.max_len, keep.max_bytes, keep.max_age] {
            args.push_number(number);
        }
        args.push(match keep.when_behind {
            WhenBehind::Keep => "keep",
            WhenBehind::Reject => "reject",
            WhenBehind::Skip => "skip",
        });
        args
    }
}

impl Freight for Publishes {
    type Request = (Publish, Retention);
    type Verdict = Verdict;
    type Form = Form;
    type News = ();

    fn size((request, _): &Self::Request) -> usize {
        request.items.iter().map(|item| item.record.packed().len() + item.dedup.len()).sum()
    }

    fn keys(&self) -> &[Vec<u8>] {
        &self.keys
    }

    fn script(form: Form) -> &'static Script {
        match form {
            Form::Plain => &APPEND,
            Form::Any => &PUBLISH,
        }
    }

    fn pack(&self, requests: &[&Self::Request]) -> (Form, Args) {
        // All of them are of one client, which has one retention for a stream.
        let keep = requests.first().map(|(_, keep)| *keep).unwrap_or_default();
        let mut args = self.head(&keep);
        if requests.iter().all(|(request, _)| is_plain(request)) {
            pack_plain(requests, &mut args);
            return (Form::Plain, args);
        }
        args.push_number(requests.len());
        requests.iter().for_each(|(request, _)| pack_request(request, &mut args));
        (Form::Any, args)
    }

    fn unpack(&self, form: Form, answer: Value, requests: &[&Self::Request]) -> Option<Result<Done<Self>>> {
        let Value::Array(answer) = answer else { return None };
        let [Value::Int(generation), rest @ ..] = &answer[..] else { return None };
        let generation = u64::try_from(*generation).ok()?;
        let verdicts = match form {
            Form::Plain => plain_verdicts(generation, rest, requests)?,
            Form::Any => {
                let verdicts = rest.iter().map(|status| verdict(generation, status));
                verdicts.collect::<Option<Vec<_>>>().filter(|verdicts| verdicts.len() == requests.len())?
            }
        };
        Some(Ok(Done { news: None, verdicts: verdicts.into_iter().map(Ok).collect() }))
    }

    fn tell(&self, (): ()) {}
}

fn is_plain(request: &Publish) -> bool {
    let conditions = request.expect_last.is_some() || request.if_exists || request.retry_after.is_some();
    !conditions && request.items.iter().all(|item| item.dedup.is_empty() && item.delay == 0)
}

fn pack_plain(requests: &[&(Publish, Retention)], args: &mut Args) {
    let items = || requests.iter().flat_map(|(request, _)| &*request.items);
    let length = |item: &Item| u32::try_from(item.record.packed().len()).unwrap_or(u32::MAX).to_be_bytes();
    args.push_number(items().count());
    args.push_number(items().map(|item| item.record.packed().len()).sum::<usize>());
    let lengths: Vec<[u8; 4]> = items().map(length).collect();
    let parts = items().zip(&lengths).flat_map(|(item, length)| [&length[..], item.record.packed()]);
    args.push_parts(&parts.collect::<Vec<_>>());
}

/// Adds a request to the arguments of `publish.lua`.
pub(super) fn pack_request(request: &Publish, args: &mut Args) {
    let flag = |set: bool, flag: u8| if set { flag } else { 0 };
    let flags = flag(request.expect_last.is_some(), 1)
        | flag(request.if_exists, 2)
        | flag(request.retry_after.is_some(), 4);
    let after = request.retry_after.unwrap_or_default();
    let expected = request.expect_last.unwrap_or(0);
    let count = u32::try_from(request.items.len()).unwrap_or(u32::MAX);
    args.push_parts(&[
        &[flags],
        &expected.to_be_bytes(),
        &after.generation.to_be_bytes(),
        &after.seq.to_be_bytes(),
        &count.to_be_bytes(),
    ]);
    for Item { record, dedup, delay } in &*request.items {
        args.push(dedup.as_bytes());
        args.push_number(*delay);
        args.push(record.packed());
    }
}

/// The answer has the first number, or the refusal that meets all.
fn plain_verdicts(
    generation: u64,
    rest: &[Value],
    requests: &[&(Publish, Retention)],
) -> Option<Vec<Verdict>> {
    let [Value::Int(number)] = rest else { return None };
    if generation == 0 {
        let refusal = Refusal::from_u8(u8::try_from(*number).ok()?)?;
        return Some(vec![Verdict::Refused(refusal); requests.len()]);
    }
    let mut next = u64::try_from(*number).ok()?;
    let verdict = |(request, _): &&(Publish, Retention)| {
        let first = next;
        next += request.items.len() as u64;
        Verdict::Done { generation, fates: (first..next).map(Fate::Appended).collect() }
    };
    Some(requests.iter().map(verdict).collect())
}

/// The verdict on one request.
pub(super) fn verdict(generation: u64, status: &Value) -> Option<Verdict> {
    let fate = |fate: &Value| match fate {
        Value::Int(0) => Some(Fate::Delayed),
        Value::Int(seq @ 1..) => Some(Fate::Appended(u64::try_from(*seq).ok()?)),
        Value::Int(known) => Some(Fate::Duplicate(u64::try_from(-1 - known).ok()?)),
        _ => None,
    };
    match status {
        Value::Int(refusal) => Some(Verdict::Refused(Refusal::from_u8(u8::try_from(*refusal).ok()?)?)),
        Value::Array(fates) => {
            Some(Verdict::Done { generation, fates: fates.iter().map(fate).collect::<Option<_>>()? })
        }
        _ => None,
    }
}
