//! Request and reply: an event that asks, and the answer that comes to whoever asked.
//!
//! The request is an event like any other, with the asker's address in a header; the reply goes past the stream
//! straight to the asker, and is lost if nobody waits for it any more.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::Stream;
use super::event::Event;
use super::options::{LONGEST, PublishOptions};
use crate::error::{Error, Result};
use crate::time;

/// The header of a request with the address that a reply goes to.
pub const REPLY_TO: &str = "ponos-reply-to";

impl Stream {
    /// Publishes an event and waits for a reply to it, at most `timeout`.
    ///
    /// *Errors*: as [`Stream::publish`]; `Invalid` for a `timeout` of 0 or over 100 years; `Timeout` if no reply came in
    /// time, and `Closed` if the stream was closed meanwhile: whether somebody works on the request is open then.
    /// *Cost*: two round trips and the replier's time.
    ///
    /// ```
    /// # let runtime = tokio::runtime::Runtime::new()?;
    /// # runtime.block_on(async {
    /// use std::time::Duration;
    /// use ponos::stream::Item;
    /// let client = ponos::Ponos::open("memory://").await?;
    /// let sums = client.stream("sums").await?;
    /// let (sink, replier) = (sums.sink("adders").await?, sums.clone());
    /// let adder = tokio::spawn(async move {
    ///     if let Some(Ok(Item::Event(event))) = sink.next().await {
    ///         replier.reply(&event, "3").await?;
    ///         event.ack().await?;
    ///     }
    ///     Ok::<(), ponos::Error>(())
    /// });
    /// let reply = sums.request("add", "1 2", Duration::from_secs(5)).await?;
    /// assert_eq!(&reply[..], b"3");
    /// # adder.await.expect("no panic")
    /// # })?; Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn request(&self, topic: &str, payload: impl Into<Bytes>, timeout: Duration) -> Result<Bytes> {
        let asked = async {
            if timeout.is_zero() || timeout > LONGEST {
                let message = format!("the timeout is {timeout:?} and must be from 1 ms to 100 years");
                return Err(Error::invalid(message));
            }
            // Not for as long as it waits: closing would wait for whoever may never reply.
            drop(self.shared.enter()?);
            let mut known = self.shared.follower.watch();
            let deadline = time::now() + timeout;
            let (sender, reply) = oneshot::channel();
            let listening = self.shared.engine.listen(sender);
            let address = time::within(deadline, "listening for a reply", listening).await?;
            let options = PublishOptions::default().header(REPLY_TO, address.name().as_bytes().to_vec());
            self.publish_with(topic, payload, options).await?;
            let heard = async {
                tokio::select! {
                    biased;
                    reply = reply => reply.map_err(|_| self.shared.closed()),
                    _ = known.wait_for(|known| known.closed) => Err(self.shared.closed()),
                }
            };
            let heard = time::within(deadline, "the reply", heard).await;
            heard.map_err(|error| error.with_maybe_applied(true))
        };
        asked.await.map_err(|error: Error| error.at("stream.request", self.name()))
    }

    /// Replies to an event that was published by [`Stream::request`]; whether the asker was there to hear it: on Redis its
    /// client, even if the request has timed out, in memory whoever waits.
    ///
    /// *Errors*: `Invalid` if the event is no request, or for a payload over `max_value`; `Closed`, `Timeout`,
    /// `Unavailable`. *Cost*: one round trip.
    pub async fn reply(&self, event: &Event, payload: impl Into<Bytes>) -> Result<bool> {
        self.reply_to(event.header(REPLY_TO), payload).await
    }

    /// As [`Stream::reply`], for who has kept the header [`REPLY_TO`] of an event and not the event: what it said, if it
    /// was there.
    pub async fn reply_to(&self, address: Option<Bytes>, payload: impl Into<Bytes>) -> Result<bool> {
        let replied = async {
            let _pass = self.shared.enter()?;
            let address = address.and_then(|address| String::from_utf8(address.to_vec()).ok());
            let address =
                address.ok_or_else(|| Error::invalid("the event is no request: nobody waits for a reply"))?;
            let payload = payload.into();
            self.shared.fits(&payload)?;
            let replying = self.shared.engine.reply(address, payload);
            time::within(self.shared.deadline(), "the reply", replying).await
        };
        replied.await.map_err(|error: Error| error.at("stream.reply", self.name()))
    }
}
