//! Waiting for a condition.
#![allow(clippy::disallowed_methods, reason = "tests have a clock of their own")]

use std::time::{Duration, Instant};

/// How long anything may take that must happen.
const PATIENCE: Duration = Duration::from_secs(40);

/// Asks again and again until it holds.
///
/// # Errors
/// Those of asking.
///
/// # Panics
/// If it does not hold in time: `what` says what was waited for.
pub async fn until<E>(what: &str, holds: impl AsyncFn() -> Result<bool, E>) -> Result<(), E> {
    let start = Instant::now();
    while !holds().await? {
        assert!(start.elapsed() < PATIENCE, "{what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}
