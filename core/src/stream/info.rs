//! What is known about a stream, and what may be done to it as a whole.

use super::Stream;
use crate::error::{Error, Result};
use crate::model::group::Group;
use crate::model::record::EventId;
use crate::time;

/// How a stream is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamInfo {
    /// How many events it holds.
    pub len: u64,
    /// How many bytes they take.
    pub bytes: u64,
    /// The first event that it holds.
    pub first: Option<EventId>,
    /// The last event that was published.
    pub last: Option<EventId>,
    /// Its groups, by name.
    pub groups: Vec<GroupInfo>,
}

/// How a consumer group is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupInfo {
    /// Its name.
    pub name: String,
    /// How many events it has not looked at yet.
    pub lag: u64,
    /// How many it has taken and not settled.
    pub pending: u64,
    /// For how long the one has been held that has been held for longest, in milliseconds.
    pub oldest_pending_ms: Option<u64>,
    /// How many consumers it has.
    pub consumers: usize,
}

/// The stream as a whole. *Errors* of all of it: `Closed`, `Timeout`, `Unavailable`.
impl Stream {
    /// How the stream and its groups are; `None` if it does not exist.
    ///
    /// *Consistency*: as the engine has it, each group for itself. *Cost*: two round trips.
    pub async fn info(&self) -> Result<Option<StreamInfo>> {
        let asked = async {
            let _pass = self.shared.enter()?;
            let Some(tail) = self.shared.ask().await? else { return Ok(None) };
            let groups = self.shared.link.groups();
            let groups = time::within(self.shared.deadline(), "asking for the groups", groups).await?;
            let (now, last) = (self.shared.engine.now(), tail.last);
            let len = last.seq + 1 - tail.first;
            let mut groups: Vec<GroupInfo> = groups
                .into_iter()
                .map(|(name, group)| describe(name, &group, last.seq, tail.first, now))
                .collect();
            groups.sort_unstable_by(|left, right| left.name.cmp(&right.name));
            Ok(Some(StreamInfo {
                len,
                bytes: tail.bytes,
                first: (len > 0).then_some(EventId { seq: tail.first, ..last }),
                last: (last.seq > 0).then_some(last),
                groups,
            }))
        };
        asked.await.map_err(|error: Error| error.at("stream.info", self.name()))
    }

    /// Takes an event out for all who have not read it; whether it was there. Its number stays taken, and its memory
    /// is freed when it would have been trimmed.
    ///
    /// *Cost*: one round trip.
    pub async fn remove(&self, id: EventId) -> Result<bool> {
        let removed = async {
            let _pass = self.shared.enter()?;
            time::within(self.shared.deadline(), "removing", self.shared.link.remove(id)).await
        };
        removed.await.map_err(|error: Error| error.at("stream.remove", self.name()))
    }

    /// Deletes the stream with its events and its groups; whether there was one. Readers and sinks are told, and go on
    /// in its next life, which begins with the next publish or sink.
    ///
    /// *Cost*: one round trip.
    pub async fn destroy(&self) -> Result<bool> {
        let destroyed = async {
            let _pass = self.shared.enter()?;
            time::within(self.shared.deadline(), "destroying", self.shared.link.destroy()).await
        };
        destroyed.await.map_err(|error: Error| error.at("stream.destroy", self.name()))
    }

    /// Deletes a group with what it has not settled; whether there was one. Its sinks found it anew at the first event
    /// if they are not closed before.
    ///
    /// *Cost*: one round trip.
    pub async fn disband(&self, group: &str) -> Result<bool> {
        let disbanded = async {
            let _pass = self.shared.enter()?;
            let disbanding = self.shared.link.disband(group.to_owned());
            time::within(self.shared.deadline(), "disbanding", disbanding).await
        };
        disbanded.await.map_err(|error: Error| error.at("stream.disband", self.name()))
    }

    /// Closes the stream in this client: readers are at their end, sinks leave their groups. A second call does
    /// nothing.
    pub async fn close(&self) {
        self.shared.close().await;
    }
}

fn describe(name: String, group: &Group, last: u64, first: u64, now: u64) -> GroupInfo {
    // In a group with order each lane has its share of what comes after its cursor: the one that is farthest behind
    // says how many events are not looked at by all.
    let cursor = group.lanes().iter().map(|lane| lane.cursor).min().unwrap_or(0);
    GroupInfo {
        name,
        lag: last - cursor.clamp(first - 1, last),
        pending: group.pending(),
        oldest_pending_ms: group.oldest().map(|since| now.saturating_sub(since)),
        consumers: group.members().len(),
    }
}
