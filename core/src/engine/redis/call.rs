//! One call of a script: which one serves a batch of writes, what is sent, and what its answer means.

use super::args::Args;
use super::codec::{self, Keep};
use super::resp::Value;
use super::script::{DESTROY, SET, Script, WRITE};
use crate::engine::{Request, Verdict};
use crate::error::{Error, Result};
use crate::model::change::{Batch, Change, Effect};
use crate::model::op::Refusal;
use crate::model::txn::Write;
use crate::model::value::{Position, Shape};

/// The status of a retried write whose fate the log cannot tell.
const UNKNOWN: i64 = -100;

/// A batch of writes as the server gets it.
pub(super) struct Call {
    form: Form,
    args: Args,
}

/// Which script does it.
#[derive(Clone, Copy)]
enum Form {
    /// Sets without conditions, times to live or doubts: most writes.
    Sets,
    /// Any others.
    Writes,
    /// One destroy.
    Destroy,
}

/// What a call has done.
pub(super) struct Done {
    /// For the replica, if anything changed.
    pub(super) changes: Option<Batch>,
    /// One for each write.
    pub(super) verdicts: Vec<Result<Verdict>>,
}

impl Call {
    /// The call for these writes; `head` are the arguments that all calls for the map begin with.
    pub(super) fn new<'a>(requests: impl Iterator<Item = &'a Request> + Clone, head: &Args) -> Self {
        let first = requests.clone().next();
        if let Some(Request { write: Write::Destroy, id, retry_after }) = first {
            let mut args = head.clone();
            args.push(codec::encode_id(*id));
            if let Some(after) = retry_after {
                args.push_number(after.generation);
            }
            return Self { form: Form::Destroy, args };
        }
        let mut args = head.clone();
        if requests.clone().all(|request| codec::plain_set(request).is_some()) {
            requests.for_each(|request| codec::encode_set(request, &mut args));
            return Self { form: Form::Sets, args };
        }
        args.push_number(requests.clone().count());
        requests.for_each(|request| codec::encode_request(request, &mut args));
        Self { form: Form::Writes, args }
    }

    /// The command, for a server that knows the script.
    pub(super) fn command(&self, keys: [&[u8]; 2]) -> Vec<u8> {
        self.script().call(keys).command(&self.args)
    }

    /// The command that brings the script's text, for a server that does not know it.
    pub(super) fn introduction(&self, keys: [&[u8]; 2]) -> Vec<u8> {
        self.script().introduce(keys).command(&self.args)
    }

    fn script(&self) -> &'static Script {
        match self.form {
            Form::Sets => &SET,
            Form::Writes => &WRITE,
            Form::Destroy => &DESTROY,
        }
    }

    /// What the answer says of the writes that the call was made for.
    pub(super) fn read<'a>(
        &self,
        answer: Value,
        requests: impl Iterator<Item = &'a Request>,
    ) -> Result<Done> {
        match self.form {
            Form::Sets => sets_done(&answer, requests),
            Form::Writes | Form::Destroy => writes_done(answer, requests.count()),
        }
        .ok_or_else(|| Error::internal("the script gave a strange answer").with_maybe_applied(true))?
    }
}

/// Every set has its revision, and their changes are known here.
fn sets_done<'a>(answer: &Value, requests: impl Iterator<Item = &'a Request>) -> Option<Result<Done>> {
    let Value::Array(answer) = answer else { return None };
    let number = |at: usize| match answer.get(at)? {
        Value::Int(number) => u64::try_from(*number).ok(),
        _ => None,
    };
    let (generation, first, at) = (number(0)?, number(1)?, number(2)?);
    let change = |(revision, request): (u64, &Request)| {
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
    Some(Ok(Done { changes: Some(Batch { generation, at, changes }), verdicts }))
}

/// The answer has the message that was published and a status for each write.
fn writes_done(answer: Value, count: usize) -> Option<Result<Done>> {
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
        return Some(Ok(Done { changes: None, verdicts }));
    }
    let changes = codec::decode_message(&message, Keep::Values);
    Some(changes.map(|changes| Done { changes: Some(changes), verdicts }))
}

fn verdict(status: &Value, generation: u64) -> Option<Result<Verdict>> {
    let (number, matched) = match status {
        Value::Int(number) => (*number, true),
        Value::Text(text) => (std::str::from_utf8(text).ok()?.parse().ok()?, false),
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
