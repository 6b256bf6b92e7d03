//! How a lone call waits for its answer: it looks for it before its core goes to sleep.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::time::{self, Instant};

/// Waits for answers that may come sooner than a sleeping core wakes: it looks again and again for a moment,
/// letting other tasks run in between, as long as that has paid off lately.
///
/// Only for calls that follow each other closely: a server on the same machine that has slept is woken on the core
/// of whoever writes to it, and a core that looks for the answer is what keeps it from giving one.
#[derive(Debug)]
pub(super) struct Soon {
    /// When it was asked last.
    last: Mutex<Option<Instant>>,
    /// How often in a row it was in vain.
    vain: AtomicU32,
    /// Whether there is a second core, so that who shall answer is not kept from it.
    cores: bool,
}

impl Default for Soon {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().is_ok_and(|cores| cores.get() > 1);
        Self { last: Mutex::new(None), vain: AtomicU32::new(0), cores }
    }
}

impl Soon {
    /// How long it looks: an answer from the same machine takes 20 to 100 µs.
    const WHILE: Duration = Duration::from_micros(120);
    /// How soon after the one before a call follows it closely.
    const CLOSE: Duration = Duration::from_micros(300);
    /// How often at most, should the clock stand still.
    const LOOKS: usize = 10_000;
    /// After so many vain waits in a row only each of so many calls looks.
    const SELDOM: u32 = 64;

    /// Whether a call follows the one before closely.
    pub(super) fn is_close(&self) -> bool {
        let now = time::now();
        self.last.lock().replace(now).is_some_and(|last| now - last < Self::CLOSE)
    }

    /// Returns when `ready`, or when it has looked long enough.
    pub(super) async fn until(&self, ready: impl Fn() -> bool) {
        if !self.cores || ready() {
            return;
        }
        let vain = self.vain.load(Ordering::Relaxed);
        if vain > 8 && !vain.is_multiple_of(Self::SELDOM) {
            self.vain.store(vain.wrapping_add(1), Ordering::Relaxed);
            return;
        }
        let until = time::now() + Self::WHILE;
        for _ in 0..Self::LOOKS {
            if ready() {
                return self.vain.store(0, Ordering::Relaxed);
            }
            if time::now() >= until {
                break;
            }
            tokio::task::yield_now().await;
        }
        self.vain.store(vain.wrapping_add(1), Ordering::Relaxed);
    }
}
