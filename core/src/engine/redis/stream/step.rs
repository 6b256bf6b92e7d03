//! Steps over several objects of a scope: one script call, all of it or nothing.

use std::sync::Arc;

use super::StreamKeys;
use super::group::{RedisGroup, Said, strange};
use super::publishes::{self, Publishes};
use crate::engine::redis::Redis;
use crate::engine::redis::args::Args;
use crate::engine::redis::call::{self, Keys};
use crate::engine::redis::resp::Value;
use crate::engine::redis::script::STEP;
use crate::engine::stream::{Outcome, Step};
use crate::error::Result;
use crate::model::group::{Answer, Request};
use crate::model::log::{Refusal, Verdict};

/// The parts of a call: their keys, and their arguments one behind the other.
#[derive(Default)]
struct Parts {
    keys: Vec<Vec<u8>>,
    args: Args,
    count: usize,
}

impl Parts {
    fn add(&mut self, kind: &str, keys: &[Vec<u8>], args: &Args) {
        self.args.push(kind);
        self.args.push_number(keys.len());
        self.args.push_number(args.len());
        self.args.append(args);
        self.keys.extend_from_slice(keys);
        self.count += 1;
    }
}

impl Redis {
    /// Does a step, or nothing of it.
    pub(in crate::engine::redis) async fn do_step(&self, step: &Step) -> Result<Outcome> {
        let Some(settle) = &step.settle else {
            let mut parts = Parts::default();
            self.add_objects(step, &mut parts);
            return self.outcome(step, self.run_step(&parts).await?, 0);
        };
        let group = self.groups.lock().get(&settle.consumer).and_then(std::sync::Weak::upgrade);
        match group {
            Some(group) => self.settle(step, &group, &settle.request).await,
            None => Ok(Outcome::GroupRefuses(Answer::Fenced)),
        }
    }

    async fn settle(&self, step: &Step, group: &Arc<RedisGroup>, request: &Request) -> Result<Outcome> {
        let mut known = group.cells.lock().await;
        let mut fresh = false;
        loop {
            if known.is_none() {
                *known = group.read().await?;
                fresh = true;
            }
            let Some(cells) = &*known else { return Ok(Outcome::GroupRefuses(Answer::Fenced)) };
            let change = group.decide(cells, request);
            if change.answer != Answer::Done {
                if fresh {
                    return Ok(Outcome::GroupRefuses(change.answer));
                }
                *known = None;
                continue;
            }
            let mut parts = Parts::default();
            parts.add("group", &group.keys.names, &change.args);
            self.add_objects(step, &mut parts);
            let before = known.take();
            let answer = self.run_step(&parts).await?;
            match &answer[..] {
                // The first part is the group's.
                [Value::Int(1), said] => match group.said(said)? {
                    Said::Other(cells) => {
                        *known = Some(cells);
                        fresh = true;
                    }
                    _ => return Ok(Outcome::GroupRefuses(Answer::Fenced)),
                },
                [Value::Int(0), ..] => {
                    *known = before;
                    group.made(&mut known, change);
                    return self.outcome(step, answer, 1);
                }
                _ => {
                    *known = before;
                    return self.outcome(step, answer, 1);
                }
            }
        }
    }

    fn add_objects(&self, step: &Step, parts: &mut Parts) {
        for (id, request, keep) in &step.publishes {
            let keys = StreamKeys::new(&self.prefix, &id.scope, &id.name);
            let mut args = Publishes::new(&keys, &id.codec).head(keep);
            args.push_number(1);
            publishes::pack_request(request, &mut args);
            parts.add("stream", &keys.publish, &args);
        }
        for (id, request) in &step.maps {
            let keys = Keys::new(&self.prefix, id);
            let args = call::one(&keys, &id.codec, self.log_len, self.max_value, request);
            parts.add("map", &keys.names, &args);
        }
    }

    async fn run_step(&self, parts: &Parts) -> Result<Vec<Value>> {
        let mut args = Args::default();
        args.push_number(parts.count);
        args.append(&parts.args);
        match self.link.run(&STEP, &parts.keys, &args).await? {
            Value::Array(answer) => Ok(answer),
            _ => Err(strange()),
        }
    }

    /// What the script's answer means; the parts of maps and streams come behind so many others.
    fn outcome(&self, step: &Step, answer: Vec<Value>, others: usize) -> Result<Outcome> {
        let mut answer = answer.into_iter();
        let first = answer.next().ok_or_else(strange)?;
        let streams = step.publishes.len();
        match first {
            Value::Int(0) => {
                let mut said = answer.skip(others);
                let publishes = said.by_ref().take(streams).map(|said| published(&said));
                let publishes = publishes.collect::<Option<Vec<Verdict>>>().ok_or_else(strange)?;
                let written = |said| call::first_verdict(said).ok_or_else(strange)?;
                let maps = said.map(written).collect::<Result<Vec<_>>>()?;
                Ok(Outcome::Done { maps, publishes })
            }
            Value::Int(part) => {
                let part = usize::try_from(part).ok().and_then(|part| part.checked_sub(others + 1));
                let (part, why) = part.zip(answer.next()).ok_or_else(strange)?;
                if part < streams {
                    let Value::Int(refusal) = why else { return Err(strange()) };
                    let refusal = u8::try_from(refusal).ok().and_then(Refusal::from_u8);
                    return Ok(Outcome::StreamRefuses(refusal.ok_or_else(strange)?));
                }
                call::refusal(&why).ok_or_else(strange)?
            }
            _ => Err(strange()),
        }
    }
}

/// What a stream's part says: the generation, and what became of the request.
fn published(said: &Value) -> Option<Verdict> {
    let Value::Array(said) = said else { return None };
    match &said[..] {
        [Value::Int(generation), status] => publishes::verdict(u64::try_from(*generation).ok()?, status),
        _ => None,
    }
}
