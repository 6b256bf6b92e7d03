//! The task behind each open map: loads it, repairs holes, checks the silence, lets keys expire.

use std::sync::Arc;
use std::time::Duration;

use super::follow::{Cause, Follower, Need, Status};
use crate::engine::{Engine, Log, MapEngine, MapId, Page, Request, Scanned, Sink, Source, Tip};
use crate::error::{Error, Result};
use crate::model::change::Batch;
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
/// After how many entries a load lets others run, above all who reads the next page from the socket: the thread that
/// takes entries in may be the only one that would notice that it is there.
const BREATH: usize = 256;

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
        let from = self.follower.position();
        let Some(start) = self.start(from).await? else { return Ok(()) };
        let mut page = self.link.log(start).await?;
        let first = page.batches.first().and_then(|batch| batch.changes.first());
        let Some(first) = first else { return self.settle(from).await };
        if first.revision > from.revision.max(1) {
            return self.rejoin(Cause::Trimmed).await;
        }
        loop {
            for batch in &page.batches {
                self.follower.batch(batch, Source::Push);
            }
            match (self.follower.need(), page.next) {
                ((Need::Rejoin(cause), _), _) => return self.rejoin(cause).await,
                // A page is not the end because it has nothing new: a large change may have one to itself.
                (_, Some(next)) => page = self.link.log(next.max(self.follower.position())).await?,
                ((Need::Repair, _), None) => return Ok(()), // more was lost meanwhile
                ((Need::Nothing, _), None) => {
                    self.follower.set_status(Status::Live);
                    return Ok(());
                }
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

/// Reads the whole map. Its log alone tells everything if it reaches back to the first change and does not have many
/// more effects than there are keys: the server reads it in a tenth of the time that a scan takes.
pub(super) async fn load(link: &dyn MapEngine, id: &MapId) -> Result<Snapshot> {
    for attempt in 0..LOADS {
        let (tip, replayable) = tokio::join!(link.tip(), link.replayable());
        let (Some(tip), replayable) = (tip?, replayable?) else { return Ok(Snapshot::default()) };
        if tip.codec != id.codec {
            let message =
                format!("the map's codec is {:?}, not {:?}; open it with that one", tip.codec, id.codec);
            return Err(Error::invalid(message));
        }
        if attempt == 0 && tip.position.revision <= replayable {
            let birth = Position { revision: 0, ..tip.position };
            let replayed = catch_up(link, Join::start(birth, OpId::default()), replayable).await?;
            if let Some(snapshot) = replayed {
                return Ok(snapshot);
            }
        }
        let join = scan(link, &tip).await?;
        if let Some(snapshot) = catch_up(link, join, u64::MAX).await? {
            return Ok(snapshot);
        }
    }
    Err(Error::unavailable(format!(
        "the map changes faster than it can be loaded: its log was trimmed under {LOADS} attempts; \
         open it with a larger log_len"
    )))
}

/// Reads the entries, while writes may overlap.
async fn scan(link: &dyn MapEngine, tip: &Tip) -> Result<Join> {
    let mut join = Join::start(tip.position, tip.id);
    let mut page = link.scan(0).await?;
    loop {
        let Page { entries, cursor } = page;
        if cursor == 0 {
            take_page(&mut join, entries).await?;
            return Ok(join);
        }
        // The engine works on the next page while this one is taken in.
        let (next, taken) = tokio::join!(link.scan(cursor), take_page(&mut join, entries));
        taken?;
        page = next?;
    }
}

async fn take_page(join: &mut Join, mut entries: Scanned) -> Result<()> {
    loop {
        let mut some = entries.by_ref().take(BREATH).peekable();
        if some.peek().is_none() {
            return Ok(());
        }
        for entry in some {
            join.page([entry?]);
        }
        tokio::task::yield_now().await;
    }
}

/// Reads the changes that `join` lacks; `None` if the log does not reach back to them, or has more than so many effects.
async fn catch_up(link: &dyn MapEngine, mut join: Join, mut most: u64) -> Result<Option<Snapshot>> {
    let from = join.position();
    let mut page = link.replay(from).await?;
    let mut reaches = false;
    loop {
        let Log { batches, next } = page;
        let take = take_log(&mut join, batches, &mut most);
        let (taken, following) = match next {
            None => (take.await, None),
            Some(next) => {
                let (following, taken) = tokio::join!(link.replay(next), take);
                (taken, Some(following))
            }
        };
        match taken {
            Taken::Some => reaches = true,
            Taken::Nothing => {}
            Taken::Broken => return Ok(None),
        }
        match following {
            Some(following) => page = following?,
            None if reaches => return Ok(Some(join.finish())),
            None => {
                let still = link.tip().await?.is_some_and(|tip| tip.position == from);
                return Ok(still.then(|| join.finish()));
            }
        }
    }
}

/// What became of a page of the log.
enum Taken {
    Some,
    Nothing,
    /// Something is missing before it, or it is too much.
    Broken,
}

async fn take_log(join: &mut Join, batches: Vec<Batch>, most: &mut u64) -> Taken {
    let mut taken = Taken::Nothing;
    let mut breath = 0;
    for batch in batches {
        let effects: usize = batch.changes.iter().map(|change| change.effects.len()).sum();
        match most.checked_sub(effects as u64) {
            Some(left) if join.catch_up(batch).is_ok() => *most = left,
            _ => return Taken::Broken,
        }
        taken = Taken::Some;
        breath += effects;
        if breath >= BREATH {
            breath = 0;
            tokio::task::yield_now().await;
        }
    }
    taken
}
