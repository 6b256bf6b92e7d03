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
    name: String,
}

impl SharedWatcher {
    /// Takes the watcher of the map of this name over.
    #[must_use]
    pub fn new(watcher: Watcher, map: &str) -> Arc<Self> {
        let (watcher, fetched) = (tokio::sync::Mutex::new(Some(watcher)), Mutex::default());
        let (ended, end, name) = (AtomicBool::new(false), Notify::new(), map.to_owned());
        Arc::new(Self { watcher, fetched, ended, end, name })
    }

    /// The name of the map it watches.
    pub fn name(&self) -> &str {
        &self.name
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

    use crate::plain::{Object, Plain};
    use crate::submit::tests::{ask, map};
    use crate::submit::{Submitted, submit};

    fn watch(map: &Object) -> Object {
        let Plain::Object(watcher) = ask(map, "map.watch", ["*".into()]) else { panic!("watch") };
        watcher
    }

    fn taken(watcher: &Object) -> Option<usize> {
        match ask(watcher, "watch.take", []) {
            Plain::Events(events) => Some(events.len()),
            _ => None,
        }
    }

    #[test]
    fn what_nobody_took_is_there_for_the_next() {
        let map = map("watcher-kept");
        let watcher = watch(&map);
        ask(&watcher, "watch.wait", [Plain::Count(8)]);
        ask(&watcher, "watch.wait", [Plain::Count(8)]);
        ask(&map, "map.set", ["a".into(), "v".into()]);
        assert_eq!(taken(&watcher), Some(1), "only synced was fetched");
        ask(&watcher, "watch.wait", [Plain::Count(8)]);
        let Plain::Events(events) = ask(&watcher, "watch.next", [Plain::Count(8)]) else { panic!("next") };
        assert_eq!(events[0].key().map(|key| &**key), Some("a"));
        assert_eq!(taken(&watcher), Some(0));
    }

    #[test]
    fn closing_ends_those_who_wait() {
        let watcher = watch(&map("watcher-closed"));
        ask(&watcher, "watch.next", [Plain::Count(8)]);
        let (sender, receiver) = mpsc::sync_channel(1);
        let done = move |result| sender.send(result).expect("room");
        let waiting = submit(&watcher, "watch.wait", vec![Plain::Count(8)], done);
        assert!(matches!(waiting, Submitted::Pending(_)));
        ask(&watcher, "watch.close", []);
        assert!(receiver.recv().expect("an answer").is_ok());
        assert_eq!(taken(&watcher), None);
        ask(&watcher, "watch.wait", [Plain::Count(8)]);
    }
}
