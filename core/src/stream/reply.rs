//! Request and reply: an event that asks, and the answer that comes to whoever asked.
//!
//! The request is an event like any other, with the asker's address in a header; the reply goes past the stream
//! straight to the asker, and is lost if nobody waits for it any more.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::Stream;
use super::event::Event;
use super::options::PublishOptions;
use crate::error::{Error, Result};
use crate::time;

/// The header with the address that a reply goes to.
const REPLY_TO: &str = "ponos-reply-to";

impl Stream {
    /// Publishes an event and waits for a reply to it, at most `timeout`.
    ///
    /// *Errors*: as [`Stream::publish`], and `Timeout` if no reply came in time: whether somebody works on the request is
    /// open then. *Cost*: two round trips and the replier's time.
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
            let _pass = self.shared.enter()?;
            let deadline = time::now() + timeout;
            let (sender, reply) = oneshot::channel();
            let listening = self.shared.engine.listen(sender);
            let address = time::within(deadline, "listening for a reply", listening).await?;
            let options = PublishOptions::default().header(REPLY_TO, address.name().as_bytes().to_vec());
            self.publish_with(topic, payload, options).await?;
            let heard = async { reply.await.map_err(|_| Error::closed("the client was closed")) };
            let heard = time::within(deadline, "the reply", heard).await;
            heard.map_err(|error| error.with_maybe_applied(true))
        };
        asked.await.map_err(|error: Error| error.at("stream.request", self.name()))
    }

    /// Replies to an event that was published by [`Stream::request`]; whether somebody still waited for it.
    ///
    /// *Errors*: `Invalid` if the event is no request; `Closed`, `Timeout`, `Unavailable`. *Cost*: one round trip.
    pub async fn reply(&self, event: &Event, payload: impl Into<Bytes>) -> Result<bool> {
        let replied = async {
            let _pass = self.shared.enter()?;
            let address = event.header(REPLY_TO).and_then(|address| String::from_utf8(address.to_vec()).ok());
            let address =
                address.ok_or_else(|| Error::invalid("the event is no request: nobody waits for a reply"))?;
            let replying = self.shared.engine.reply(address, payload.into());
            time::within(self.shared.deadline(), "the reply", replying).await
        };
        replied.await.map_err(|error: Error| error.at("stream.reply", self.name()))
    }
}
