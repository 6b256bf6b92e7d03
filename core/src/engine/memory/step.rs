//! Steps over several objects of a scope: all their locks are held, so nobody sees the middle of one.

use std::collections::BTreeMap;

use parking_lot::MutexGuard;

use super::map::{MapState, Prepared};
use super::stream::StreamState;
use super::{Memory, Objects};
use crate::engine::Verdict;
use crate::engine::stream::{Outcome, Step};
use crate::error::Result;
use crate::model::group::Answer;
use crate::model::log;
use crate::model::op::Context;
use crate::time;

/// The objects of a step by their names, locked.
struct Locked<'a> {
    maps: BTreeMap<&'a str, MutexGuard<'a, MapState>>,
    streams: BTreeMap<&'a str, MutexGuard<'a, StreamState>>,
}

/// What will be done, once nothing speaks against it.
type Plan = Vec<Prepared>;

impl Memory {
    /// Does a step, or nothing of it.
    pub(super) fn do_step(&self, step: &Step) -> Result<Outcome> {
        let maps = step.maps.iter().map(|(id, _)| id.name.as_str());
        let maps: BTreeMap<_, _> =
            maps.map(|name| (name, find(&self.store.maps, &step.scope, name))).collect();
        let streams = step.publishes.iter().map(|(id, ..)| id.name.as_str());
        let streams = streams.chain(step.settle.iter().map(|settle| settle.stream.as_str()));
        let streams: BTreeMap<_, _> =
            streams.map(|name| (name, find(&self.store.streams, &step.scope, name))).collect();
        // Everybody takes locks in the order of their names, maps first: nobody waits in a circle.
        let mut locked = Locked {
            maps: maps.iter().map(|(name, state)| (*name, state.lock())).collect(),
            streams: streams.iter().map(|(name, state)| (*name, state.lock())).collect(),
        };
        let now = time::wall_ms();
        let context = Context { now, max_value: self.max_value };
        Ok(match locked.plan(step, context)? {
            Ok(plan) => locked.carry_out(step, plan, now, self.log_len),
            Err(refusal) => refusal,
        })
    }
}

fn find<T: Default>(objects: &Objects<T>, scope: &str, name: &str) -> super::Shared<T> {
    objects.lock().entry((scope.to_owned(), name.to_owned())).or_default().clone()
}

impl Locked<'_> {
    /// What is to be done, or why nothing is.
    fn plan(&mut self, step: &Step, context: Context) -> Result<Result<Plan, Outcome>> {
        if let Some(settle) = &step.settle
            && let Some(state) = self.streams.get(settle.stream.as_str())
        {
            match state.would(&settle.group, settle.consumer, &settle.request) {
                Answer::Done => {}
                refusal => return Ok(Err(Outcome::GroupRefuses(refusal))),
            }
        }
        for (id, request, keep) in &step.publishes {
            let Some(state) = self.streams.get(id.name.as_str()) else { continue };
            state.check_codec(id)?;
            if let Some(log::Verdict::Refused(refusal)) = state.decided(request, keep) {
                return Ok(Err(Outcome::StreamRefuses(refusal)));
            }
        }
        let mut plan = Vec::with_capacity(step.maps.len());
        for (id, request) in &step.maps {
            let Some(state) = self.maps.get_mut(id.name.as_str()) else { continue };
            let prepared = state.prepare(id, request, context)?;
            match &prepared {
                Prepared::Known(Verdict::Refused(refusal)) => return Ok(Err(Outcome::MapRefuses(*refusal))),
                Prepared::Known(Verdict::Unknown) => return Ok(Err(Outcome::Unknown)),
                Prepared::Known(Verdict::Unchanged { matched: false }) => return Ok(Err(Outcome::Unmatched)),
                Prepared::Change(decision) if !decision.matched => return Ok(Err(Outcome::Unmatched)),
                _ => plan.push(prepared),
            }
        }
        Ok(Ok(plan))
    }

    fn carry_out(&mut self, step: &Step, plan: Plan, now: u64, log_len: usize) -> Outcome {
        if let Some(settle) = &step.settle
            && let Some(state) = self.streams.get_mut(settle.stream.as_str())
        {
            state.apply(&settle.group, settle.consumer, &settle.request);
        }
        let (mut maps, mut publishes) = (Vec::new(), Vec::new());
        for ((id, request), prepared) in step.maps.iter().zip(plan) {
            let state = self.maps.get_mut(id.name.as_str());
            maps.extend(state.map(|state| match prepared {
                Prepared::Known(verdict) => verdict,
                Prepared::Change(decision) => state.commit(id, request, decision, now, log_len),
            }));
        }
        for (id, request, keep) in &step.publishes {
            let state = self.streams.get_mut(id.name.as_str());
            publishes.extend(state.map(|state| state.publish(id, request, keep, now)));
        }
        Outcome::Done { maps, publishes }
    }
}
