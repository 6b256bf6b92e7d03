//! The conformance suite: what every engine must do, as code. An engine exists when it passes.
//!
//! Each case is a function that takes an engine and tries one rule of [`engine`](super). [`run`] runs them all on maps of their own
//! and panics at the first that fails, naming it: call it from a test of your engine.
#![allow(clippy::missing_panics_doc, reason = "a suite that finds a fault panics: that is its answer")]

mod cases;
mod streams;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use parking_lot::Mutex;

use super::{Engine, MapEngine, MapId, Request, Sink, Source, Verdict};
use crate::error::Result;
use crate::model::change::Batch;
use crate::model::op::Op;
use crate::model::txn::Write;
use crate::model::value::{Key, OpId, Position};

/// A case: its name, and what it does.
type Case = (&'static str, for<'a> fn(&'a Bench<'a>) -> Pin<Box<dyn Future<Output = Result<()>> + 'a>>);

/// Every case, those for maps first.
fn cases() -> impl Iterator<Item = &'static Case> {
    cases::ALL.iter().chain(streams::ALL)
}

/// Runs every case on `engine`, on maps and streams in scopes whose names begin with `prefix`.
pub async fn run(engine: &dyn Engine, prefix: &str) {
    for (name, case) in cases() {
        let bench = Bench { engine, name: format!("{prefix}-{}", name.replace(' ', "-")) };
        if let Err(error) = case(&bench).await {
            panic!("{name}: {error:?}");
        }
    }
}

/// The names of the cases.
#[must_use]
pub fn names() -> Vec<&'static str> {
    cases().map(|(name, _)| *name).collect()
}

/// What a case works with: an engine and the name of a map of its own.
pub struct Bench<'a> {
    engine: &'a dyn Engine,
    name: String,
}

/// A map that a case has open, and what its sink heard.
pub struct Opened {
    link: Arc<dyn MapEngine>,
    heard: Arc<Heard>,
    writer: u64,
    seq: Mutex<u64>,
}

/// A sink that remembers.
#[derive(Default)]
struct Heard(Mutex<Vec<(Batch, Source)>>);

impl Sink for Heard {
    fn batch(&self, batch: &Batch, source: Source) {
        self.0.lock().push((batch.clone(), source));
    }

    fn lost(&self) {}

    fn restored(&self) {}
}

impl Bench<'_> {
    /// Opens the map once more, as another client would.
    async fn open(&self, codec: &str) -> Result<Opened> {
        let heard = Arc::new(Heard::default());
        let sink: Arc<dyn Sink> = heard.clone();
        let id = MapId { scope: self.name.clone(), name: self.name.clone(), codec: codec.to_owned() };
        let link = self.engine.map(id, Arc::downgrade(&sink)).await?;
        Ok(Opened { link, heard, writer: crate::time::random_u64(), seq: Mutex::new(0) })
    }
}

impl Opened {
    fn request(&self, write: Write) -> Request {
        let mut seq = self.seq.lock();
        *seq += 1;
        Request { id: OpId { writer: self.writer, seq: *seq }, write, retry_after: None }
    }

    async fn write(&self, write: Write) -> Result<Verdict> {
        self.link.write(self.request(write)).await
    }

    async fn op(&self, key: &str, op: Op) -> Result<Verdict> {
        self.write(Write::One { key: Key::from(key), op }).await
    }

    /// The position that a write made.
    async fn applied(&self, key: &str, op: Op) -> Result<Position> {
        match self.op(key, op).await? {
            Verdict::Applied { position, .. } => Ok(position),
            other => panic!("expected a change, got {other:?}"),
        }
    }

    /// The revisions heard so far, each once, in the order they first came.
    fn revisions(&self) -> Vec<u64> {
        let mut revisions = Vec::new();
        for (batch, _) in self.heard.0.lock().iter() {
            for change in &batch.changes {
                if !revisions.contains(&change.revision) {
                    revisions.push(change.revision);
                }
            }
        }
        revisions
    }

    /// Waits until a revision is heard of.
    async fn hears(&self, revision: u64) {
        let deadline = crate::time::now() + std::time::Duration::from_secs(10);
        while !self.revisions().contains(&revision) {
            assert!(crate::time::now() < deadline, "revision {revision} is not heard of");
            tokio::task::yield_now().await;
        }
    }
}
