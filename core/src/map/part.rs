//! A map's part in a step over several objects of a scope.

use std::sync::Arc;

use super::Shared;
use super::shared::refused;
use super::write::TxnBuilder;
use crate::engine::stream::Home;
use crate::engine::{MapId, Request, Verdict};
use crate::error::{Error, Result};
use crate::model::op::Refusal;
use crate::model::txn::Write;
use crate::rt::Pass;
use crate::time::Instant;

/// What is to be written to one map, checked.
pub(crate) struct Part {
    shared: Arc<Shared>,
    request: Request,
}

impl std::fmt::Debug for Part {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Part({:?})", self.request.write)
    }
}

impl TxnBuilder {
    /// Makes it a part of a step: what it says is done if the conditions of all parts hold.
    pub(crate) fn part(self) -> Result<Part> {
        let (map, txn) = self.checked()?;
        if !txn.otherwise.is_empty() {
            return Err(Error::invalid("a step is done or not: a part of it has no otherwise()"));
        }
        let request = Request { id: map.shared.next_id(), write: Write::Txn(txn), retry_after: None };
        Ok(Part { shared: map.shared, request })
    }
}

impl Part {
    /// Which map.
    pub(crate) fn id(&self) -> &MapId {
        &self.shared.id
    }

    /// Where it is.
    pub(crate) fn home(&self) -> Home {
        let (engine, scope) = (self.shared.engine.clone(), self.shared.id.scope.clone());
        Home { engine, scope, timeout: self.shared.timeout }
    }

    /// Keeps the map open until the step is done, unless it is closed.
    pub(crate) fn enter(&self) -> Result<Pass> {
        self.shared.enter()
    }

    /// Which map, and what is asked of it.
    pub(crate) fn request(&self, retry: bool) -> (MapId, Request) {
        let retry_after = retry.then(|| self.shared.follower.position());
        (self.shared.id.clone(), Request { retry_after, ..self.request.clone() })
    }

    /// Waits until the local copy shows what was done.
    pub(crate) async fn shown(&self, verdict: Verdict, deadline: Instant) -> Result<()> {
        match verdict {
            Verdict::Applied { position, .. } => {
                self.shared.show(position, deadline, "showing the step").await
            }
            _ => Ok(()),
        }
    }

    /// The error for a refused part.
    pub(crate) fn refused(&self, refusal: Refusal) -> Error {
        refused(refusal, &self.request.write)
    }
}
