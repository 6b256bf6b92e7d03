//! Streams at a Redis server.
//!
//! A stream is a few names in one hash slot: info (where it is, and how far its groups are), a Redis stream whose
//! entries are batches with ids `generation-number`, a channel, and where they are needed delayed events, ids against
//! duplicates, and numbers that were removed. A group is a hash of parts with versions, and a sorted set of its
//! consumers by the end of their time.
//!
//! `publishes` makes shared calls of what is published, `group` changes groups, `step` does several things at once,
//! `look` finds what was lost; `notice` and `cells` read and write bytes.

pub(super) mod cells;
mod group;
pub(super) mod look;
pub(super) mod notice;
pub(super) mod publishes;
mod step;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use bytes::Bytes;
use tokio::sync::OnceCell;

use super::args::Args;
use super::commit::Commit;
use super::link::Link;
use super::push::Ear;
use super::resp::Value;
use super::script::{DESTROY_STREAM, JOIN, LOOK, RELEASE, REMOVE, SINCE, Script};
use crate::engine::Reply;
use crate::engine::stream::{GroupEngine, StreamEngine, StreamId, StreamSink, Tail};
use crate::error::{Error, Result};
use crate::model::group::{ConsumerId, Group};
use crate::model::log::{Publish, Retention, Verdict};
use crate::model::record::{Batch, EventId, Record};
use crate::model::settings::{Settings, Start};
use crate::time;
use cells::Cells;
pub(super) use group::RedisGroup;
use group::{GroupKeys, number, pairs, read_group, scores, strange};
use look::{Lease, Look};
use publishes::Publishes;

/// The most entries of the log that are read in one call.
const ENTRIES: usize = 512;

/// The names of a stream at the server: all in one slot.
#[derive(Clone)]
pub(super) struct StreamKeys {
    base: String,
    /// Info, log, delayed events, ids of this window, ids of the one before, marks.
    publish: [Vec<u8>; 6],
    removed: Vec<u8>,
    pub(super) channel: Vec<u8>,
}

impl StreamKeys {
    pub(super) fn new(prefix: &str, scope: &str, name: &str) -> Self {
        let base = format!("{prefix}{{{scope}}}:s:{name}:");
        let key = |suffix: &str| format!("{base}{suffix}").into_bytes();
        let publish = ["i", "log", "z", "d0", "d1", "b"].map(key);
        let (removed, channel) = (key("x"), key("c"));
        Self { base, publish, removed, channel }
    }

    fn info(&self) -> &[u8] {
        &self.publish[0]
    }

    fn log(&self) -> &[u8] {
        &self.publish[1]
    }

    fn group(&self, name: &str) -> GroupKeys {
        let key = |kind: &str| format!("{}{kind}:{name}", self.base).into_bytes();
        GroupKeys { names: [self.publish[0].clone(), key("g"), key("p")], channel: self.channel.clone() }
    }
}

/// A stream that one client has open.
pub(super) struct RedisStream {
    link: Arc<Link>,
    look: Arc<Look>,
    keys: StreamKeys,
    commit: Arc<Commit<Publishes>>,
    sink: Weak<dyn StreamSink>,
    /// Where the client keeps its consumers, for steps.
    groups: super::Groups,
    /// The life of the stream that was seen last.
    generation: AtomicU64,
    /// How many events an entry has, on average.
    density: AtomicUsize,
    /// The number of its subscription, once somebody listens.
    subscription: OnceCell<u64>,
    looked_at: u64,
}

impl RedisStream {
    pub(super) fn new(
        link: Arc<Link>,
        look: Arc<Look>,
        keys: StreamKeys,
        id: &StreamId,
        sink: Weak<dyn StreamSink>,
        groups: super::Groups,
    ) -> Self {
        let commit = Commit::new(link.clone(), Publishes::new(&keys, &id.codec));
        let [info, log, delayed, ..] = keys.publish.clone();
        let looked_at = look.stream([info, log, delayed], sink.clone());
        let (generation, density) = (AtomicU64::new(0), AtomicUsize::new(1));
        let subscription = OnceCell::new();
        Self { link, look, keys, commit, sink, groups, generation, density, subscription, looked_at }
    }

    async fn run(&self, script: &Script, keys: &[Vec<u8>], args: &Args) -> Result<Value> {
        self.link.run(script, keys, args).await
    }

    async fn look(&self) -> Result<Option<Tail>> {
        let mut args = Args::default();
        args.push_number(look::LEASE);
        args.push_number(1);
        let Value::Array(answer) = self.run(&LOOK, &self.keys.publish[..3], &args).await? else {
            return Err(strange());
        };
        let tail = look::tail(answer.get(1).ok_or_else(strange)?)?;
        let generation = tail.as_ref().map_or(0, |tail| tail.last.generation);
        self.generation.store(generation, Ordering::Relaxed);
        Ok(tail)
    }

