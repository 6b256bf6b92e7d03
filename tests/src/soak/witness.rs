//! A watcher that writes down what it sees.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ponos::{Bytes, Event, Map, Reason, Shape};
use tokio::task::JoinHandle;

use super::history::{Account, Sight};

/// A watcher at work.
#[derive(Debug)]
pub struct Witness {
    seen: Arc<AtomicU64>,
    work: JoinHandle<Account>,
}

impl Witness {
    /// Watches a map that is still empty.
    #[must_use]
    pub fn new(name: String, map: &Map, merges: bool) -> Self {
        let mut watcher = map.watch("*");
        let seen = Arc::new(AtomicU64::new(0));
        let last = seen.clone();
        let work = tokio::spawn(async move {
            let mut account = Account { name, merges, sights: Vec::new() };
            loop {
                let events = watcher.next_batch(256).await;
                let Some(revision) = events.last().map(Event::revision) else { return account };
                account.sights.extend(events.into_iter().filter_map(sight));
                last.store(revision, Ordering::Release);
                if merges {
                    // It falls behind on purpose: its queue is short.
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                }
            }
        });
        Self { seen, work }
    }

    /// The last revision it has seen.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.seen.load(Ordering::Acquire)
    }

    /// What it saw, once its map is closed.
    pub async fn account(self) -> Account {
        self.work.await.expect("a witness does not panic")
    }
}

fn sight(event: Event) -> Option<Sight> {
    let revision = event.revision();
    Some(match event {
        Event::Set { key, value, shape, old, .. } => {
            let old = old.map(|old| last(&old, shape));
            Sight::Change { revision, key: key.to_string(), value: Some(last(&value, shape)), old }
        }
        // What is removed here is plain: lists and counters stay.
        Event::Delete { key, old, .. } | Event::Expire { key, old, .. } => {
            let old = old.map(|old| last(&old, Shape::Plain));
            Sight::Change { revision, key: key.to_string(), value: None, old }
        }
        Event::Resynced { reason, to, .. } => {
            Sight::Resync { to: to.revision, lost: reason != Reason::Trimmed }
        }
        _ => return None,
    })
}

/// A plain value, or the last item of a list.
fn last(value: &Bytes, shape: Shape) -> String {
    items(value, shape).pop().unwrap_or_default()
}

/// The items of a list; a plain value is a list of one.
#[must_use]
pub fn items(value: &Bytes, shape: Shape) -> Vec<String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match shape {
        Shape::Plain => vec![text(value)],
        _ => ponos::model::items::split(value).map(|item| text(&item)).collect(),
    }
}
