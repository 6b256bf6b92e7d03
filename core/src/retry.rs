//! How a call goes on while the engine is coming back: it is sent again until its deadline, so that whoever can
//! recognise a repeat does it once.

use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};
use crate::time::{self, Instant};

/// How long a call waits before it is sent again.
const PAUSE: Duration = Duration::from_millis(20);

/// The attempts of one call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempts {
    deadline: Instant,
    /// Whether one of them may have been done: the next is to be recognised by the engine as a repeat.
    pub(crate) repeats: bool,
}

impl Attempts {
    pub(crate) const fn until(deadline: Instant) -> Self {
        Self { deadline, repeats: false }
    }

    /// Makes an attempt: an answer, or nothing if it is worth its while to make another. Only a call that may have
    /// been done is made again: whoever asked has not been told that it was not.
    ///
    /// # Errors
    /// The attempt's; [`maybe_applied`](Error::maybe_applied) if any of them may have been done.
    pub(crate) async fn make<T>(
        &mut self,
        what: &str,
        attempt: impl Future<Output = Result<T>>,
    ) -> Result<Option<T>> {
        let error: Error = match time::within(self.deadline, what, attempt).await {
            Ok(answer) => return Ok(Some(answer)),
            Err(error) => error,
        };
        if error.kind() == ErrorKind::Timeout {
            return Err(error.with_maybe_applied(true));
        }
        self.repeats |= error.maybe_applied();
        if error.kind() != ErrorKind::Unavailable || !self.repeats || time::now() + PAUSE >= self.deadline {
            return Err(error.with_maybe_applied(self.repeats));
        }
        time::sleep(time::jitter(PAUSE)).await;
        Ok(None)
    }
}
