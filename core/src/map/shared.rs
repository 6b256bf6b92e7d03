//! What all handles of one map in one client share: its replica, its link to the engine, its task.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::follow::{Captured, Follower, Status};
use super::options::MapOptions;
use super::task::{self, Task};
use crate::engine::{Engine, MapEngine, MapId, Request, Sink, Verdict};
use crate::error::{Error, Result};
use crate::model::op::Refusal;
use crate::model::txn::Write;
use crate::model::value::{OpId, Position};
use crate::retry::Attempts;
use crate::rt::{Gate, Pass, Tasks};
use crate::time::{self, Instant};

/// A map that a client has open.
pub(crate) struct Shared {
    pub(super) id: MapId,
    pub(super) options: MapOptions,
    pub(super) timeout: Duration,
    pub(super) max_value: usize,
    pub(super) engine: Arc<dyn Engine>,
    pub(super) link: Arc<dyn MapEngine>,
    pub(super) follower: Arc<Follower>,
    pub(super) tasks: Tasks,
    gate: Gate,
    /// The client's: once it is closed, its maps cannot be opened again either.
    client: Arc<Gate>,
    seq: AtomicU64,
}

impl Shared {
    /// Subscribes, loads the map and starts its task.
    pub(crate) async fn open(
        engine: Arc<dyn Engine>,
        id: MapId,
        options: MapOptions,
        timeout: Duration,
        max_value: usize,
        client: Arc<Gate>,
    ) -> Result<Self> {
        let deadline = time::now() + timeout;
        let tasks = Tasks::new().ok_or_else(|| Error::invalid("ponos runs inside a tokio runtime"))?;
        let follower = Arc::new(Follower::new(options.ordered));
        let sink: Arc<dyn Sink> = follower.clone();
        let link = time::within(deadline, "opening", engine.map(id.clone(), Arc::downgrade(&sink))).await?;
        let snapshot = time::within(deadline, "loading", task::load(&*link, &id)).await?;
        let (keys, revision) = (snapshot.entries.len(), snapshot.position.revision);
        tracing::debug!(map = id.name, keys, revision, "map is loaded");
        follower.install(snapshot, None);
        follower.set_status(Status::Live);
        follower.ask(super::follow::Need::Repair);
        let (engine_, link_, follower_) = (engine.clone(), link.clone(), follower.clone());
        let task = Task { id: id.clone(), engine: engine_, link: link_, follower: follower_, janitor: 0 };
        tasks.spawn(task.run());
        let (gate, seq) = (Gate::default(), AtomicU64::new(0));
        Ok(Self { id, options, timeout, max_value, engine, link, follower, tasks, gate, client, seq })
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.gate.is_closed()
    }

    pub(crate) fn options(&self) -> &MapOptions {
        &self.options
    }

    /// Refuses new writes, waits for those in flight, and ends the task and the watchers.
    pub(crate) async fn close(&self) {
        self.gate.close();
        let deadline = time::now() + self.timeout;
        let drained = time::within(deadline, "closing", async {
            self.gate.empty().await;
            Ok(())
        });
        if drained.await.is_err() {
            tracing::warn!(map = self.id.name, "closed with writes in flight");
        }
        self.tasks.stop_and_wait().await;
        self.follower.close();
    }

    pub(super) fn deadline(&self) -> Instant {
        time::now() + self.timeout
    }

    pub(super) fn closed(&self) -> Error {
        Error::closed(if self.client.is_closed() {
            "the client is closed; open a new one"
        } else {
            "the map is closed; open it again with client.map()"
        })
    }

    pub(super) fn enter(&self) -> Result<Pass> {
        self.gate.enter().ok_or_else(|| self.closed())
    }

    /// Has a write decided by the engine, once, and waits until the local copy shows it.
    pub(super) fn write(
        &self,
        operation: &'static str,
        write: Result<Write>,
    ) -> impl Future<Output = Result<Done>> {
        // A write is large: the future has room for it once.
        let mut request = write.map(|write| Request { id: self.next_id(), write, retry_after: None });
        async move {
            let result = match request {
                Ok(ref mut request) => self.deliver(request).await,
                Err(error) => Err(error),
            };
            result.map_err(|error| error.at(operation, &self.id.name))
        }
    }

    /// A name for the next write that is made here.
    pub(super) fn next_id(&self) -> OpId {
        OpId { writer: self.follower.writer, seq: self.seq.fetch_add(1, Ordering::Relaxed) + 1 }
    }

