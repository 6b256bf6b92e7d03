//! A consumer's membership of a group at a Redis server.
//!
//! The model decides here, on what is known of the group, and the server changes the parts that the decision is about
//! if they are still as they were: consumers that do not touch the same parts never wait for each other. If a part is
//! another by now, the server says how the whole group is, and the model decides again.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::Mutex;

use super::cells::{self, Cells};
use super::look::{Lease, Look};
use crate::engine::Reply;
use crate::engine::redis::args::Args;
use crate::engine::redis::link::Link;
use crate::engine::redis::resp::Value;
use crate::engine::redis::script::CELLS;
use crate::engine::stream::GroupEngine;
use crate::error::{Error, Result};
use crate::model::group::{Answer, ConsumerId, Group, Part, Request};
use crate::time;

/// A consumer of a group.
pub(in crate::engine::redis) struct RedisGroup {
    link: Arc<Link>,
    look: Arc<Look>,
    pub(super) keys: GroupKeys,
    name: String,
    consumer: ConsumerId,
    generation: u64,
    owned: bool,
    /// What is known of the group; one change at a time.
    pub(super) cells: Mutex<Option<Cells>>,
    /// What its membership is renewed under.
    number: u64,
    lease: Arc<Lease>,
}

/// The names of a group at the server.
#[derive(Clone)]
pub(super) struct GroupKeys {
    /// The stream's info, the group's parts, its consumers.
    pub(super) names: [Vec<u8>; 3],
    pub(super) channel: Vec<u8>,
}

/// A change of a group that the model has decided and the server has not made yet.
pub(super) struct Change {
    pub(super) answer: Answer,
    group: Group,
    parts: Vec<Part>,
    version: [u8; 8],
    pub(super) args: Args,
}

/// What the server says to a change.
pub(super) enum Said {
    Done,
    /// The group is gone.
    Gone,
    /// Who should be dead lives.
    Alive,
    /// A part is another; this is how the group is.
    Other(Cells),
}

impl RedisGroup {
    #[expect(clippy::too_many_arguments, reason = "the fields, once")]
    pub(super) fn new(
        link: Arc<Link>,
        look: Arc<Look>,
        keys: GroupKeys,
        name: String,
        consumer: ConsumerId,
        generation: u64,
        owned: bool,
        cells: Cells,
        number: u64,
        lease: Arc<Lease>,
    ) -> Self {
        let cells = Mutex::new(Some(cells));
        Self { link, look, keys, name, consumer, generation, owned, cells, number, lease }
    }

    /// Reads the group anew; `None` if it is gone.
    pub(super) async fn read(&self) -> Result<Option<Cells>> {
        let cells = read_group(&self.link, &self.keys, self.owned, Some(self.generation)).await?;
        Ok(cells.map(|(cells, _)| cells))
    }

    /// What the model decides on `known`.
    pub(super) fn decide(&self, known: &Cells, request: &Request) -> Change {
        let parts = known.group.touches(self.consumer, request);
        let mut group = known.group.clone();
        let answer = group.apply(self.consumer, request, self.link.now());
        let version = time::random_u64().to_be_bytes();
        let mut args = Args::default();
        args.push(&self.keys.channel);
        args.push(&self.name);
        args.push_number(self.generation);
        args.push_number(group.floor());
        args.push(if request.concerns_others() { "1" } else { "" });
        let (goes, dead) = match request {
            Request::Leave => (cells::name(self.consumer), ""),
            Request::Evict(other) => (cells::name(*other), "1"),
            _ => (String::new(), ""),
        };
        args.push(goes);
        args.push(dead);
        args.push_number(parts.len());
        for part in &parts {
            args.push(cells::field(*part));
            args.push(known.version(*part).as_ref().map_or(&[][..], |version| &version[..]));
        }
        for part in &parts {
            args.push(Cells::write(&group, *part, version).unwrap_or_default());
        }
        Change { answer, group, parts, version, args }
    }

    /// What the server's answer to a change means.
    pub(super) fn said(&self, answer: &Value) -> Result<Said> {
        let Value::Array(answer) = answer else { return Err(strange()) };
        Ok(match &answer[..] {
            [Value::Int(1)] => Said::Done,
            [Value::Int(2)] => Said::Alive,
            [Value::Int(-1)] => Said::Gone,
            [Value::Int(0), Value::Array(fields), Value::Array(leases)] => {
                Said::Other(Cells::read(&pairs(fields)?, &scores(leases)?, self.owned)?)
            }
            _ => return Err(strange()),
        })
    }

    /// The server has made a change.
    pub(super) fn made(&self, known: &mut Option<Cells>, change: Change) -> Answer {
        if let Some(known) = known {
            known.wrote(change.group, &change.parts, change.version);
        }
        change.answer
    }

