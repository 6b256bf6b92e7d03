//! The task behind each open map: loads it, repairs holes, checks the silence, lets keys expire.

use std::sync::Arc;
use std::time::Duration;

use super::follow::{Cause, Follower, Need, Status};
use crate::engine::{Engine, MapEngine, MapId, Request, Sink, Source, Tip};
use crate::error::{Error, Result};
use crate::model::entries::Entries;
use crate::model::join::Join;
use crate::model::op::Op;
use crate::model::replica::{Snapshot, Standing};
use crate::model::txn::{Txn, Write};
use crate::model::value::{OpId, Position};
use crate::time::{self, Instant};

/// How often the newest position is compared, so that a lost last message is noticed.
const SILENCE: Duration = Duration::from_secs(1);
/// How long a change may wait for those before it until the log is read.
const EARLY: Duration = Duration::from_millis(20);
/// How long to wait after a failed repair.
const PAUSE: Duration = Duration::from_millis(100);
/// How many keys one janitor's write lets expire.
const EXPIRE: usize = 1_000;
/// How often a load is begun again when the log is trimmed faster than it is read.
const LOADS: usize = 5;

/// What the task works with.
pub(super) struct Task {
    pub(super) id: MapId,
    pub(super) engine: Arc<dyn Engine>,
    pub(super) link: Arc<dyn MapEngine>,
    pub(super) follower: Arc<Follower>,
    /// Counts the janitor's own writes, in a space of their own.
    pub(super) janitor: u64,
}

impl Task {
    /// Follows the map until the task is stopped.
    pub(super) async fn run(mut self) {
        let mut check = time::now() + time::jitter(SILENCE);
        loop {
            let (need, early) = self.follower.need();
            let work = match need {
                Need::Repair => self.repair().await,
                Need::Rejoin(cause) => self.rejoin(cause).await,
                Need::Nothing if early.is_some_and(|since| since + EARLY <= time::now()) => {
                    self.repair().await
                }
                Need::Nothing if check <= time::now() => {
                    check = time::now() + time::jitter(SILENCE);
                    self.check().await
                }
                Need::Nothing => {
                    let expiry = self.expire().await;
                    let wake = [Some(check), early.map(|since| since + EARLY), expiry];
                    self.idle(wake.into_iter().flatten().min().unwrap_or(check)).await;
                    Ok(())
                }
            };
            if let Err(error) = work {
                tracing::debug!(map = self.id.name, %error, "map repair failed, will try again");
                self.follower.ask(need.max(Need::Repair));
                time::sleep(time::jitter(PAUSE)).await;
            }
        }
    }

    async fn idle(&self, until: Instant) {
        tokio::select! {
            () = self.follower.kick.notified() => {}
            () = time::sleep_until(until) => {}
        }
    }

    /// Reads what is missing from the log; loads the map if the log cannot help.
    async fn repair(&self) -> Result<()> {
        self.follower.begin();
        loop {
            let from = self.follower.position();
            let Some(start) = self.start(from).await? else { return Ok(()) };
            let batches = self.link.log(start).await?;
            let first = batches.first().and_then(|batch| batch.changes.first());
            let Some(first) = first else { return self.settle(from).await };
            if first.revision > from.revision.max(1) {
                return self.rejoin(Cause::Trimmed).await;
            }
            for batch in &batches {
                self.follower.batch(batch, Source::Push);
            }
            if let (Need::Rejoin(cause), _) = self.follower.need() {
                return self.rejoin(cause).await;
            }
            if self.follower.position() == from {
                self.follower.set_status(Status::Live);
                return Ok(());
            }
        }
    }

    /// Where to read the log from: for a map that did not exist so far, from the first change of its life.
    async fn start(&self, from: Position) -> Result<Option<Position>> {
        if from.generation > 0 {
            return Ok(Some(from));
        }
        let tip = self.link.tip().await?;
        if tip.is_none() {
            self.follower.set_status(Status::Live);
        }
        Ok(tip.map(|tip| Position { generation: tip.position.generation, revision: 1 }))
    }

    /// The log has nothing at `from`: finds out whether anything is missing.
    async fn settle(&self, from: Position) -> Result<()> {
        let cause = match self.stand(from).await? {
            Standing::Current => {
                self.follower.set_status(Status::Live);
                return Ok(());
            }
            Standing::Behind => Cause::Trimmed,
            Standing::Forked => Cause::Forked,
            Standing::NewGeneration => Cause::NewGeneration,
        };
        self.rejoin(cause).await
    }

