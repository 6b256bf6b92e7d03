//! The only clock of the crate: everything else gets the time as an argument or asks here.
#![allow(clippy::disallowed_methods, reason = "this is the place that the bans point to")]

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(crate) use tokio::time::Instant;

use crate::error::{Error, Result};

/// The local wall clock, milliseconds since 1970.
pub(crate) fn wall_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// The local monotonic clock.
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Waits.
pub(crate) async fn sleep(time: Duration) {
    tokio::time::sleep(time).await;
}

/// Waits until `when`.
pub(crate) async fn sleep_until(when: Instant) {
    tokio::time::sleep_until(when).await;
}

/// Gives `future` until `deadline`.
///
/// # Errors
/// `Timeout` that names `what`; whether a write happened is for the caller to say.
pub(crate) fn within<T, F: Future<Output = Result<T>>>(
    deadline: Instant,
    what: &str,
    future: F,
) -> Within<'_, F> {
    Within { timeout: tokio::time::timeout_at(deadline, future), what }
}

pin_project_lite::pin_project! {
    /// What [`within`] gives: an async function would have room for its argument twice.
    pub(crate) struct Within<'a, F> {
        #[pin]
        timeout: tokio::time::Timeout<F>,
        what: &'a str,
    }
}

impl<T, F: Future<Output = Result<T>>> Future for Within<'_, F> {
    type Output = Result<T>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        this.timeout.poll(context).map(|result| {
            result.unwrap_or_else(|_| {
                Err(Error::timeout(format!("{} took longer than its deadline", this.what)))
            })
        })
    }
}

/// A duration near `time`: between three quarters of it and five quarters, so that many nodes do not act
/// at the same moment.
pub(crate) fn jitter(time: Duration) -> Duration {
    let fraction = f64::from(random_u64() as u32) / f64::from(u32::MAX);
    time.mul_f64(0.75 + 0.5 * fraction)
}

/// Chance, from the operating system.
pub(crate) fn random_u64() -> u64 {
    getrandom::u64().unwrap_or_else(|_| wall_ms().rotate_left(32) ^ u64::from(std::process::id()))
}
