//! What gives things one after the other, for foreign code that may ask from any thread.
//!
//! Waiting and taking are two steps: an answer that is on its way to a caller who has given up meanwhile would take its
//! things along, and a gap is what neither watchers nor readers have. (A sink needs none of this: it hands out nothing
//! before it is asked to.)

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use ponos::stream::{Item, Merged, MergedReader};
use ponos::{Event, EventId, Reader, Result, Watcher};
use tokio::sync::Notify;

/// What gives things one after the other, to one caller.
pub trait Source: Send {
    /// What it gives.
    type Item: Send;

    /// Waits until there is something to take; false at the end. Given up, it has taken nothing.
    fn ready(&mut self, max: usize) -> impl Future<Output = Result<bool>> + Send;

    /// What is there, of readers at most `max`.
    fn take(&mut self, max: usize) -> Vec<Self::Item>;
}

/// A source for many callers: one of them waits at a time, the others wait for it.
#[derive(Debug)]
pub struct Shared<S> {
    source: tokio::sync::Mutex<Option<S>>,
    ended: AtomicBool,
    end: Notify,
    name: String,
}

impl<S: Source> Shared<S> {
    /// Takes the source over; `name` is that of the map or stream that it is of.
    fn new(source: S, name: &str) -> Self {
        let (source, ended) = (tokio::sync::Mutex::new(Some(source)), AtomicBool::new(false));
        Self { source, ended, end: Notify::new(), name: name.to_owned() }
    }

    /// The name of the map or stream that it is of.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What is there now; `None` at the end.
    pub fn take(&self, max: usize) -> Option<Vec<S::Item>> {
        if self.ended.load(Ordering::SeqCst) {
            return None;
        }
        // Whoever has it waits, so there is nothing.
        let Ok(mut source) = self.source.try_lock() else { return Some(Vec::new()) };
        source.as_mut().map(|source| source.take(max))
    }

    /// Ends it: whoever waits is at the end.
    pub fn close(&self) {
        self.ended.store(true, Ordering::SeqCst);
        self.end.notify_waiters();
        if let Ok(mut source) = self.source.try_lock() {
            *source = None;
        }
    }

    /// Waits until there is something to [`take`](Self::take), or the end.
    pub(crate) async fn ready(&self, max: usize) -> Result<()> {
        // Made before the flag is read, so that no end is missed in between.
        let ended = self.end.notified();
        if self.ended.load(Ordering::SeqCst) {
            return Ok(());
        }
        tokio::select! {
            biased;
            () = ended => {
                *self.source.lock().await = None;
                Ok(())
            }
            ready = self.wait(max) => ready,
        }
    }

    /// Waits, and takes what there is, for one who does not give up meanwhile; nothing at the end.
    pub(crate) async fn next(&self, max: usize) -> Result<Vec<S::Item>> {
        loop {
            self.ready(max).await?;
            match self.take(max) {
                None => return Ok(Vec::new()),
                Some(taken) if !taken.is_empty() => return Ok(taken),
                Some(_) => {} // another was faster
            }
        }
    }

    async fn wait(&self, max: usize) -> Result<()> {
        let mut source = self.source.lock().await;
        if let Some(open) = &mut *source
            && !open.ready(max).await?
        {
            *source = None;
            self.ended.store(true, Ordering::SeqCst);
        }
        Ok(())
    }
}

impl<S> AsRef<Self> for Shared<S> {
    fn as_ref(&self) -> &Self {
        self
    }
}

/// A watcher with the events that it has fetched.
#[derive(Debug)]
pub struct Watching {
    watcher: Watcher,
    fetched: Vec<Event>,
}

impl Source for Watching {
    type Item = Event;

    async fn ready(&mut self, max: usize) -> Result<bool> {
        if self.fetched.is_empty() {
            self.fetched = self.watcher.next_batch(max).await;
        }
        Ok(!self.fetched.is_empty())
    }

    fn take(&mut self, _: usize) -> Vec<Event> {
        std::mem::take(&mut self.fetched)
    }
}

/// A watcher for many callers.
pub type SharedWatcher = Shared<Watching>;

impl SharedWatcher {
    /// Takes the watcher of the map of this name over.
    #[must_use]
    pub fn watch(watcher: Watcher, map: &str) -> Arc<Self> {
        Arc::new(Self::new(Watching { watcher, fetched: Vec::new() }, map))
    }
}

/// A reader that says where it is.
#[derive(Debug)]
pub struct Reading {
    reader: Reader,
    trail: Arc<Mutex<Vec<EventId>>>,
}

impl Source for Reading {
    type Item = Item;

    async fn ready(&mut self, _: usize) -> Result<bool> {
        self.reader.ready().await
    }

    fn take(&mut self, max: usize) -> Vec<Item> {
        let before = self.reader.position();
        let items = self.reader.try_next_batch(max);
        let mut trail = self.trail.lock();
        trail.clear();
        trail.push(before);
        trail.extend(items.iter().map(Item::position));
        items
    }
}

/// A reader for many callers.
#[derive(Debug)]
pub struct SharedReader {
    pub(crate) shared: Shared<Reading>,
    /// Where it was before what was taken last, and after each of it.
    trail: Arc<Mutex<Vec<EventId>>>,
}

impl SharedReader {
    /// Takes a reader of the stream of this name over.
    #[must_use]
    pub fn read(reader: Reader, stream: &str) -> Arc<Self> {
        let trail = Arc::new(Mutex::new(vec![reader.position()]));
        let shared = Shared::new(Reading { reader, trail: trail.clone() }, stream);
        Arc::new(Self { shared, trail })
    }

    /// Where a program is that was not told yet of so many items of those taken last.
    #[must_use]
    pub fn position(&self, untold: usize) -> EventId {
        if untold == 0
            && let Ok(source) = self.shared.source.try_lock()
            && let Some(reading) = &*source
        {
            // It may have passed by events that nobody wants.
            return reading.reader.position();
        }
        let trail = self.trail.lock();
        trail[(trail.len() - 1).saturating_sub(untold)]
    }
}

impl AsRef<Shared<Reading>> for SharedReader {
    fn as_ref(&self) -> &Shared<Reading> {
        &self.shared
    }
}

/// A reader of several streams.
#[derive(Debug)]
pub struct Merging(MergedReader);

impl Source for Merging {
    type Item = Merged;

    async fn ready(&mut self, _: usize) -> Result<bool> {
        self.0.ready().await
    }

    fn take(&mut self, max: usize) -> Vec<Merged> {
        self.0.try_next_batch(max)
    }
}

/// A reader of several streams for many callers.
pub type SharedMerged = Shared<Merging>;

impl SharedMerged {
    /// Takes a reader of several streams over; its errors name the stream that they are of.
    #[must_use]
    pub fn merge(reader: MergedReader) -> Arc<Self> {
        Arc::new(Self::new(Merging(reader), ""))
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
        match ask(watcher, "watch.take", [Plain::Count(8)]) {
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
