//! The task of a sink: keeps it a member of its group, takes events for it, and sends its answers.
//!
//! `settle` sends what the program answered, `take` gets events (`early` when nobody else can), `lanes` goes by who
//! else is there. Each asks the engine for one thing at a time, so what the task believes of the group is never older
//! than its last request; where others were faster the engine says so and the task looks again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};

use super::desk::Desk;
use super::event::Item;
use super::follow::Known;
use super::shared::Shared;
use crate::engine::stream::GroupEngine;
use crate::error::{Error, ErrorKind, Result};
use crate::model::group::{Answer, LaneId, Request, Waiting};
use crate::model::settings::{Settings, Start};
use crate::time;

mod early;
mod lanes;
mod settle;
mod take;

use take::Scan;

/// How long to wait before an engine that is out of reach is asked again.
const AGAIN: Duration = Duration::from_millis(100);

/// A sink's task.
pub(super) struct Task {
    shared: Arc<Shared>,
    desk: Arc<Desk>,
    group: String,
    settings: Settings,
    membership: Arc<dyn GroupEngine>,
    /// Told of changes of the group.
    regrouped: Arc<Notify>,
    known: watch::Receiver<Known>,
    /// The lanes it takes from, each with its cursor and what waits in it.
    lanes: BTreeMap<LaneId, Lane>,
    scan: Scan,
    /// Whether the group is to be looked at anew.
    look: bool,
    /// Whether something was asked for whose answer was lost: the group may give it more than it knows.
    doubt: bool,
    /// Whether it was the only member when it looked last.
    alone: bool,
    /// Whether a lane is given up once its events are answered.
    handing_on: bool,
}

/// What the task believes of a lane.
#[derive(Debug, Default)]
struct Lane {
    cursor: u64,
    waiting: BTreeMap<u64, Waiting>,
}

/// What a part of a turn came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// There may be more to do.
    Worked,
    /// There is nothing to do now.
    Idle,
    /// The task is no member any more.
    Fenced,
}

impl Task {
    pub(super) fn new(
        shared: Arc<Shared>,
        desk: Arc<Desk>,
        group: String,
        settings: Settings,
        membership: Arc<dyn GroupEngine>,
        regrouped: Arc<Notify>,
    ) -> Self {
        let known = shared.follower.watch();
        let (lanes, scan) = (BTreeMap::new(), Scan::default());
        Self {
            shared,
            desk,
            group,
            settings,
            membership,
            regrouped,
            known,
            lanes,
            scan,
            look: true,
            doubt: false,
            alone: false,
            handing_on: false,
        }
    }

    /// Works until the sink is closed, or until something is wrong for good.
    pub(super) async fn run(mut self) {
        let ended = self.work().await;
        if let Err(error) = &ended {
            tracing::warn!(stream = self.shared.id.name, group = self.group, %error, "a sink has ended");
        }
        self.shared.follower.unwatch_group(&self.group, &self.regrouped);
        self.desk.end(ended.err());
    }

    async fn work(&mut self) -> Result<()> {
        self.desk.begin(self.membership.clone());
        loop {
            if self.desk.is_closing() {
                return self.leave().await;
            }
            match self.turn().await {
                Ok(Turn::Worked) => tokio::task::yield_now().await,
                Ok(Turn::Idle) => self.wait().await,
                Ok(Turn::Fenced) => self.rejoin().await?,
                Err(error) if passes(&error) => {
                    tracing::debug!(group = self.group, %error, "a sink waits for the engine");
                    (self.look, self.doubt) = (true, true);
                    time::sleep(time::jitter(AGAIN)).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Does what there is to do, once.
    async fn turn(&mut self) -> Result<Turn> {
        let mut turn = self.settle().await?;
        if turn != Turn::Fenced && self.look {
            turn = turn.and(self.regroup().await?);
        }
        if turn != Turn::Fenced {
            turn = turn.and(self.take().await?);
        }
        Ok(turn)
    }

    async fn wait(&mut self) {
        let expiry = self.desk.until_expiry();
        let now = self.shared.engine.now();
        let waiting = self.lanes.values().flat_map(|lane| lane.waiting.values()).map(|waiting| waiting.due);
        // What is due and was not taken waits for room.
        let due = waiting.filter(|due| *due > now).min().map(|due| due - now);
        let soonest = expiry.into_iter().chain(due).min().map(Duration::from_millis);
        tokio::select! {
            () = self.desk.kick.notified() => self.look |= self.handing_on,
            () = self.regrouped.notified() => self.look = true,
            _ = self.known.changed() => {}
            () = sleep(soonest) => {}
        }
    }

    /// Becomes a member anew: it was thought dead, or the stream has begun another life.
    async fn rejoin(&mut self) -> Result<()> {
        let before = self.membership.generation();
        self.lanes.clear();
        self.scan = Scan::default();
        loop {
            if self.desk.is_closing() {
                return Ok(());
            }
            let joining = self.shared.link.join(self.group.clone(), self.settings.clone(), Start::First);
            match time::within(self.shared.deadline(), "joining the group", joining).await {
                Ok(membership) => self.membership = membership,
                Err(error) if passes(&error) => {
                    time::sleep(time::jitter(AGAIN)).await;
                    continue;
                }
                Err(error) => return Err(error),
            }
            break;
        }
        self.desk.begin(self.membership.clone());
        if self.membership.generation() != before {
            self.desk.with(|held| held.news.push_back(Item::Deleted));
        }
        tracing::debug!(
            stream = self.shared.id.name,
            group = self.group,
            "a sink has joined its group again"
        );
        self.look = true;
        Ok(())
    }

    /// Gives everything back and leaves the group.
    async fn leave(&mut self) -> Result<()> {
        if self.settle().await? != Turn::Fenced {
            self.give_back_unread().await?;
            let leaving = self.membership.apply(Request::Leave);
            time::within(self.shared.deadline(), "leaving the group", leaving).await?;
        }
        Ok(())
    }

    async fn apply(&self, request: Request) -> Result<Answer> {
        time::within(self.shared.deadline(), "the group", self.membership.apply(request)).await
    }
}

impl Turn {
    const fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Fenced, _) | (_, Self::Fenced) => Self::Fenced,
            (Self::Idle, Self::Idle) => Self::Idle,
            _ => Self::Worked,
        }
    }
}

/// Whether an error is one that waiting mends.
fn passes(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout | ErrorKind::Limited)
}

async fn sleep(pause: Option<Duration>) {
    match pause {
        Some(pause) => time::sleep(pause).await,
        None => std::future::pending().await,
    }
}
