//! One look a second, in one command for all streams and sinks of a client: where each stream is, should a message have
//! been lost, and that each consumer lives.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::group::{number, strange};
use super::notice;
use crate::engine::redis::args::Args;
use crate::engine::redis::link::Link;
use crate::engine::redis::resp::Value;
use crate::engine::redis::script::LOOK;
use crate::engine::stream::StreamSink;
use crate::error::Result;
use crate::model::record::EventId;
use crate::time::{self, Instant};

/// How often.
const EVERY: Duration = Duration::from_secs(1);

/// How long a consumer that is not heard of is still taken for alive, in milliseconds: several looks may fail.
pub(super) const LEASE: u64 = 5_000;

/// All that is looked at.
#[derive(Default)]
pub(in crate::engine::redis) struct Look {
    streams: Mutex<BTreeMap<u64, Stream>>,
    consumers: Mutex<BTreeMap<u64, Consumer>>,
    added: AtomicU64,
    /// Wakes the task when there is something to look at.
    kick: Notify,
}

#[derive(Clone)]
struct Stream {
    /// Info, log, delayed events.
    keys: [Vec<u8>; 3],
    sink: Weak<dyn StreamSink>,
}

#[derive(Clone)]
struct Consumer {
    leases: Vec<u8>,
    name: String,
    group: String,
    lease: Arc<Lease>,
    sink: Weak<dyn StreamSink>,
}

/// Until when a consumer is a member for sure, by the clock here: it began to ask for the time before the server gave it.
pub(super) struct Lease(Mutex<Instant>);

impl Lease {
    /// One that was asked for at `sent`.
    pub(super) fn asked(sent: Instant) -> Arc<Self> {
        Arc::new(Self(Mutex::new(sent + Duration::from_millis(LEASE))))
    }

    /// It was asked for anew at `sent`, and given; whether there was a moment without it.
    fn renew(&self, sent: Instant) -> bool {
        let until = sent + Duration::from_millis(LEASE);
        std::mem::replace(&mut *self.0.lock(), until) < time::now()
    }

    pub(super) fn lasts(&self) -> bool {
        time::now() < *self.0.lock()
    }
}

impl Look {
    /// Begins to look, as long as the link's tasks run.
    pub(in crate::engine::redis) fn begin(link: &Arc<Link>) -> Arc<Self> {
        let look = Arc::new(Self::default());
        link.tasks.spawn(Self::run(look.clone(), Arc::downgrade(link)));
        look
    }

    /// Looks at a stream; the number is for [`Look::forget`].
    pub(super) fn stream(&self, keys: [Vec<u8>; 3], sink: Weak<dyn StreamSink>) -> u64 {
        let number = self.added.fetch_add(1, Ordering::Relaxed);
        self.streams.lock().insert(number, Stream { keys, sink });
        self.kick.notify_one();
        number
    }

    /// Keeps a consumer alive.
    pub(super) fn consumer(
        &self,
        leases: Vec<u8>,
        name: String,
        group: String,
        lease: Arc<Lease>,
        sink: Weak<dyn StreamSink>,
    ) -> u64 {
        let number = self.added.fetch_add(1, Ordering::Relaxed);
        self.consumers.lock().insert(number, Consumer { leases, name, group, lease, sink });
        self.kick.notify_one();
        number
    }

    pub(super) fn forget(&self, number: u64) {
        self.streams.lock().remove(&number);
        self.consumers.lock().remove(&number);
    }

    async fn run(look: Arc<Self>, link: Weak<Link>) {
        loop {
            let idle = look.streams.lock().is_empty() && look.consumers.lock().is_empty();
            if idle {
                look.kick.notified().await;
            }
            time::sleep(time::jitter(EVERY)).await;
            let Some(link) = link.upgrade() else { return };
            let looked =
                time::within(time::now() + Duration::from_millis(LEASE), "looking", look.once(&link));
            if let Err(error) = looked.await {
                tracing::debug!(%error, "could not look where the streams are");
            }
        }
    }

    async fn once(&self, link: &Arc<Link>) -> Result<()> {
        let streams: Vec<Stream> = self.streams.lock().values().cloned().collect();
        let consumers: Vec<Consumer> = self.consumers.lock().values().cloned().collect();
        if streams.is_empty() && consumers.is_empty() {
            return Ok(());
        }
        let mut args = Args::default();
        args.push_number(LEASE);
        args.push_number(streams.len());
        consumers.iter().for_each(|consumer| args.push(&consumer.name));
        let keys: Vec<Vec<u8>> = streams
            .iter()
            .flat_map(|stream| stream.keys.iter().cloned())
            .chain(consumers.iter().map(|consumer| consumer.leases.clone()))
            .collect();
        let (sent, asked) = (time::wall_ms(), time::now());
        let Value::Array(answer) = link.run(&LOOK, &keys, &args).await? else { return Err(strange()) };
        link.learn_clock(sent, answer.first().and_then(number).ok_or_else(strange)?);
        let (of_streams, of_consumers) =
            answer.get(1..).and_then(|rest| rest.split_at_checked(streams.len())).ok_or_else(strange)?;
        for (stream, found) in streams.iter().zip(of_streams) {
            if let Some(sink) = stream.sink.upgrade() {
                tell(&*sink, found)?;
            }
        }
        for (consumer, status) in consumers.iter().zip(of_consumers) {
            let was_over = *status != Value::Int(0) && consumer.lease.renew(asked);
            // It is no member any more, or another's time is over; or it may go on.
            if (*status != Value::Int(1) || was_over)
                && let Some(sink) = consumer.sink.upgrade()
            {
                sink.regrouped(&consumer.group);
            }
        }
        Ok(())
    }
}

fn tell(sink: &dyn StreamSink, found: &Value) -> Result<()> {
    match tail(found)? {
        Some(tail) => {
            sink.grown(tail.last);
            tail.due.into_iter().for_each(|due| sink.delayed(due));
        }
        None => sink.grown(EventId::default()),
    }
    Ok(())
}

/// What the script found of a stream.
pub(super) fn tail(found: &Value) -> Result<Option<crate::engine::stream::Tail>> {
    match found {
        Value::Array(found) => match &found[..] {
            [] => Ok(None),
            [Value::Text(meta), Value::Text(first), due] => notice::tail(meta, first, number(due)).map(Some),
            _ => Err(strange()),
        },
        _ => Err(strange()),
    }
}