    /// The regular comparison: a lost last message, a silent subscription or a fork shows here.
    async fn check(&self) -> Result<()> {
        if matches!(self.follower.status(), Status::Stale { .. }) {
            return Ok(()); // the engine will say when it is back
        }
        match self.stand(self.follower.position()).await? {
            Standing::Current => Ok(()),
            Standing::Behind => self.repair().await,
            Standing::Forked => self.rejoin(Cause::Forked).await,
            Standing::NewGeneration if self.follower.position().generation == 0 => self.repair().await,
            Standing::NewGeneration => self.rejoin(Cause::NewGeneration).await,
        }
    }

    async fn stand(&self, before: Position) -> Result<Standing> {
        let tip = self.link.tip().await?;
        Ok(self.follower.standing(before, tip.map(|tip| (tip.position, tip.id))))
    }

    async fn rejoin(&self, cause: Cause) -> Result<()> {
        tracing::info!(map = self.id.name, reason = cause.reason().as_str(), "map is loaded anew");
        self.follower.set_status(Status::Resyncing);
        self.follower.pause();
        let loaded = load(&*self.link, &self.id).await;
        if loaded.is_err() {
            self.follower.ask(Need::Rejoin(cause));
        }
        let snapshot = loaded?;
        self.follower.install(snapshot, Some(cause.reason()));
        // What was said while the map was loaded went unheard: read it from the log.
        self.follower.ask(Need::Repair);
        Ok(())
    }

    /// Lets keys expire whose deadline is past; says when the next one may be.
    async fn expire(&mut self) -> Option<Instant> {
        if self.follower.status() != Status::Live {
            return None;
        }
        let now = self.engine.now();
        let (keys, next) = self.follower.expired(now, EXPIRE);
        if !keys.is_empty() {
            // Every replica sees the deadline pass: a random pause lets one of them do it for all.
            time::sleep(time::jitter(Duration::from_millis(time::random_u64() % 40 + 1))).await;
            let (keys, _) = self.follower.expired(now, EXPIRE);
            let then = keys.into_iter().map(|key| (key, Op::Expire)).collect();
            let write = Write::Txn(Txn { then, ..Txn::default() });
            self.janitor += 1;
            let id = OpId { writer: !self.follower.writer, seq: self.janitor };
            let sent = self.link.write(Request { id, write, retry_after: None }).await;
            // Left as it is, a key whose write failed is tried again at the next turn.
            return sent.is_err().then(|| time::now() + PAUSE).or_else(|| Some(time::now() + EARLY));
        }
        next.map(|next| time::now() + Duration::from_millis(next.saturating_sub(now).clamp(1, 3_600_000)))
    }
}

/// Reads the whole map: a scan that writes may overlap, then the changes since its start.
pub(super) async fn load(link: &dyn MapEngine, id: &MapId) -> Result<Snapshot> {
    for _ in 0..LOADS {
        let Some(tip) = link.tip().await? else {
            return Ok(Snapshot {
                position: Position::default(),
                id: OpId::default(),
                entries: Entries::default(),
            });
        };
        if let Some(snapshot) = load_from(link, id, tip).await? {
            return Ok(snapshot);
        }
    }
    Err(Error::unavailable(format!(
        "the map changes faster than it can be loaded: its log was trimmed under {LOADS} attempts; \
         open it with a larger log_len"
    )))
}

/// `None` if the log did not reach over the scan.
async fn load_from(link: &dyn MapEngine, id: &MapId, tip: Tip) -> Result<Option<Snapshot>> {
    if tip.codec != id.codec {
        let message =
            format!("the map's codec is {:?}, not {:?}; open it with that one", tip.codec, id.codec);
        return Err(Error::invalid(message));
    }
    let mut join = Join::start(tip.position, tip.id);
    let mut page = link.scan(0).await?;
    while page.cursor != 0 {
        // The engine works on the next page while this one is taken in.
        let entries = std::mem::take(&mut page.entries);
        let take = async {
            tokio::task::yield_now().await;
            join.page(entries);
        };
        let (next, ()) = tokio::join!(link.scan(page.cursor), take);
        page = next?;
    }
    join.page(page.entries);
    loop {
        let from = join.position();
        let batches = link.log(from).await?;
        if batches.is_empty() {
            let still = link.tip().await?.is_some_and(|tip| tip.position == from);
            return Ok(still.then(|| join.finish()));
        }
        for batch in &batches {
            if join.catch_up(batch).is_err() {
                return Ok(None);
            }
        }
        if join.position() == from {
            return Ok(Some(join.finish()));
        }
    }
}
