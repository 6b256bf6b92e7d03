//! Maps on Redis: writes by many callers, the way of a change to another node, loading, lists, connections.

use std::time::{Duration, Instant};

use ponos::{Bytes, Event, Ponos, Result};
use ponos_test_support::RedisServer;
use serde_json::json;

use crate::sample::Sample;

/// How long each point is measured.
const TIME: Duration = Duration::from_secs(2);

fn value() -> Bytes {
    Bytes::from(vec![b'v'; 100])
}

/// `set` of random keys among 1,000 by 1, 64 and 256 callers of one client.
///
/// # Errors
/// Those of the calls.
pub async fn sets(url: &str) -> Result<Vec<Sample>> {
    let mut samples = Vec::new();
    for callers in [1_usize, 64, 256] {
        let client = Ponos::open(url).await?;
        let map = client.map(&format!("set-{callers}")).await?;
        let start = Instant::now();
        let tasks: Vec<_> = (0..callers)
            .map(|caller| {
                let map = map.clone();
                tokio::spawn(async move {
                    let mut nanos = Vec::new();
                    let mut number = caller * 7_919;
                    while start.elapsed() < TIME {
                        number += 31;
                        let sent = Instant::now();
                        map.set(&format!("key-{:04}", number % 1_000), value()).await?;
                        nanos.push(sent.elapsed().as_nanos() as u64);
                    }
                    Ok::<_, ponos::Error>(nanos)
                })
            })
            .collect();
        let mut nanos = Vec::new();
        for task in tasks {
            nanos.extend(task.await.unwrap_or_else(|_| Ok(Vec::new()))?);
        }
        let rate = nanos.len() as f64 / start.elapsed().as_secs_f64();
        assert_eq!(map.revision(), nanos.len() as u64, "every set is a revision");
        let sample = Sample::new("set", &[("callers", json!(callers))]);
        samples.push(Sample { ops_per_s: Some(rate), ..sample.latencies(nanos) });
        client.close().await;
    }
    Ok(samples)
}

/// `set` on one node until its event on another, 500 a second.
///
/// # Errors
/// Those of the calls.
pub async fn propagate(url: &str) -> Result<Sample> {
    let (one, two) = (Ponos::open(url).await?, Ponos::open(url).await?);
    let (left, right) = (one.map("propagate").await?, two.map("propagate").await?);
    let mut events = right.watch("*");
    assert!(matches!(events.next().await, Some(Event::Synced { .. })));
    let start = Instant::now();
    let reader = tokio::spawn(async move {
        let mut seen = Vec::new();
        while seen.len() < 1_000 {
            if let Some(Event::Set { revision, .. }) = events.next().await {
                assert!(right.revision() >= revision, "the change is shown before its event");
                seen.push(start.elapsed());
            }
        }
        seen
    });
    let mut sent = Vec::new();
    for number in 0..1_000_u32 {
        tokio::time::sleep_until((start + Duration::from_millis(2) * number).into()).await;
        sent.push(start.elapsed());
        left.set(&format!("key-{number}"), value()).await?;
    }
    let seen = reader.await.unwrap_or_default();
    let nanos =
        seen.iter().zip(&sent).map(|(seen, sent)| seen.saturating_sub(*sent).as_nanos() as u64).collect();
    one.close().await;
    two.close().await;
    Ok(Sample::new("propagate", &[("rate", json!(500))]).latencies(nanos))
}

/// Opening a map of 100,000 keys: a young one, whose log has all of its life, and the same with only the last change
/// in its log, so that it has to be scanned.
///
/// # Errors
/// Those of the calls.
pub async fn joins(server: &RedisServer) -> Result<[Sample; 2]> {
    let young = join(&server.url()).await?;
    let trimmed = server.command(&["XTRIM", "ponos:{join}:m:join:log", "MAXLEN", "1"]);
    assert!(trimmed.starts_with(':'), "{trimmed}");
    let old = join(&server.url()).await?;
    Ok([young, Sample { bench: "join_scan".to_owned(), ..old }])
}

async fn join(url: &str) -> Result<Sample> {
    let client = Ponos::open(url).await?;
    let map = client.map("join").await?;
    if map.len() < 100_000 {
        for chunk in 0..100 {
            let mut txn = map.txn();
            for number in 0..1_000 {
                txn = txn.set(&format!("key-{:08}", chunk * 1_000 + number), value());
            }
            txn.commit().await?;
        }
    }
    client.close().await;
    let client = Ponos::open(url).await?;
    let start = Instant::now();
    let map = client.map("join").await?;
    let ms = start.elapsed().as_secs_f64() * 1e3;
    assert_eq!(map.len(), 100_000);
    client.close().await;
    Ok(Sample { ms: Some(ms), ..Sample::new("join", &[("keys", json!(100_000))]) })
}

/// Appending to a list of 5,000 items by one caller.
///
/// # Errors
/// Those of the calls.
pub async fn append(url: &str) -> Result<Sample> {
    // However fast it grows, the list is not to come up against the limit.
    let client = Ponos::open(&format!("{url}?max_value=67108864")).await?;
    let map = client.map("append").await?;
    let item = || Bytes::from(vec![b'i'; 31]);
    map.delete("l").await?;
    map.list_append("l", (0..5_000).map(|_| item()).collect()).await?;
    let start = Instant::now();
    let mut count = 0_u64;
    while start.elapsed() < TIME / 2 {
        map.list_append("l", vec![item()]).await?;
        count += 1;
    }
    let rate = count as f64 / start.elapsed().as_secs_f64();
    assert_eq!(map.items_of("l").map(|items| items.len() as u64), Some(5_000 + count));
    client.close().await;
    Ok(Sample { ops_per_s: Some(rate), ..Sample::new("append", &[("items", json!(5_000))]) })
}

/// How many connections one client with ten maps holds.
///
/// # Errors
/// Those of the calls.
pub async fn connections(server: &RedisServer) -> Result<Sample> {
    let before = server.command(&["CLIENT", "LIST"]).matches("laddr=").count();
    let client = Ponos::open(&server.url()).await?;
    for number in 0..10 {
        client.map(&format!("connections-{number}")).await?.set("k", "v").await?;
    }
    let after = server.command(&["CLIENT", "LIST"]).matches("laddr=").count();
    client.close().await;
    let count = Some((after - before) as f64);
    Ok(Sample { count, ..Sample::new("connections", &[("maps", json!(10))]) })
}
