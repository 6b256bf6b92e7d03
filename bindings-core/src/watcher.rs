//! A watcher that foreign code may ask from any thread.
//!
//! Fetching and taking are two steps: an answer that is on its way to a caller who has given up meanwhile would
//! take its events along, and a gap is what a watcher never has.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use ponos::{Event, Watcher};
use tokio::sync::Notify;

/// A watcher for many callers: one of them waits at a time, the others wait for it.
#[derive(Debug)]
pub struct SharedWatcher {
    watcher: tokio::sync::Mutex<Option<Watcher>>,
    fetched: Mutex<Vec<Event>>,
    ended: AtomicBool,
    end: Notify,
}

impl SharedWatcher {
    /// Takes a watcher over.
    #[must_use]
    pub fn new(watcher: Watcher) -> Arc<Self> {
        let (watcher, fetched) = (tokio::sync::Mutex::new(Some(watcher)), Mutex::default());
        Arc::new(Self { watcher, fetched, ended: AtomicBool::new(false), end: Notify::new() })
    }

    /// The events that were fetched; `None` at the end.
    pub fn take(&self) -> Option<Vec<Event>> {
        let events = std::mem::take(&mut *self.fetched.lock());
        (!events.is_empty() || !self.ended.load(Ordering::SeqCst)).then_some(events)
    }

    /// Unsubscribes: whoever waits is at the end.
    pub fn close(&self) {
        self.ended.store(true, Ordering::SeqCst);
        self.end.notify_waiters();
        if let Ok(mut watcher) = self.watcher.try_lock() {
            *watcher = None;
        }
        self.fetched.lock().clear();
    }

    /// Waits until there is something to [`take`](Self::take).
    pub(crate) async fn fetch(&self, max: usize) {
        // Made before the flag is read, so that no end is missed in between.
        let ended = self.end.notified();
        if self.ended.load(Ordering::SeqCst) || !self.fetched.lock().is_empty() {
            return;
        }
        tokio::select! {
            biased;
            () = ended => *self.watcher.lock().await = None,
            () = self.fetch_next(max) => {}
        }
    }

    async fn fetch_next(&self, max: usize) {
        let mut watcher = self.watcher.lock().await;
        if !self.fetched.lock().is_empty() {
            return;
        }
        let Some(open) = &mut *watcher else { return };
        let events = open.next_batch(max).await;
        if events.is_empty() {
            *watcher = None;
            self.ended.store(true, Ordering::SeqCst);
        } else if !self.ended.load(Ordering::SeqCst) {
            *self.fetched.lock() = events;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::submit::tests::map;
    use crate::submit::{Submitted, block_on, submit};
    use crate::surface::{Answer, Call, MapCall};
    use ponos::{Map, SetOptions};

    fn set(map: &Map, key: &str) {
        let call = MapCall::Set { key: key.into(), value: "v".into(), options: SetOptions::default() };
        block_on(Call::Map { map: map.clone(), call }).expect("set");
    }

    #[test]
    fn what_nobody_took_is_there_for_the_next() {
        let map = map("watcher-kept");
        let watcher = SharedWatcher::new(map.watch("*"));
        let wait = || Call::Wait { watcher: watcher.clone(), max: 8 };
        block_on(wait()).expect("synced");
        block_on(wait()).expect("the same");
        set(&map, "a");
        assert_eq!(watcher.take().map(|events| events.len()), Some(1), "only synced was fetched");
        block_on(wait()).expect("set");
        let Ok(Answer::Events(events)) = block_on(Call::Next { watcher: watcher.clone(), max: 8 }) else {
            panic!("next")
        };
        assert_eq!(events[0].key().map(|key| &**key), Some("a"));
        assert_eq!(watcher.take(), Some(Vec::new()));
    }

    #[test]
    fn closing_ends_those_who_wait() {
        let map = map("watcher-closed");
        let watcher = SharedWatcher::new(map.watch("*"));
        block_on(Call::Next { watcher: watcher.clone(), max: 8 }).expect("synced");
        let (sender, receiver) = mpsc::sync_channel(1);
        let wait = Call::Wait { watcher: watcher.clone(), max: 8 };
        let waiting = submit(wait, move |result| sender.send(result).expect("room"));
        assert!(matches!(waiting, Submitted::Pending(_)));
        watcher.close();
        assert!(receiver.recv().expect("an answer").is_ok());
        assert_eq!(watcher.take(), None);
        block_on(Call::Wait { watcher: watcher.clone(), max: 8 }).expect("at the end");
    }
}
