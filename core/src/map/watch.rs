//! Watchers: the stream of a map's events for one reader.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use parking_lot::Mutex;

use super::follow::Follower;
use super::snapshot::View;
use crate::model::event::Event;
use crate::model::filter::Filter;
use crate::model::value::{Key, Shape};
use crate::model::watch::Queue;

/// The events of a map, in order and without gaps.
///
/// It is a [`Stream`] that ends when the map is closed. A watcher that is slow gets the events of one key
/// merged once more than [`MapOptions::watch_queue`](super::MapOptions::watch_queue) wait, and never loses
/// one silently. Dropping it unsubscribes.
#[derive(Debug)]
pub struct Watcher {
    channel: Arc<Channel>,
    follower: Arc<Follower>,
}

/// The end of a watcher that the replica feeds.
#[derive(Debug)]
pub(super) struct Channel(Mutex<State>);

#[derive(Debug)]
struct State {
    start: Start,
    queue: Queue,
    filter: Filter,
    waker: Option<Waker>,
    ended: bool,
}

/// What comes before the live events.
#[derive(Debug)]
enum Start {
    /// The past is being read from the engine.
    Loading,
    /// These events, then those of the queue.
    Events(VecDeque<Event>),
    /// A `Set` for each of these keys as the view has them, then `Synced`.
    Snapshot(Arc<View>, std::vec::IntoIter<Key>),
    Done,
}

impl Channel {
    pub(super) fn new(filter: Filter, limit: usize) -> Self {
        let queue = Queue::new(filter.clone(), limit.max(1));
        Self(Mutex::new(State { start: Start::Loading, queue, filter, waker: None, ended: false }))
    }

    /// Begins with what `view` holds.
    pub(super) fn start_with_snapshot(&self, view: Arc<View>, now: u64) {
        let mut state = self.0.lock();
        let wanted = |key: &Key| state.filter.matches(key);
        let alive = view.entries.iter().filter(|(_, entry)| entry.alive(now));
        let mut keys: Vec<Key> = alive.map(|(key, _)| key.clone()).filter(wanted).collect();
        keys.sort_unstable();
        state.start = Start::Snapshot(view, keys.into_iter());
    }

    /// Begins with these events.
    pub(super) fn start_with_events(&self, events: impl IntoIterator<Item = Event>) {
        let mut state = self.0.lock();
        let wanted = |event: &Event| event.key().is_none_or(|key| state.filter.matches(key));
        let events = events.into_iter().filter(wanted).collect();
        state.start = Start::Events(events);
        state.wake();
    }

    pub(super) fn push(&self, event: &Event) {
        self.0.lock().queue.push(event);
    }

    pub(super) fn wake(&self) {
        let mut state = self.0.lock();
        if !state.queue.is_empty() {
            state.wake();
        }
    }

    pub(super) fn end(&self) {
        let mut state = self.0.lock();
        state.ended = true;
        if matches!(state.start, Start::Loading) {
            state.start = Start::Done;
        }
        state.wake();
    }
}

impl State {
    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn next(&mut self) -> Option<Event> {
        loop {
            match &mut self.start {
                Start::Loading => return None,
                Start::Done => return self.queue.pop(),
                Start::Events(events) => match events.pop_front() {
                    Some(event) => return Some(event),
                    None => self.start = Start::Done,
                },
                Start::Snapshot(view, keys) => {
                    let Some(key) = keys.next() else {
                        let revision = view.position.revision;
                        self.start = Start::Done;
                        return Some(Event::Synced { revision });
                    };
                    if let Some(entry) = view.entries.get(&key) {
                        return Some(present(key, entry));
                    }
                }
            }
        }
    }
}

/// The event that tells of an entry that was there before the watcher.
pub(super) fn present(key: Key, entry: &crate::model::value::Entry) -> Event {
    let (value, shape, revision) = (entry.value.clone(), entry.shape, entry.revision);
    Event::Set { key, value, shape, old: None, old_shape: Shape::Plain, revision, coalesced: 1 }
}

impl Watcher {
    pub(super) fn new(channel: Arc<Channel>, follower: Arc<Follower>) -> Self {
        Self { channel, follower }
    }

    /// The next event; `None` once the map is closed and all is read.
    ///
    /// Cancel safe: an event is taken only when it is returned.
    pub async fn next(&mut self) -> Option<Event> {
        std::future::poll_fn(|context| self.poll(context)).await
    }

    /// Waits for an event, then gives all that wait, at most `max`; empty once the map is closed.
    ///
    /// Cancel safe, like [`Watcher::next`]. This is the fast way: one lock for many events.
    pub async fn next_batch(&mut self, max: usize) -> Vec<Event> {
        let first = std::future::poll_fn(|context| self.poll(context)).await;
        let mut batch = Vec::new();
        let Some(first) = first else { return batch };
        batch.push(first);
        let mut state = self.channel.0.lock();
        while batch.len() < max {
            let Some(event) = state.next() else { break };
            batch.push(event);
        }
        batch
    }

    fn poll(&self, context: &mut Context<'_>) -> Poll<Option<Event>> {
        let mut state = self.channel.0.lock();
        if let Some(event) = state.next() {
            return Poll::Ready(Some(event));
        }
        if state.ended {
            return Poll::Ready(None);
        }
        if !state.waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            state.waker = Some(context.waker().clone());
        }
        Poll::Pending
    }
}

impl Stream for Watcher {
    type Item = Event;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Event>> {
        self.poll(context)
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.follower.detach(&self.channel);
    }
}