    async fn page(&self, from: u64, most: usize) -> Result<Vec<Batch>> {
        let mut generation = self.generation.load(Ordering::Relaxed);
        if generation == 0 {
            let Some(tail) = self.look().await? else { return Ok(Vec::new()) };
            generation = tail.last.generation;
        }
        let entries = most.div_ceil(self.density.load(Ordering::Relaxed)).clamp(1, ENTRIES);
        let mut log = redis::cmd("XRANGE");
        log.arg(self.keys.log()).arg(format!("{generation}-{from}")).arg("+").arg("COUNT").arg(entries);
        let mut removed = redis::cmd("ZRANGEBYSCORE");
        removed.arg(&self.keys.removed).arg(from).arg("+inf").arg("LIMIT").arg(0).arg(1_000);
        let (log, removed) = tokio::join!(self.link.call(log), self.link.call(removed));
        let (Value::Array(log), Value::Array(removed)) = (log?, removed?) else { return Err(strange()) };
        let removed: BTreeSet<u64> = removed.iter().filter_map(number).collect();
        let mut batches = log.into_iter().map(batch).collect::<Result<Vec<Batch>>>()?;
        for batch in batches.iter_mut().filter(|_| !removed.is_empty()) {
            for (seq, record) in (batch.first..).zip(&mut batch.records) {
                if removed.contains(&seq) {
                    *record = Record::removed();
                }
            }
        }
        if let Some(last) = batches.last() {
            self.generation.store(last.generation, Ordering::Relaxed);
            let events: usize = batches.iter().map(|batch| batch.records.len()).sum();
            self.density.store((events / batches.len()).max(1), Ordering::Relaxed);
        }
        Ok(batches)
    }

    async fn names(&self) -> Result<Vec<String>> {
        let mut command = redis::cmd("HKEYS");
        command.arg(self.keys.info());
        let Value::Array(names) = self.link.call(command).await? else { return Err(strange()) };
        let name = |name: &Value| match name {
            Value::Text(name) => String::from_utf8(name.to_vec()).ok().filter(|name| !name.is_empty()),
            _ => None,
        };
        Ok(names.iter().filter_map(name).collect())
    }

    async fn all_groups(&self) -> Result<Vec<(String, Arc<Group>)>> {
        let mut groups = Vec::new();
        for name in self.names().await? {
            if let Some((cells, _)) = read_group(&self.link, &self.keys.group(&name), false, None).await? {
                groups.push((name, Arc::new(cells.group)));
            }
        }
        Ok(groups)
    }

    async fn end_life(&self) -> Result<bool> {
        let mut keys = self.keys.publish.to_vec();
        keys.push(self.keys.removed.clone());
        for name in self.names().await? {
            let [_, group, leases] = self.keys.group(&name).names;
            keys.extend([group, leases]);
        }
        let mut args = Args::default();
        args.push(&self.keys.channel);
        let was = self.run(&DESTROY_STREAM, &keys, &args).await?;
        self.generation.store(0, Ordering::Relaxed);
        Ok(was == Value::Int(1))
    }

    async fn end_group(&self, name: &str) -> Result<bool> {
        let [info, group, leases] = self.keys.group(name).names;
        // In this order: who changes the group afterwards finds it gone, and does not say again how far it is.
        let (mut parts, mut floor, mut tell) =
            (redis::cmd("UNLINK"), redis::cmd("HDEL"), redis::cmd("PUBLISH"));
        parts.arg(group).arg(leases);
        floor.arg(info).arg(name);
        tell.arg(&self.keys.channel).arg([b"g", name.as_bytes()].concat());
        self.link.call(parts).await?;
        let was = self.link.call(floor).await?;
        self.link.call(tell).await?;
        Ok(was == Value::Int(1))
    }

    /// Where a new group is to begin: a word and a number.
    async fn place(&self, start: Start) -> Result<(&'static str, u64)> {
        Ok(match start {
            Start::First => ("first", 0),
            Start::End => ("end", 0),
            Start::Last(count) => ("last", count),
            Start::Time(at) => ("behind", self.seek(at).await?.max(1) - 1),
            Start::Behind(id) => {
                let tail = self.look().await?;
                if tail.is_none_or(|tail| tail.last.generation != id.generation) {
                    let message = format!("the event {id} is of a life of the stream that has ended");
                    return Err(Error::not_found(message));
                }
                ("behind", id.seq)
            }
        })
    }

    async fn seek(&self, at: u64) -> Result<u64> {
        let mut args = Args::default();
        args.push_number(at);
        number(&self.run(&SINCE, &self.keys.publish[..2], &args).await?).ok_or_else(strange)
    }

