//! Going by who else is in the group: whose time is over, what came back, and in groups with order which lanes are
//! whose.

use std::sync::Arc;

use super::settle::{key, runs};
use super::{Lane, Task, Turn};
use crate::error::Result;
use crate::model::group::{Answer, Group, LaneId, Place, Request, Settling};
use crate::model::hash;
use crate::model::spans::Spans;
use crate::time;

impl Task {
    /// Looks at the group anew.
    pub(super) async fn regroup(&mut self) -> Result<Turn> {
        (self.look, self.handing_on) = (false, false);
        let reading = self.membership.state();
        let Some(group) = time::within(self.shared.deadline(), "looking at the group", reading).await? else {
            return Ok(Turn::Fenced);
        };
        let me = self.membership.consumer();
        if !group.members().contains_key(&me) {
            return Ok(Turn::Fenced);
        }
        for overdue in group.overdue(self.shared.engine.now()).filter(|other| *other != me) {
            tracing::info!(group = self.group, consumer = overdue, "a consumer is taken for dead");
            self.apply(Request::Evict(overdue)).await?;
            self.look = true;
        }
        self.alone = group.members().len() == 1;
        if std::mem::take(&mut self.doubt) {
            self.reconcile(&group).await?;
        }
        match self.settings.lanes() {
            None => {
                let lane = self.lanes.entry(0).or_default();
                let state = &group.lanes()[0];
                lane.cursor = state.cursor;
                lane.waiting.clone_from(&state.waiting);
            }
            Some(_) => self.share_out(&group).await?,
        }
        self.desk.resume();
        Ok(if self.look { Turn::Worked } else { Turn::Idle })
    }

    /// Makes up for requests whose answers were lost: gives back what the group has it hold and it does not know of, and
    /// forgets what it knows of and does not hold.
    async fn reconcile(&mut self, group: &Group) -> Result<()> {
        let Some(member) = group.members().get(&self.membership.consumer()) else { return Ok(()) };
        let holds =
            |lane: &LaneId, seq: u64| member.held.get(lane).is_some_and(|spans| spans.get(seq).is_some());
        let parts = self.desk.with(|held| {
            let stale: Vec<Place> =
                held.events.keys().copied().filter(|(lane, seq)| !holds(lane, *seq)).collect();
            for place in stale {
                held.events.remove(&place);
                held.consumer.settled(place);
            }
            let part = |(lane, spans): (&LaneId, &Spans)| {
                let seqs = spans.iter().map(|(seq, _)| seq);
                let unknown = seqs.filter(|seq| !held.events.contains_key(&(*lane, *seq))).collect();
                Settling { lane: *lane, unread: runs(unknown), ..Settling::default() }
            };
            member.held.iter().map(part).filter(Settling::returns).collect::<Vec<_>>()
        });
        if !parts.is_empty() {
            self.apply(Request::Settle { parts, whole: false }).await?;
            self.look = true;
        }
        Ok(())
    }

    /// Takes over the lanes that are to be this consumer's, and gives up those that are not.
    async fn share_out(&mut self, group: &Arc<Group>) -> Result<()> {
        let me = self.membership.consumer();
        for (id, lane) in (0..).zip(group.lanes()) {
            let mine = hash::rendezvous(u64::from(id), group.members().keys().copied()) == Some(me);
            match (lane.owner, mine) {
                (Some(owner), _) if owner == me => {
                    if !self.lanes.contains_key(&id) {
                        self.own(id, group).await?;
                    } else if let Some(held) = self.lanes.get_mut(&id) {
                        held.waiting.clone_from(&lane.waiting);
                    }
                    if mine {
                        self.desk.with(|held| held.consumer.keep(id));
                    } else {
                        self.give_up(id).await?;
                    }
                }
                (None, true) => {
                    // To be owned with what it holds by then.
                    self.look |= self.apply(Request::Claim(id)).await? == Answer::Done;
                }
                _ => self.forget_lane(id),
            }
        }
        Ok(())
    }

    /// Begins to work on a lane: what waits in it is made known first, so that nothing overtakes it.
    async fn own(&mut self, id: LaneId, group: &Arc<Group>) -> Result<()> {
        let Some(state) = group.lanes().get(usize::from(id)) else { return Ok(()) };
        let found = self.look_up(state.waiting.keys().copied().collect()).await?;
        let order = self.settings.order;
        self.desk.with(|held| {
            for (seq, event) in &found {
                held.consumer.returned((id, *seq), Some(key(event, order)));
            }
        });
        let lane = Lane { cursor: state.cursor, waiting: state.waiting.clone() };
        self.lanes.insert(id, lane);
        Ok(())
    }

    /// Hands a lane on, as soon as none of its events is being worked on.
    async fn give_up(&mut self, id: LaneId) -> Result<()> {
        let (busy, unread) = self.desk.with(|held| {
            held.consumer.drain(id);
            (held.consumer.is_busy(id), held.consumer.unread(id).collect())
        });
        if busy {
            self.handing_on = true;
            return Ok(());
        }
        let part = Settling { lane: id, unread: runs(unread), ..Settling::default() };
        if part.returns() {
            self.apply(Request::Settle { parts: vec![part], whole: false }).await?;
        }
        self.apply(Request::Release(id)).await?;
        self.forget_lane(id);
        Ok(())
    }

    /// A lane is not this consumer's (any more).
    fn forget_lane(&mut self, id: LaneId) {
        if self.lanes.remove(&id).is_some() {
            self.desk.with(|held| {
                held.consumer.drop_lane(id);
                held.events.retain(|place, _| place.0 != id);
            });
        }
    }
}