    async fn deliver(&self, request: &mut Request) -> Result<Done> {
        let _pass = self.enter()?;
        let deadline = self.deadline();
        let expected = Expected::new(&self.follower, request.id.seq);
        let verdict = self.insist(request, deadline).await?;
        let position = match verdict {
            Verdict::Refused(refusal) => return Err(refused(refusal, &request.write)),
            Verdict::Unknown => return Err(unknown()),
            Verdict::Applied { position, .. } => position,
            Verdict::Unchanged { .. } => self.follower.position(),
        };
        self.show(position, deadline, "showing the write").await?;
        let (changed, matched) = match verdict {
            Verdict::Applied { matched, .. } => (true, matched),
            Verdict::Unchanged { matched } => (false, matched),
            Verdict::Refused(_) | Verdict::Unknown => (false, false),
        };
        Ok(Done { revision: position.revision, changed, matched, captured: expected.take() })
    }

    /// Waits until the local copy shows what was done at `position`.
    pub(super) async fn show(&self, position: Position, deadline: Instant, what: &str) -> Result<()> {
        if self.follower.has_reached(position) {
            return Ok(());
        }
        // In a box because it is seldom, and would make every write larger.
        let shown = Box::pin(time::within(deadline, what, async {
            self.follower.reached(position).await;
            Ok(())
        }));
        shown.await.map_err(|error| error.with_maybe_applied(true))
    }

    /// Sends a request until there is a verdict; one that may have arrived is sent as a retry.
    async fn insist(&self, request: &mut Request, deadline: Instant) -> Result<Verdict> {
        let before = self.follower.position();
        let mut attempts = Attempts::until(deadline);
        loop {
            request.retry_after = attempts.repeats.then_some(before);
            if let Some(verdict) = attempts.make("the write", self.link.write(request.clone())).await? {
                return Ok(verdict);
            }
        }
    }
}

/// What became of a write.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) revision: u64,
    pub(super) changed: bool,
    pub(super) matched: bool,
    pub(super) captured: Captured,
}

/// Forgets a write that is cancelled.
struct Expected<'a> {
    follower: &'a Follower,
    seq: u64,
    taken: bool,
}

impl<'a> Expected<'a> {
    fn new(follower: &'a Follower, seq: u64) -> Self {
        follower.expect(seq);
        Self { follower, seq, taken: false }
    }

    fn take(mut self) -> Captured {
        self.taken = true;
        self.follower.captured(self.seq)
    }
}

impl Drop for Expected<'_> {
    fn drop(&mut self) {
        if !self.taken {
            drop(self.follower.captured(self.seq));
        }
    }
}

/// The error for a write that was sent twice, and of which the engine has forgotten the first time: no deadline has
/// passed, and to ask once more would not help.
fn unknown() -> Error {
    let message = "the connection was lost before the answer came, and the engine's log no longer tells whether \
                   the write was applied: the engine has lost data since, or trimmed its log";
    Error::unavailable(message).with_maybe_applied(true)
}

/// The error for a refused write: which condition, on which key.
pub(super) fn refused(refusal: Refusal, write: &Write) -> Error {
    let key = match write {
        Write::One { key, .. } => format!("key {key:?}: "),
        _ => String::new(),
    };
    let conflict = |text: &str| Error::conflict(format!("{key}{text}"));
    let invalid = |text: &str| Error::invalid(format!("{key}{text}"));
    match refusal {
        Refusal::Exists => conflict("the key is present, and the write wants it absent"),
        Refusal::Missing => conflict("the key is absent, and the write wants it present"),
        Refusal::RevisionDiffers => conflict("another revision has changed the key"),
        Refusal::ValueDiffers => conflict("the key has another value"),
        Refusal::OutOfBounds => conflict("the sum would leave its bounds or the range of its type"),
        Refusal::NotANumber => invalid("the value is no number; set it to one first"),
        Refusal::NotAList => invalid("the value is no list; delete it first"),
        Refusal::NotASet => invalid("the value is no set; delete it first"),
        Refusal::TooLarge => invalid("the value would be larger than max_value"),
    }
}

/// The position a handle shows, for those who wait for one.
pub(super) fn at_least(position: Position, revision: u64) -> Position {
    Position { generation: position.generation, revision }
}