    async fn change(&self, request: &Request) -> Result<Answer> {
        let mut known = self.cells.lock().await;
        // Whether `known` is how the group is just now.
        let mut fresh = false;
        loop {
            if known.is_none() {
                *known = self.read().await?;
                fresh = true;
            }
            let Some(cells) = &*known else { return Ok(Answer::Fenced) };
            let change = self.decide(cells, request);
            if !matches!(change.answer, Answer::Done | Answer::Lost(_)) {
                if fresh {
                    return Ok(change.answer);
                }
                *known = None;
                continue;
            }
            let before = known.take(); // unknown, should the answer be lost
            let answer = self.link.run(&CELLS, &self.keys.names, &change.args).await?;
            match self.said(&answer)? {
                Said::Done => {
                    *known = before;
                    return Ok(self.made(&mut known, change));
                }
                Said::Alive => return Ok(Answer::Done),
                Said::Gone => return Ok(Answer::Fenced),
                Said::Other(cells) => {
                    *known = Some(cells);
                    fresh = true;
                }
            }
        }
    }
}

impl GroupEngine for RedisGroup {
    fn consumer(&self) -> ConsumerId {
        self.consumer
    }

    fn generation(&self) -> u64 {
        self.generation
    }

    fn is_sure(&self) -> bool {
        self.lease.lasts()
    }

    fn state(&self) -> Reply<'_, Option<Arc<Group>>> {
        Box::pin(async {
            let mut known = self.cells.lock().await;
            *known = None;
            *known = self.read().await?;
            Ok(known.as_ref().map(|cells| Arc::new(cells.group.clone())))
        })
    }

    fn apply(&self, request: Request) -> Reply<'_, Answer> {
        Box::pin(async move { self.change(&request).await })
    }
}

impl Drop for RedisGroup {
    fn drop(&mut self) {
        self.look.forget(self.number);
    }
}

/// Reads a group and its settings; `None` if there is none, or not of this life of its stream.
pub(super) async fn read_group(
    link: &Arc<Link>,
    keys: &GroupKeys,
    owned: bool,
    generation: Option<u64>,
) -> Result<Option<(Cells, u64)>> {
    let [_, group, leases] = &keys.names;
    let (mut fields, mut consumers) = (redis::cmd("HGETALL"), redis::cmd("ZRANGE"));
    fields.arg(group);
    consumers.arg(leases).arg(0).arg(-1).arg("WITHSCORES");
    let (fields, consumers) = tokio::join!(link.call(fields), link.call(consumers));
    let (Value::Array(fields), Value::Array(consumers)) = (fields?, consumers?) else {
        return Err(strange());
    };
    let fields = pairs(&fields)?;
    let life = fields.iter().find(|(field, _)| field == "g").map(|(_, value)| value);
    let life = life.and_then(|life| std::str::from_utf8(life).ok()?.parse::<u64>().ok());
    let Some(life) = life.filter(|life| generation.is_none_or(|wanted| wanted == *life)) else {
        return Ok(None);
    };
    let owned = owned
        || fields
            .iter()
            .any(|(field, value)| field == "o" && !value.windows(11).any(|line| line == b"order none\n"));
    Ok(Some((Cells::read(&fields, &scores(&consumers)?, owned)?, life)))
}

/// Names and values in turn, or in pairs.
pub(super) fn pairs(fields: &[Value]) -> Result<Vec<(Bytes, Bytes)>> {
    let pair = |pair: &[Value]| match pair {
        [Value::Text(field), Value::Text(value)] => Ok((field.clone(), value.clone())),
        _ => Err(strange()),
    };
    fields.chunks(2).map(pair).collect()
}

/// Members of a sorted set with their scores, in turn or in pairs.
pub(super) fn scores(members: &[Value]) -> Result<Vec<(Bytes, u64)>> {
    let flat = members.iter().flat_map(|member| match member {
        Value::Array(pair) => pair.clone(),
        other => vec![other.clone()],
    });
    let flat: Vec<Value> = flat.collect();
    let pair = |pair: &[Value]| match pair {
        [Value::Text(member), score] => Some((member.clone(), number(score)?)),
        _ => None,
    };
    flat.chunks(2).map(pair).collect::<Option<_>>().ok_or_else(strange)
}

/// A score, however the server writes it.
pub(super) fn number(score: &Value) -> Option<u64> {
    match score {
        Value::Int(number) => u64::try_from(*number).ok(),
        Value::Double(number) if *number >= 0.0 => Some(*number as u64),
        Value::Text(text) => {
            let number: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
            (number >= 0.0).then_some(number as u64)
        }
        _ => None,
    }
}

pub(super) fn strange() -> Error {
    Error::internal("the server gave a strange answer")
}
