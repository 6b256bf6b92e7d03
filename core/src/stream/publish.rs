//! Publishing: each call becomes one request that the engine does in one step.

use std::sync::Arc;

use bytes::Bytes;

use super::Stream;
use super::options::{PublishOptions, millis};
use crate::error::{Error, ErrorKind, Result};
use crate::model::log::{Fate, Item, Publish, Refusal, Verdict};
use crate::model::record::{Draft, EventId, Record};
use crate::model::topic;
use crate::model::value::OpId;
use crate::retry::Attempts;

/// The most events of one batch.
const MAX_BATCH: usize = 1_000;

/// What became of an event that was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Published {
    /// The event; `None` if it is delayed and has no number yet.
    pub id: Option<EventId>,
    /// Whether the stream had it already, by its `dedup_id`: nothing was appended then.
    pub duplicate: bool,
}

/// An event of a batch: a topic, a payload, and options of its own.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Message {
    /// Where it belongs.
    pub topic: String,
    /// Its content.
    pub payload: Bytes,
    /// Its headers, key, `dedup_id` and delay; conditions are the batch's.
    pub options: PublishOptions,
}

impl Message {
    /// A message without options.
    #[must_use]
    pub fn new(topic: &str, payload: impl Into<Bytes>) -> Self {
        Self { topic: topic.to_owned(), payload: payload.into(), options: PublishOptions::default() }
    }
}

/// Publishing: atomic at the engine, at most once even if the answer is lost.
///
/// *Errors* of all of it: `Invalid` for a bad topic (1 to 255 bytes, levels with dots between them, no white space or
/// wildcards), a payload over `max_value`, headers over 16 KiB or a key over 1 KiB; `Limited` if the stream is full of
/// events that a group has not settled (see [`WhenBehind`](super::WhenBehind)); `Closed`, `Timeout`, `Unavailable` (see
/// [`Error::maybe_applied`]). *Consistency*: when a call returns, the events have their numbers and every reader and
/// sink will get them. *Cost*: one round trip; on Redis, calls that meet share it. Cancelling leaves it open whether
/// the events are published.
impl Stream {
    /// Publishes an event.
    ///
    /// *Errors*, *consistency*, *cost*: see [above](#impl-Stream-1).
    ///
    /// ```
    /// # let runtime = tokio::runtime::Runtime::new()?;
    /// # runtime.block_on(async {
    /// let client = ponos::Ponos::open("memory://").await?;
    /// let orders = client.stream("publish").await?;
    /// let id = orders.publish("created", r#"{"id":7}"#).await?;
    /// assert_eq!(id.seq, 1);
    /// # Ok::<(), ponos::Error>(()) })?; Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn publish(&self, topic: &str, payload: impl Into<Bytes>) -> Result<EventId> {
        let published = self.publish_with(topic, payload, PublishOptions::default()).await?;
        Ok(published.id.unwrap_or_default())
    }

    /// As [`Stream::publish`], with headers, a key, an id against duplicates, a delay or a condition.
    ///
    /// *Errors*: `Conflict` if `expect_last` does not hold, `NotFound` if the stream should exist and does not.
    pub async fn publish_with(
        &self,
        topic: &str,
        payload: impl Into<Bytes>,
        options: PublishOptions,
    ) -> Result<Published> {
        let request = self.single(topic, &payload.into(), options);
        let published = self.send(request).await.and_then(one);
        published.map_err(|error| error.at("stream.publish", self.name()))
    }

    /// Publishes several events in one step, one after the other: all of them or none. At most 1,000.
    ///
    /// *Errors*: as [`Stream::publish`]; what is wrong with one event is wrong with the batch.
    pub async fn publish_batch(&self, messages: Vec<Message>) -> Result<Vec<Published>> {
        let request = self.batch(&messages);
        drop(messages);
        let published = self
            .send(request)
            .await
            .map(|(generation, fates)| fates.into_iter().map(|fate| published(generation, fate)).collect());
        published.map_err(|error| error.at("stream.publish_batch", self.name()))
    }

    /// Checks an event that is published alone.
    fn single(&self, topic: &str, payload: &[u8], options: PublishOptions) -> Result<Publish> {
        self.check(topic, payload, &options)?;
        let PublishOptions { headers, key, expect_last, if_exists, .. } = &options;
        let record = Record::pack(Draft { id: self.shared.next_ids(1), topic, key, headers, payload });
        let (expect_last, if_exists, items) = (*expect_last, *if_exists, [item(record, &options)].into());
        Ok(Publish { items, expect_last, if_exists, retry_after: None })
    }

    /// Checks a batch.
    fn batch(&self, messages: &[Message]) -> Result<Publish> {
        let number = messages.len();
        if number == 0 || number > MAX_BATCH {
            return Err(Error::invalid(format!("a batch has 1 to {MAX_BATCH} events, not {number}")));
        }
        let expect_last = messages.iter().find_map(|message| message.options.expect_last);
        let if_exists = messages.iter().any(|message| message.options.if_exists);
        let items = self.items(messages)?;
        Ok(Publish { items, expect_last, if_exists, retry_after: None })
    }

    /// Checks the events of a batch and packs them.
    pub(super) fn items(&self, messages: &[Message]) -> Result<Arc<[Item]>> {
        for Message { topic, payload, options } in messages {
            self.check(topic, payload, options)?;
        }
        let first = self.shared.next_ids(messages.len());
        let drafts = messages.iter().zip(first.seq..).map(|(Message { topic, payload, options }, seq)| {
            let PublishOptions { headers, key, .. } = options;
            Draft { id: OpId { seq, ..first }, topic, key, headers, payload }
        });
        let records = Record::pack_all(drafts);
        Ok(records
            .into_iter()
            .zip(messages)
            .map(|(record, message)| item(record, &message.options))
            .collect())
    }

    fn check(&self, topic: &str, payload: &[u8], options: &PublishOptions) -> Result<()> {
        topic::check(topic).map_err(|fault| Error::invalid(format!("the topic {topic:?}: {fault}")))?;
        self.shared.fits(payload)?;
        options.check()
    }

    /// Sends a request until there is a verdict; one that may have arrived is sent as a retry.
    async fn send(&self, request: Result<Publish>) -> Result<(u64, Vec<Fate>)> {
        let shared = &self.shared;
        let _pass = shared.enter()?;
        let mut request = request?;
        let before = shared.follower.known().last;
        let mut attempts = Attempts::until(shared.deadline());
        loop {
            request.retry_after = attempts.repeats.then_some(before);
            let sent = shared.link.publish(&request, shared.options.retention);
            if let Some(verdict) = attempts.make("publishing", sent).await? {
                return match (verdict, request.expect_last) {
                    (Verdict::Done { generation, fates }, _) => Ok((generation, fates)),
                    (Verdict::Refused(Refusal::LastDiffers), Some(last)) => {
                        Err(Error::conflict(format!("the last event of the stream is not number {last}")))
                    }
                    (Verdict::Refused(refusal), _) => Err(refused(refusal)),
                };
            }
        }
    }
}