    async fn enter(&self, name: String, settings: Settings, start: Start) -> Result<Arc<dyn GroupEngine>> {
        let (word, place) = self.place(start).await?;
        let consumer: ConsumerId = time::random_u64().max(1);
        let keys = self.keys.group(&name);
        let mut args = self.commit.freight.head(&Retention::default());
        args.push(&name);
        args.push(settings.write());
        args.push(cells::name(consumer));
        args.push_number(look::LEASE);
        args.push(word);
        args.push_number(place);
        args.push_number(settings.lanes().unwrap_or(1));
        args.push(time::random_u64().to_be_bytes());
        let mut names = self.keys.publish.to_vec();
        names.extend(keys.names[1..].iter().cloned());
        let lease = Lease::asked(time::now());
        let Value::Array(answer) = self.run(&JOIN, &names, &args).await? else { return Err(strange()) };
        let (generation, fields, leases) = match &answer[..] {
            [Value::Int(1), Value::Int(generation), Value::Array(fields), Value::Array(leases)] => {
                (u64::try_from(*generation).map_err(|_| strange())?, fields, leases)
            }
            [Value::Int(0), Value::Text(theirs)] => return Err(other_settings(&name, theirs, &settings)),
            _ => return Err(strange()),
        };
        self.generation.store(generation, Ordering::Relaxed);
        let owned = settings.lanes().is_some();
        let cells = Cells::read(&pairs(fields)?, &scores(leases)?, owned)?;
        let [_, _, leases] = keys.names.clone();
        let number =
            self.look.consumer(leases, cells::name(consumer), name.clone(), lease.clone(), self.sink.clone());
        let (link, look) = (self.link.clone(), self.look.clone());
        let group =
            RedisGroup::new(link, look, keys, name, consumer, generation, owned, cells, number, lease);
        let group = Arc::new(group);
        let mut groups = self.groups.lock();
        groups.retain(|_, group| group.strong_count() > 0);
        groups.insert(consumer, Arc::downgrade(&group));
        Ok(group)
    }
}

fn other_settings(name: &str, theirs: &Bytes, wanted: &Settings) -> Error {
    let theirs = std::str::from_utf8(theirs).ok().and_then(Settings::read);
    let difference = theirs.and_then(|theirs| theirs.difference(wanted));
    let difference = difference.unwrap_or_else(|| "settings that this version does not know".to_owned());
    Error::invalid(format!("the group {name:?} was created with {difference}"))
}

/// The batch in an entry of the log: `[id, ["e", batch]]`.
fn batch(entry: Value) -> Result<Batch> {
    let Value::Array(mut entry) = entry else { return Err(strange()) };
    let Some(Value::Array(mut fields)) = entry.pop() else { return Err(strange()) };
    let Some(Value::Text(message)) = fields.pop() else { return Err(strange()) };
    Ok(notice::batch(&message)?.0)
}

impl StreamEngine for RedisStream {
    fn publish<'a>(&'a self, request: &'a Publish, keep: Retention) -> Reply<'a, Verdict> {
        Box::pin(self.commit.send((request.clone(), keep)))
    }

    fn listen(&self) -> Reply<'_, bool> {
        Box::pin(async {
            let news = !self.subscription.initialized();
            let ear = || Ear::Stream(self.sink.clone());
            let open = || async { self.link.subscribe(&self.keys.channel, ear()).await };
            self.subscription.get_or_try_init(open).await?;
            Ok(news)
        })
    }

    fn tail(&self) -> Reply<'_, Option<Tail>> {
        Box::pin(self.look())
    }

    fn read(&self, from: u64, most: usize) -> Reply<'_, Vec<Batch>> {
        Box::pin(self.page(from, most))
    }

    fn since(&self, at: u64) -> Reply<'_, u64> {
        Box::pin(self.seek(at))
    }

    fn remove(&self, id: EventId) -> Reply<'_, bool> {
        Box::pin(async move {
            let mut args = Args::default();
            args.push(&self.keys.channel);
            args.push_number(id.generation);
            args.push_number(id.seq);
            let [info, log, ..] = self.keys.publish.clone();
            let removed = self.run(&REMOVE, &[info, log, self.keys.removed.clone()], &args).await?;
            Ok(removed == Value::Int(1))
        })
    }

    fn release(&self, keep: Retention) -> Reply<'_, ()> {
        Box::pin(async move {
            let args = self.commit.freight.head(&keep);
            self.run(&RELEASE, &self.keys.publish, &args).await.map(drop)
        })
    }

    fn destroy(&self) -> Reply<'_, bool> {
        Box::pin(self.end_life())
    }

    fn groups(&self) -> Reply<'_, Vec<(String, Arc<Group>)>> {
        Box::pin(self.all_groups())
    }

    fn disband(&self, group: String) -> Reply<'_, bool> {
        Box::pin(async move { self.end_group(&group).await })
    }

    fn join(&self, group: String, settings: Settings, start: Start) -> Reply<'_, Arc<dyn GroupEngine>> {
        Box::pin(self.enter(group, settings, start))
    }
}

impl Drop for RedisStream {
    fn drop(&mut self) {
        self.look.forget(self.looked_at);
        if let Some(number) = self.subscription.get() {
            self.link.leave(self.keys.channel.clone(), *number);
        }
    }
}
