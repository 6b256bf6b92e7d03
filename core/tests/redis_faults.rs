//! The promises of a map on Redis, each with something that tries to break it: cut connections, lost answers, a
//! server that is killed, paused, flushed or has another history, a trimmed log, garbage on the channel.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests have a clock of their own and may panic"
)]

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use ponos::{ErrorKind, Event, Map, MapOptions, Ponos, Reason, Result, SetOptions, Status, Watcher};
use ponos_test_support::{Proxy, RedisServer};

const PATIENCE: Duration = Duration::from_secs(60);

async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("{what} does not happen"))
}

async fn map(url: &str) -> Result<(Ponos, Map)> {
    let client = Ponos::open(url).await?;
    // No event is merged here: each is to be counted.
    let map = client.map_with("m", MapOptions::default().watch_queue(1_000_000)).await?;
    Ok((client, map))
}

/// What a map holds.
fn contents(map: &Map) -> BTreeMap<String, Bytes> {
    map.snapshot().iter().map(|(key, entry)| (key.to_string(), entry.value.clone())).collect()
}

async fn live(map: &Map) {
    soon("being live", map.status_is(|status| *status == Status::Live)).await;
}

/// Follows a watcher and checks that it could do without looking at the map: revisions in order, each once, and
/// the old values are those of its own copy.
struct Witness {
    watcher: Watcher,
    copy: BTreeMap<String, Bytes>,
    revision: u64,
    resyncs: Vec<Reason>,
    changes: u64,
}

impl Witness {
    fn new(map: &Map) -> Self {
        let (copy, revision) = (contents(map), map.revision());
        Self { watcher: map.watch("*"), copy, revision, resyncs: Vec::new(), changes: 0 }
    }

    async fn until(&mut self, revision: u64) {
        while self.revision < revision {
            let events = soon("an event", self.watcher.next_batch(1_000)).await;
            assert!(!events.is_empty(), "the watcher ended at {}", self.revision);
            events.into_iter().for_each(|event| self.take(event));
        }
    }

    fn take(&mut self, event: Event) {
        let ordered = event.revision() >= self.revision || matches!(event, Event::Resynced { .. });
        assert!(ordered, "revision {} after {}", event.revision(), self.revision);
        let gapless = event.coalesced() != 1 || event.revision() <= self.revision + 1;
        assert!(gapless || !self.resyncs.is_empty(), "{} after {}", event.revision(), self.revision);
        self.revision = event.revision();
        self.changes += u64::from(event.coalesced());
        match event {
            Event::Set { key, value, old, .. } => {
                assert_eq!(self.copy.insert(key.to_string(), value), old, "old value of {key:?}");
            }
            Event::Delete { key, old, .. } | Event::Expire { key, old, .. } => {
                assert_eq!(self.copy.remove(&*key), old, "old value of {key:?}");
            }
            Event::Clear { .. } => self.copy.clear(),
            Event::Resynced { reason, .. } => self.resyncs.push(reason),
            _ => {}
        }
    }
}

