//! How a map on Redis is loaded and caught up with: by its log alone if that has all of its life, else by a scan; large
//! values a few at a time.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests have a clock of their own and may panic"
)]

use std::collections::BTreeMap;
use std::time::Duration;

use ponos::{Bytes, Entry, Map, Ponos, Result, SetOptions, Status};
use ponos_test_support::{Proxy, RedisServer};

const PATIENCE: Duration = Duration::from_secs(60);

/// Everything that a map holds, with revisions and deadlines.
fn contents(map: &Map) -> BTreeMap<String, Entry> {
    map.snapshot().iter().map(|(key, entry)| (key.to_string(), entry.clone())).collect()
}

/// How often the server was asked this.
fn calls(server: &RedisServer, command: &str) -> usize {
    let stats = server.command(&["INFO", "commandstats"]);
    let line = stats.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:calls=")));
    line.and_then(|line| line.split(',').next()?.parse().ok()).unwrap_or(0)
}

/// Opens the map again and checks that it is the same; how many steps of a scan and of the log that took.
async fn load(server: &RedisServer, written: &Map) -> Result<(usize, usize)> {
    assert!(server.command(&["CONFIG", "RESETSTAT"]).contains("OK"));
    let client = Ponos::open(&server.url()).await?;
    let loaded = client.map(written.name()).await?;
    assert_eq!((loaded.revision(), contents(&loaded)), (written.revision(), contents(written)));
    let steps = (calls(server, "hscan"), calls(server, "xrange"));
    client.close().await;
    Ok(steps)
}

/// Leaves only the last change in the log.
fn trim(server: &RedisServer, map: &Map) {
    let log = format!("ponos:{{{0}}}:m:{0}:log", map.name());
    assert!(server.command(&["XTRIM", &log, "MAXLEN", "1"]).starts_with(':'));
}

/// Something of everything: many keys, lists short and long, what was deleted, a deadline.
async fn fill(map: &Map) -> Result<()> {
    for chunk in 0..10 {
        let mut txn = map.txn();
        for number in 0..500 {
            txn = txn.set(&format!("key-{chunk}-{number}"), format!("value {number}"));
        }
        txn.commit().await?;
    }
    map.list_append("short", vec![Bytes::from("a")]).await?;
    map.list_append("long", (0..500).map(|number| Bytes::from(format!("item {number}"))).collect()).await?;
    map.list_append("long", vec![Bytes::from("last")]).await?;
    map.list_remove("short", vec![Bytes::from("a")]).await?;
    map.set_with("later", "x", SetOptions::default().ttl(Duration::from_secs(3_000))).await?;
    map.delete("key-0-0").await?;
    map.set("key-1-1", "another").await?;
    Ok(())
}

#[tokio::test]
async fn a_young_map_is_loaded_by_its_log_and_an_old_one_by_a_scan() -> Result<()> {
    let server = RedisServer::start();
    let client = Ponos::open(&server.url()).await?;
    let map = client.map("m").await?;
    fill(&map).await?;
    let (scanned, read) = load(&server, &map).await?;
    assert!(scanned == 0 && read > 0, "{scanned} {read}");
    trim(&server, &map);
    let (scanned, _) = load(&server, &map).await?;
    assert!(scanned > 1, "{scanned}");
    client.close().await;
    Ok(())
}

/// A log that has much more than the map is not read to its end.
#[tokio::test]
async fn a_map_that_is_much_smaller_than_its_log_is_scanned() -> Result<()> {
    let server = RedisServer::start();
    let client = Ponos::open(&server.url()).await?;
    let (often, much) = (client.map("often").await?, client.map("much").await?);
    for number in 0..100 {
        often.set("k", number.to_string()).await?;
        let txn = (0..100).fold(much.txn(), |txn, key| txn.set(&format!("k{key}"), number.to_string()));
        txn.commit().await?;
    }
    for map in [often, much] {
        let (scanned, _) = load(&server, &map).await?;
        assert!(scanned > 0);
    }
    client.close().await;
    Ok(())
}

#[tokio::test]
async fn large_values_are_loaded_a_few_at_a_time() -> Result<()> {
    let server = RedisServer::start();
    let client = Ponos::open(&server.url()).await?;
    let map = client.map("m").await?;
    for number in 0..100 {
        map.set(&format!("key-{number}"), vec![7; 200_000]).await?;
    }
    let (_, read) = load(&server, &map).await?;
    assert!(read >= 10, "20 MB came in {read} steps");
    trim(&server, &map);
    let (scanned, _) = load(&server, &map).await?;
    assert!(scanned >= 10, "20 MB came in {scanned} steps");
    client.close().await;
    Ok(())
}

/// Each of these changes has a page of the log to itself: one that is known already is not taken for the last.
#[tokio::test]
async fn large_changes_are_caught_up_with() -> Result<()> {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port()).await;
    let (awake, asleep) = (Ponos::open(&server.url()).await?, Ponos::open(&proxy.url()).await?);
    let (writer, sleeper) = (awake.map("m").await?, asleep.map("m").await?);
    let large = |byte: u8| vec![byte; 1_000_000];
    for byte in 0..3 {
        writer.set("k", large(byte)).await?;
    }
    sleeper.wait_for(3).await?;
    for round in 1..4_u8 {
        proxy.close();
        let stale = sleeper.status_is(|status| matches!(status, Status::Stale { .. }));
        tokio::time::timeout(PATIENCE, stale).await.unwrap();
        for byte in 0..3 {
            writer.set("k", large(10 * round + byte)).await?;
        }
        proxy.open();
        tokio::time::timeout(PATIENCE, sleeper.wait_for(writer.revision())).await.unwrap()?;
        assert_eq!(contents(&sleeper), contents(&writer));
    }
    awake.close().await;
    asleep.close().await;
    Ok(())
}
