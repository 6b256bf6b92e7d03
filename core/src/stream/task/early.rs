//! Handing events out while the group is still being asked for them: whoever has no rival knows the answer.
//!
//! It halves the way of an event to a lone consumer. What it rests on: the request leaves before the program has the
//! event; the membership is sure at that moment; and nobody else was a member when it looked last. Should another have
//! joined since and been faster, both have the event, as may happen with any event that is delivered at least once; the
//! group has it with one of them, so only that one's acknowledgement counts in a step.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use super::take::Haul;
use super::{Task, Turn};
use crate::error::Result;
use crate::model::cursor::Cursor;
use crate::model::group::{Answer, Request, Taking};
use crate::model::record::EventId;
use crate::time;

impl Task {
    /// Whether all of a haul was pushed to this client, and nothing of it is special.
    pub(super) fn is_at_hand(&self, haul: &Haul) -> bool {
        let Some((first, _)) = haul.unread else { return false };
        let before = EventId { generation: self.membership.generation(), seq: first - 1 };
        haul.events.is_empty() && self.shared.follower.recent(&Cursor::behind(before)).is_some()
    }

    /// Whether nobody else can have taken what this consumer is about to take, as far as it has heard.
    pub(super) fn has_no_rival(&mut self) -> bool {
        let mut regrouped = pin!(self.regrouped.notified());
        let heard = regrouped.as_mut().enable();
        self.look |= heard;
        self.alone && !self.look && self.membership.is_sure()
    }

    /// Takes a haul, and hands it out as soon as the request has left.
    pub(super) async fn take_at_once(&mut self, lanes: Vec<Taking>, mut haul: Haul) -> Result<Turn> {
        let membership = self.membership.clone();
        let taking = membership.apply(Request::Take(lanes));
        let mut asking = pin!(time::within(self.shared.deadline(), "the group", taking));
        // An engine in the same process answers at once.
        if let Poll::Ready(answer) = poll_fn(|context| Poll::Ready(asking.as_mut().poll(context))).await {
            return self.taken(answer?, haul).await;
        }
        self.read_taken(&mut haul).await?;
        let gone = self.land(haul);
        match asking.await? {
            Answer::Done => self.pass_over(gone).await,
            Answer::Moved(_) => {
                // It had a rival: what that one holds is taken back as far as it was not handed out.
                (self.look, self.doubt) = (true, true);
                Ok(Turn::Worked)
            }
            Answer::Fenced | Answer::Lost(_) => Ok(Turn::Fenced),
        }
    }
}