/// Subscriptions die again and again while eight writers write: every replica ends equal to the server, every
/// watcher sees each change once and in order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_subscriptions_lose_nothing() -> Result<()> {
    const WRITES: u64 = 100_000;
    let server = RedisServer::start();
    let mut nodes = Vec::new();
    for _ in 0..3 {
        nodes.push(map(&server.url()).await?);
    }
    let mut witnesses: Vec<Witness> = nodes.iter().map(|(_, map)| Witness::new(map)).collect();
    let done = Arc::new(AtomicBool::new(false));
    let finished = done.clone();
    let killer = tokio::task::spawn_blocking(move || {
        let mut kills = 0;
        while !finished.load(Ordering::SeqCst) {
            drop(server.command(&["CLIENT", "KILL", "TYPE", "pubsub"]));
            kills += 1;
            std::thread::sleep(Duration::from_millis(50));
        }
        (server, kills)
    });
    let writers = (0..8_u64).map(|writer| {
        let map = nodes[usize::try_from(writer % 3).unwrap()].1.clone();
        tokio::spawn(async move {
            for number in 0..WRITES / 8 {
                let key = format!("key{}", (number * 7 + writer) % 500);
                match number % 4 {
                    0 => drop(map.delete(&key).await?),
                    _ => drop(map.set(&key, format!("{writer}-{number}")).await?),
                }
            }
            Ok::<(), ponos::Error>(())
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        soon("the end of a writer", writer).await.unwrap()?;
    }
    done.store(true, Ordering::SeqCst);
    let (server, kills) = killer.await.unwrap();
    let (_, truth) = map(&server.url()).await?;
    for ((_, map), witness) in nodes.iter().zip(&mut witnesses) {
        live(map).await;
        map.sync().await?;
        assert_eq!(contents(map), contents(&truth));
        witness.until(truth.revision()).await;
        assert_eq!(witness.copy, contents(&truth));
        let all = witness.changes == truth.revision();
        assert!(all || !witness.resyncs.is_empty(), "{} of {} changes", witness.changes, truth.revision());
    }
    assert!(kills > 5, "only {kills} kills");
    Ok(())
}

/// An answer is lost after the write was applied: the write is not applied again.
#[tokio::test]
async fn a_lost_answer_does_not_count_twice() -> Result<()> {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port()).await;
    let (_client, map) = map(&proxy.url()).await?;
    map.incr("n", 1).await?;
    for turn in 2..=10 {
        proxy.swallow_answer_to(b"EVALSHA");
        let counted = map.incr("n", 1).await?;
        assert!(proxy.swallowed(), "the fault did not happen");
        assert_eq!((counted.value, counted.revision), (turn, turn as u64));
    }
    proxy.swallow_answer_to(b"EVALSHA");
    let written = map.set_with("once", "v", SetOptions::default().if_absent()).await?;
    assert!(proxy.swallowed() && written.changed);
    assert_eq!(map.get_latest("n").await?.map(|entry| entry.value), Some("10".into()));
    let txn = map.txn().incr("n", 1).otherwise().incr("n", 100);
    proxy.swallow_answer_to(b"EVALSHA");
    assert!(txn.when("once", ponos::Condition::Absent).commit().await.is_ok_and(|done| !done.matched));
    assert_eq!(map.get("n"), Some("110".into()));
    Ok(())
}

/// The server is killed and comes back empty: told as a new generation, and writes go on.
#[tokio::test]
async fn a_server_that_comes_back_empty_is_noticed() -> Result<()> {
    let mut server = RedisServer::start();
    let (_client, map) = map(&server.url()).await?;
    map.set("a", "1").await?;
    map.set("b", "2").await?;
    let mut witness = Witness::new(&map);
    server.kill();
    soon("being stale", map.status_is(|status| matches!(status, Status::Stale { .. }))).await;
    assert_eq!(map.get("a"), Some("1".into()), "reads go on");
    let error = map.set("a", "2").await.unwrap_err();
    assert_eq!((error.kind(), error.maybe_applied()), (ErrorKind::Unavailable, false), "{error}");
    server.restart();
    live(&map).await;
    soon("an empty map", async {
        while !map.is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let written = map.set("c", "3").await?;
    assert_eq!(written.revision, 1);
    while witness.copy != contents(&map) {
        let event = soon("an event", witness.watcher.next()).await.unwrap();
        witness.revision = 0;
        witness.take(event);
    }
    assert!(witness.resyncs.contains(&Reason::NewGeneration), "{:?}", witness.resyncs);
    Ok(())
}

/// The server dies with a write under way and comes back empty: nobody can say whether the write was applied, and that
/// is what the error says. No deadline has passed.
#[tokio::test]
async fn a_write_that_the_engine_has_forgotten_is_told_as_such() -> Result<()> {
    let mut server = RedisServer::start();
    let (_client, map) = map(&format!("{}?timeout=60s", server.url())).await?;
    map.set("k", "1").await?;
    server.pause();
    let mut write = std::pin::pin!(map.set("k", "2"));
    tokio::select! {
        biased;
        written = &mut write => panic!("a server that stands still has answered: {written:?}"),
        () = std::future::ready(()) => {}
    }
    server.kill();
    server.restart();
    let error = soon("an answer", write).await.unwrap_err();
    assert_eq!((error.kind(), error.maybe_applied()), (ErrorKind::Unavailable, true), "{error}");
    assert!(error.message().contains("the engine has lost data"), "{error}");
    live(&map).await;
    assert_eq!(map.set("k", "3").await?.revision, 1, "it was not applied to what came after");
    Ok(())
}

/// FLUSHALL under load: no write is lost after it, replicas agree with the server, watchers are told.
#[tokio::test]
async fn a_flush_under_load_is_a_new_generation() -> Result<()> {
    let server = RedisServer::start();
    let (_one, left) = map(&server.url()).await?;
    let (_two, right) = map(&server.url()).await?;
    let mut events = right.watch("*");
    for turn in 0..5 {
        for number in 0..200 {
            if number == 100 {
                drop(server.command(&["FLUSHALL"]));
            }
            left.set(&format!("{turn}-{number}"), "v").await?;
        }
        soon("the same generation", async {
            while right.position() != left.position() {
                tokio::task::yield_now().await;
            }
        })
        .await;
        assert_eq!(contents(&left), contents(&right));
        assert_eq!(left.len(), 100);
    }
    let mut resyncs = 0;
    while let Ok(Some(event)) = tokio::time::timeout(Duration::from_millis(200), events.next()).await {
        resyncs += usize::from(matches!(event, Event::Resynced { reason: Reason::NewGeneration, .. }));
    }
    assert_eq!(resyncs, 5);
    Ok(())
}

/// The server is replaced by one with an older history: acknowledged writes are gone, and that is told.
#[tokio::test]
async fn a_history_that_forks_is_noticed() -> Result<()> {
    let server = RedisServer::start();
    let (_client, left) = map(&server.url()).await?;
    left.set("kept", "1").await?;
    let old = backup(&server);
    left.set("lost", "2").await?;
    left.set("lost too", "3").await?;
    let mut witness = Witness::new(&left);
    restore(&server, &old);
    // Another writer goes on from the older history: the same revisions, other changes.
    let (_other, right) = map(&server.url()).await?;
    assert_eq!(right.revision(), 1);
    for number in 0..4 {
        right.set("new", number.to_string()).await?;
    }
    soon("agreement", async {
        while contents(&left) != contents(&right) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    while witness.copy != contents(&right) {
        let event = soon("an event", witness.watcher.next()).await.unwrap();
        witness.revision = 0;
        witness.take(event);
    }
    assert!(witness.resyncs.contains(&Reason::Forked), "{:?}", witness.resyncs);
    Ok(())
}

/// As above, but nobody writes: the regular comparison finds it.
#[tokio::test]
async fn a_fork_in_silence_is_noticed() -> Result<()> {
    let server = RedisServer::start();
    let (_client, map) = map(&server.url()).await?;
    map.set("kept", "1").await?;
    let old = backup(&server);
    map.set("lost", "2").await?;
    let mut events = map.watch("*");
    restore(&server, &old);
    let reason = soon("a resync", async {
        loop {
            if let Some(Event::Resynced { reason, .. }) = events.next().await {
                return reason;
            }
        }
    });
    assert_eq!(reason.await, Reason::Forked);
    assert_eq!(contents(&map), BTreeMap::from([("kept".to_owned(), Bytes::from("1"))]));
    Ok(())
}

/// The keys of the map, as DUMP gives them, in a second name.
fn backup(server: &RedisServer) -> Vec<&'static str> {
    let keys = vec!["ponos:{m}:m:m:h", "ponos:{m}:m:m:log"];
    for key in &keys {
        assert_eq!(server.command(&["COPY", key, &format!("old:{key}"), "REPLACE"]), ":1\r\n");
    }
    keys
}

fn restore(server: &RedisServer, keys: &[&str]) {
    for key in keys {
        assert_eq!(server.command(&["COPY", &format!("old:{key}"), key, "REPLACE"]), ":1\r\n");
    }
}

/// The log is trimmed past a replica that was away: it is loaded anew, with the difference.
#[tokio::test]
async fn a_log_trimmed_past_a_sleeper_means_a_resync() -> Result<()> {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port()).await;
    let (_sleeping, sleeper) = map(&format!("{}?log_len=100", proxy.url())).await?;
    let (_awake, writer) = map(&format!("{}?log_len=100", server.url())).await?;
    writer.set("old", "1").await?;
    sleeper.wait_for(1).await?;
    let mut witness = Witness::new(&sleeper);
    proxy.close();
    soon("being stale", sleeper.status_is(|status| matches!(status, Status::Stale { .. }))).await;
    writer.delete("old").await?;
    for number in 0..2_000 {
        writer.set(&format!("k{}", number % 50), number.to_string()).await?;
    }
    assert_eq!(sleeper.get("old"), Some("1".into()));
    proxy.open();
    witness.until(writer.revision()).await;
    while witness.copy != contents(&writer) {
        let event = soon("an event", witness.watcher.next()).await.unwrap();
        witness.take(event);
    }
    assert_eq!(witness.resyncs, [Reason::Trimmed]);
    assert_eq!(contents(&sleeper), contents(&writer));
    Ok(())
}

/// A short absence is caught up change by change.
#[tokio::test]
async fn a_short_absence_is_caught_up_one_by_one() -> Result<()> {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port()).await;
    let (_sleeping, sleeper) = map(&proxy.url()).await?;
    let (_awake, writer) = map(&server.url()).await?;
    let mut witness = Witness::new(&sleeper);
    for turn in 1..=5 {
        proxy.close();
        soon("being stale", sleeper.status_is(|status| matches!(status, Status::Stale { .. }))).await;
        for number in 0..300 {
            writer.set(&format!("k{}", number % 50), format!("{turn}-{number}")).await?;
        }
        proxy.open();
        witness.until(turn * 300).await;
    }
    assert_eq!((witness.changes, witness.resyncs.len()), (1_500, 0));
    assert_eq!(witness.copy, contents(&writer));
    Ok(())
}

/// Keys of the map expire as a whole, by someone's EXPIRE: a new generation, told.
#[tokio::test]
async fn a_map_that_expires_as_a_whole_is_noticed() -> Result<()> {
    let server = RedisServer::start();
    let (_client, map) = map(&server.url()).await?;
    map.set("a", "1").await?;
    let mut events = map.watch("*");
    for key in ["ponos:{m}:m:m:h", "ponos:{m}:m:m:log"] {
        assert_eq!(server.command(&["PEXPIRE", key, "50"]), ":1\r\n");
    }
    let gone = soon("a resync", async {
        loop {
            if let Some(Event::Delete { key, .. }) = events.next().await {
                return key;
            }
        }
    });
    assert_eq!(&*gone.await, "a");
    assert!(map.is_empty());
    assert_eq!(map.set("a", "2").await?.revision, 1);
    Ok(())
}

/// Only the hash vanishes, or only the log: neither confuses a replica.
#[tokio::test]
async fn half_a_map_is_no_trap() -> Result<()> {
    let server = RedisServer::start();
    let (_one, left) = map(&server.url()).await?;
    let (_two, right) = map(&server.url()).await?;
    for lost in ["ponos:{m}:m:m:log", "ponos:{m}:m:m:h", "ponos:{m}:m:m:log"] {
        left.set("a", "1").await?;
        left.set("b", "1").await?;
        assert_eq!(server.command(&["DEL", lost]), ":1\r\n");
        left.set("a", "2").await?;
        soon("agreement", async {
            while right.position() != left.position() || contents(&left) != contents(&right) {
                tokio::task::yield_now().await;
            }
        })
        .await;
        let (_three, fresh) = map(&server.url()).await?;
        assert_eq!(contents(&fresh), contents(&left), "without {lost}");
    }
    Ok(())
}

/// Garbage on the channel is not believed, and hides nothing.
#[tokio::test]
async fn garbage_on_the_channel_is_not_believed() -> Result<()> {
    let server = RedisServer::start();
    let (_one, left) = map(&server.url()).await?;
    let (_two, right) = map(&server.url()).await?;
    for number in 1..=50_u64 {
        let garbage = "x".repeat(usize::try_from(number).unwrap());
        assert_eq!(server.command(&["PUBLISH", "ponos:{m}:m:m:c", &garbage]), ":2\r\n");
        left.set("k", number.to_string()).await?;
        right.wait_for(number).await?;
    }
    assert_eq!(contents(&left), contents(&right));
    assert_eq!((left.status(), right.status()), (Status::Live, Status::Live));
    Ok(())
}

/// A paused server answers nothing: calls end with their deadline, the map says it is stale, and recovers.
#[tokio::test]
async fn a_paused_server_is_noticed() -> Result<()> {
    let server = RedisServer::start();
    let (_client, map) = map(&format!("{}?timeout=300ms&connect_timeout=1s", server.url())).await?;
    map.set("k", "1").await?;
    server.pause();
    let error = map.set("k", "2").await.unwrap_err();
    assert_eq!((error.kind(), error.maybe_applied()), (ErrorKind::Timeout, true), "{error}");
    assert_eq!(map.get("k"), Some("1".into()));
    soon("being stale", map.status_is(|status| matches!(status, Status::Stale { .. }))).await;
    server.resume();
    live(&map).await;
    soon("writing again", async { while map.set("k", "3").await.is_err() {} }).await;
    assert_eq!(map.get_latest("k").await?.map(|entry| entry.value), Some("3".into()));
    Ok(())
}

/// A user that may do only what is needed, and one that may not subscribe.
#[tokio::test]
async fn a_restricted_user_is_enough() -> Result<()> {
    let server = RedisServer::start();
    let user =
        ["ACL", "SETUSER", "app", "on", ">pw", "~ponos:*", "&ponos:*", "+@all", "-@dangerous", "-@admin"];
    assert_eq!(server.command(&user), "+OK\r\n");
    let deaf = ["ACL", "SETUSER", "deaf", "on", ">pw", "~ponos:*", "resetchannels", "+@all"];
    assert_eq!(server.command(&deaf), "+OK\r\n");
    let (_client, map) = map(&server.url().replace("//", "//app:pw@")).await?;
    map.set("k", "1").await?;
    map.incr("n", 1).await?;
    map.destroy().await?;
    let client = Ponos::open(&server.url().replace("//", "//deaf:pw@")).await?;
    let error = client.map("m").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    let refused = Ponos::open(&server.url().replace("//", "//app:canary@")).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Invalid);
    assert!(!format!("{refused:?}").contains("canary"), "{refused:?}");
    Ok(())
}

/// A server that may evict any key is refused; connections do not grow with maps.
#[tokio::test]
async fn eviction_is_refused_and_connections_are_few() -> Result<()> {
    let evicting = RedisServer::with(&["--maxmemory", "50mb", "--maxmemory-policy", "allkeys-lru"]);
    let error = Ponos::open(&evicting.url()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    assert!(error.message().contains("allkeys-lru"));
    let server = RedisServer::start();
    let client = Ponos::open(&server.url()).await?;
    for number in 0..20 {
        client.map(&format!("m{number}")).await?.set("k", "v").await?;
    }
    let list = server.command(&["CLIENT", "LIST"]);
    assert_eq!(list.matches("laddr=").count(), 3, "two of the client and one that asks: {list}");
    client.close().await;
    Ok(())
}

/// A replica joins while others write at full speed: what it loads is what is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn joining_under_load_gives_the_truth() -> Result<()> {
    let server = RedisServer::start();
    let (_client, writer) = map(&server.url()).await?;
    let fill = (0..5_000).map(|number| {
        let writer = writer.clone();
        tokio::spawn(async move { writer.set(&format!("k{number}"), "0").await })
    });
    for task in fill.collect::<Vec<_>>() {
        task.await.unwrap()?;
    }
    let done = Arc::new(AtomicBool::new(false));
    let load = (0..16_u64).map(|worker| {
        let (writer, done) = (writer.clone(), done.clone());
        tokio::spawn(async move {
            let mut number = worker;
            while !done.load(Ordering::SeqCst) {
                number += 16;
                let key = format!("k{}", number * 31 % 5_000);
                match number % 3 {
                    0 => drop(writer.delete(&key).await?),
                    1 => drop(writer.set(&key, number.to_string()).await?),
                    _ => drop(writer.list_append(&format!("l{}", number % 40), vec![key.into()]).await?),
                }
            }
            Ok::<(), ponos::Error>(())
        })
    });
    let load: Vec<_> = load.collect();
    let mut joined = Vec::new();
    for _ in 0..5 {
        joined.push(map(&server.url()).await?);
    }
    done.store(true, Ordering::SeqCst);
    for task in load {
        task.await.unwrap()?;
    }
    let (_last, truth) = map(&server.url()).await?;
    for (_, map) in &joined {
        map.sync().await?;
        assert_eq!(map.position(), truth.position());
        assert_eq!(contents(map), contents(&truth));
    }
    Ok(())
}
