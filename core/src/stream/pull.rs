//! Readers and sinks as [`futures_core::Stream`]: what is pulled by a call can be polled as well.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

/// Something that gives one item after the other when it is asked.
pub(super) trait Pull: Send + 'static {
    /// What it gives.
    type Item;

    /// The next item; `None` at the end.
    fn pull(&mut self) -> impl Future<Output = Option<Self::Item>> + Send;
}

/// A pull under way, which has the source until it is done.
type Pulling<P> = Pin<Box<dyn Future<Output = (P, Option<<P as Pull>::Item>)> + Send>>;

/// A source as a stream.
pub(super) struct Pulled<P: Pull>(Pulling<P>);

impl<P: Pull> Pulled<P> {
    pub(super) fn new(source: P) -> Self {
        Self(Box::pin(pull(source)))
    }
}

async fn pull<P: Pull>(mut source: P) -> (P, Option<P::Item>) {
    let item = source.pull().await;
    (source, item)
}

impl<P: Pull> Stream for Pulled<P> {
    type Item = P::Item;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<P::Item>> {
        let Poll::Ready((source, item)) = self.0.as_mut().poll(context) else { return Poll::Pending };
        self.0 = Box::pin(pull(source));
        Poll::Ready(item)
    }
}