fn item(record: Record, options: &PublishOptions) -> Item {
    Item { record, dedup: options.dedup_id.as_str().into(), delay: millis(options.delay) }
}

/// What became of the one event of a request.
fn one((generation, fates): (u64, Vec<Fate>)) -> Result<Published> {
    let fate = fates.first().ok_or_else(|| Error::internal("an engine forgot an event"))?;
    Ok(published(generation, *fate))
}

fn published(generation: u64, fate: Fate) -> Published {
    let id = |seq| Some(EventId { generation, seq }).filter(|id| id.seq > 0);
    match fate {
        Fate::Appended(seq) => Published { id: id(seq), duplicate: false },
        Fate::Duplicate(seq) => Published { id: id(seq), duplicate: true },
        Fate::Delayed => Published { id: None, duplicate: false },
    }
}

/// The error for a refused request.
pub(super) fn refused(refusal: Refusal) -> Error {
    match refusal {
        Refusal::LastDiffers => Error::conflict("the last event of the stream is another one"),
        Refusal::Missing => Error::not_found("the stream does not exist, and this publish wants it to"),
        Refusal::Full => Error::new(
            ErrorKind::Limited,
            "the stream is full of events that a group has not settled; let it catch up, disband it, or open the \
             stream with another when_behind",
        ),
        Refusal::Unknown => {
            let message = "the answer to a publish was lost, and the log does not reach back to tell whether it was done";
            Error::unavailable(message).with_maybe_applied(true)
        }
    }
}
