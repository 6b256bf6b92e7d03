//! What all handles of one stream in one client share: its link to the engine, what is known of it, its tasks.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;

use super::desk::Desk;
use super::follow::Follower;
use super::options::StreamOptions;
use crate::engine::Engine;
use crate::engine::stream::{Home, StreamEngine, StreamId, StreamSink, Tail};
use crate::error::{Error, Result};
use crate::model::record::EventId;
use crate::model::value::OpId;
use crate::rt::{Gate, Pass, Tasks};
use crate::time::{self, Instant};

/// How soon delayed events that are due are tried again after a failure.
const AGAIN: Duration = Duration::from_millis(500);

/// A stream that a client has open.
pub(crate) struct Shared {
    pub(super) id: StreamId,
    pub(super) options: StreamOptions,
    pub(super) timeout: Duration,
    pub(super) max_value: usize,
    pub(super) engine: Arc<dyn Engine>,
    pub(super) link: Arc<dyn StreamEngine>,
    pub(super) follower: Arc<Follower>,
    pub(super) tasks: Tasks,
    pub(super) gate: Gate,
    /// The sinks that are open.
    desks: Mutex<Vec<Weak<Desk>>>,
    /// The client's: once it is closed, its streams cannot be opened again either.
    client: Arc<Gate>,
    writer: u64,
    seq: AtomicU64,
}

impl Shared {
    /// Looks where the stream is.
    pub(crate) async fn open(
        engine: Arc<dyn Engine>,
        id: StreamId,
        options: StreamOptions,
        timeout: Duration,
        max_value: usize,
        client: Arc<Gate>,
    ) -> Result<Arc<Self>> {
        let deadline = time::now() + timeout;
        let tasks = Tasks::new().ok_or_else(|| Error::invalid("ponos runs inside a tokio runtime"))?;
        let follower = Arc::new(Follower::default());
        let sink: Arc<dyn StreamSink> = follower.clone();
        let opening = engine.stream(id.clone(), Arc::downgrade(&sink));
        let link = time::within(deadline, "opening", opening).await?;
        let tail = time::within(deadline, "opening", link.tail()).await?;
        let (gate, desks, seq) = (Gate::default(), Mutex::default(), AtomicU64::new(0));
        let writer = time::random_u64();
        let shared = Self {
            id,
            options,
            timeout,
            max_value,
            engine,
            link,
            follower,
            tasks,
            gate,
            desks,
            client,
            writer,
            seq,
        };
        shared.learn(tail.as_ref())?;
        let shared = Arc::new(shared);
        shared.tasks.spawn(release(Arc::downgrade(&shared), shared.follower.clone()));
        Ok(shared)
    }

    /// Has the follower hear of everything from now on; whether it did not before, so that it is to be asked for what was.
    pub(super) async fn listen(&self) -> Result<bool> {
        time::within(self.deadline(), "subscribing", self.link.listen()).await
    }

    /// Takes in where the stream is.
    fn learn(&self, tail: Option<&Tail>) -> Result<EventId> {
        let Some(tail) = tail else {
            self.follower.learn(EventId::default());
            return Ok(EventId::default());
        };
        if tail.codec != self.id.codec {
            let (theirs, ours) = (&tail.codec, &self.id.codec);
            let message = format!("the stream's codec is {theirs:?}, not {ours:?}; open it with that one");
            return Err(Error::invalid(message));
        }
        self.follower.learn(tail.last);
        if let Some(due) = tail.due {
            self.follower.delayed(due);
        }
        Ok(tail.last)
    }

    /// Asks the engine where the stream is; the last event is of generation 0 if it does not exist.
    pub(super) async fn ask(&self) -> Result<Option<Tail>> {
        let tail =
            time::within(self.deadline(), "asking for the end of the stream", self.link.tail()).await?;
        self.learn(tail.as_ref())?;
        Ok(tail)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.gate.is_closed()
    }

    pub(crate) const fn options(&self) -> &StreamOptions {
        &self.options
    }

    /// Refuses new calls, waits for those in flight, and ends readers and sinks.
    pub(crate) async fn close(&self) {
        if !self.gate.close() {
            return;
        }
        let desks: Vec<_> = self.desks.lock().drain(..).filter_map(|desk| desk.upgrade()).collect();
        desks.iter().for_each(|desk| desk.close());
        let drained = time::within(self.deadline(), "closing", async {
            for desk in &desks {
                desk.ended().await?;
            }
            self.gate.empty().await;
            Ok(())
        });
        if let Err(error) = drained.await {
            tracing::warn!(stream = self.id.name, %error, "closed with calls in flight");
        }
        self.follower.close();
        self.tasks.stop_and_wait().await;
    }

    /// Closing the stream closes this sink.
    pub(super) fn attend(&self, desk: &Arc<Desk>) {
        let mut desks = self.desks.lock();
        desks.retain(|desk| desk.strong_count() > 0);
        desks.push(Arc::downgrade(desk));
    }

    pub(super) fn deadline(&self) -> Instant {
        time::now() + self.timeout
    }

    /// Where steps with it are done.
    pub(super) fn home(&self) -> Home {
        Home { engine: self.engine.clone(), scope: self.id.scope.clone(), timeout: self.timeout }
    }

    pub(super) fn closed(&self) -> Error {
        Error::closed(if self.client.is_closed() {
            "the client is closed; open a new one"
        } else {
            "the stream is closed; open it again with client.stream()"
        })
    }

    pub(super) fn enter(&self) -> Result<Pass> {
        self.gate.enter().ok_or_else(|| self.closed())
    }

    /// Refuses a payload that is too large.
    pub(super) fn fits(&self, payload: &[u8]) -> Result<()> {
        let (size, most) = (payload.len(), self.max_value);
        if size > most {
            let message = format!(
                "the payload has {size} bytes and the limit is {most}; raise it with ?max_value= in the url, or send less"
            );
            return Err(Error::invalid(message));
        }
        Ok(())
    }

    /// Names for so many events that are published here: the first of them.
    pub(super) fn next_ids(&self, number: usize) -> OpId {
        OpId { writer: self.writer, seq: self.seq.fetch_add(number as u64, Ordering::Relaxed) + 1 }
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{:?}, {:?}", self.id.name, self.follower)
    }
}

/// Has delayed events appended when they are due: any client that has the stream open does it for all.
async fn release(shared: Weak<Shared>, follower: Arc<Follower>) {
    let mut due = follower.watch_due();
    loop {
        let next = *due.borrow_and_update();
        let Some(stream) = shared.upgrade() else { return };
        let wait = next.map(|next| Duration::from_millis(next.saturating_sub(stream.engine.now())));
        drop(stream);
        let news = async { due.changed().await.is_ok() };
        let told = match wait {
            None => news.await,
            Some(wait) => tokio::select! {
                told = news => told,
                () = time::sleep(wait) => {
                    let Some(stream) = shared.upgrade() else { return };
                    follower.released();
                    if let Err(error) = stream.link.release(stream.options.retention).await {
                        tracing::debug!(stream = stream.id.name, %error, "delayed events are tried again");
                        time::sleep(AGAIN).await;
                        follower.delayed(next.unwrap_or(0));
                    }
                    true
                }
            },
        };
        if !told {
            return;
        }
    }
}
