//! A first look at maps, as a user sees them: on the memory engine, or on both where Redis could differ.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests have a clock of their own and may panic"
)]

use std::time::Duration;

use ponos::{Bytes, ErrorKind, Event, From, Json, Ponos, SetOptions, Text, WatchOptions};
use ponos_test_support::RedisServer;

/// On every engine.
#[tokio::test]
async fn two_clients_share_a_map_and_hear_of_each_other() -> ponos::Result<()> {
    let server = RedisServer::start();
    for url in ["memory://shared", &server.url()] {
        share(url).await?;
    }
    Ok(())
}

async fn share(url: &str) -> ponos::Result<()> {
    let (one, two) = (Ponos::open(url).await?, Ponos::open(url).await?);
    let (left, right) = (one.map("m").await?, two.map("m").await?);
    let mut changes = right.watch("*");
    let written = left.set("k", "v").await?;
    assert_eq!((written.revision, written.changed, written.previous), (1, true, None));
    assert_eq!(left.get("k").as_deref(), Some(&b"v"[..]));
    assert_eq!(changes.next().await, Some(Event::Synced { revision: 0 }));
    assert!(matches!(changes.next().await, Some(Event::Set { revision: 1, .. })));
    assert_eq!(right.get("k").as_deref(), Some(&b"v"[..]));
    assert_eq!(right.incr("n", 2).await?.value, 2);
    assert_eq!(left.list_append("l", vec![Bytes::from("a"), Bytes::from("b")]).await?.len, 2);
    right.sync().await?;
    assert_eq!(right.items_of("l").map(|items| items.len()), Some(2));
    assert_eq!(right.incr("l", 1).await.unwrap_err().kind(), ErrorKind::Invalid);
    let taken = right.set_with("k", "x", SetOptions::default().if_absent()).await;
    assert_eq!(taken.unwrap_err().kind(), ErrorKind::Conflict);
    let three = Ponos::open(url).await?;
    let late = three.map("m").await?;
    assert_eq!((late.len(), late.revision()), (3, left.revision()));
    one.close().await;
    assert_eq!(left.set("k", "w").await.unwrap_err().kind(), ErrorKind::Closed);
    Ok(())
}

#[tokio::test]
async fn a_map_opened_again_hears_on_when_the_old_handle_goes() -> ponos::Result<()> {
    let server = RedisServer::start();
    let (one, two) = (Ponos::open(&server.url()).await?, Ponos::open(&server.url()).await?);
    let writer = two.map("m").await?;
    let old = one.map("m").await?;
    writer.set("k", "1").await?;
    old.wait_for(1).await?;
    old.close().await;
    let new = one.map("m").await?;
    drop(old);
    for revision in 2..50 {
        writer.set("k", revision.to_string()).await?;
        assert_eq!(new.wait_for(revision).await?, revision);
    }
    Ok(())
}

#[tokio::test]
async fn a_key_expires_and_is_told() -> ponos::Result<()> {
    let client = Ponos::open("memory://ttl").await?;
    let map = client.map("m").await?;
    let mut changes = map.watch("*");
    map.set_with("k", "v", SetOptions::default().ttl(Duration::from_millis(30))).await?;
    let seen = async {
        while let Some(event) = changes.next().await {
            if let Event::Expire { key, .. } = event {
                return Some(key);
            }
        }
        None
    };
    let key = tokio::time::timeout(Duration::from_secs(5), seen).await.expect("an expiry");
    assert_eq!(key.as_deref(), Some("k"));
    assert!(!map.contains("k"));
    client.close().await;
    assert_eq!(changes.next().await, None);
    Ok(())
}

/// An event never comes before a read on the same handle shows its change.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_comes_after_its_change_is_shown() -> ponos::Result<()> {
    let client = Ponos::open("memory://order").await?;
    let map = client.map("m").await?;
    let mut changes = map.watch("*");
    let writer = map.clone();
    let writing = tokio::spawn(async move {
        for number in 0..20_000_u32 {
            writer.set("k", number.to_string()).await?;
        }
        Ok::<_, ponos::Error>(())
    });
    let mut last = 0;
    while last < 20_000 {
        let event = changes.next().await.expect("an event");
        assert!(map.revision() >= event.revision());
        last = event.revision();
    }
    writing.await.expect("the writer ends")
}

/// Waiting for a revision ends when the map is closed, not with the deadline.
#[tokio::test]
async fn closing_ends_waiting() -> ponos::Result<()> {
    let client = Ponos::open("memory://waiting?timeout=60s").await?;
    let map = client.map("m").await?;
    map.set("k", "v").await?;
    let waiter = map.clone();
    let waiting = tokio::spawn(async move { waiter.wait_for(99).await });
    tokio::task::yield_now().await;
    map.close().await;
    let ended = tokio::time::timeout(Duration::from_secs(5), waiting).await.expect("the wait ends");
    assert_eq!(ended.expect("no panic").unwrap_err().kind(), ErrorKind::Closed);
    Ok(())
}

/// What is checked of a single call is checked of the same operation in a transaction.
#[tokio::test]
async fn the_parts_of_a_transaction_are_checked() -> ponos::Result<()> {
    use ponos::{Condition, Op};
    let client = Ponos::open("memory://parts").await?;
    let map = client.map("m").await?;
    let bad = [
        Op::Set { value: "v".into(), ttl: Some(0), when: Condition::Always },
        Op::Touch { ttl: Some(u64::MAX) },
        Op::Incr { by: 1, min: 2, max: 1 },
        Op::IncrFloat { by: f64::NAN, min: 0.0, max: 1.0 },
        Op::IncrFloat { by: 1.0, min: f64::NAN, max: 1.0 },
    ];
    for op in bad {
        let error = map.txn().set("a", "1").op("k", op.clone()).commit().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{op:?}");
    }
    assert!(map.is_empty());
    Ok(())
}

/// Waiting for a revision of a map that nobody has written yet waits for that revision, not for the first.
#[tokio::test]
async fn waiting_for_a_map_to_begin_waits_for_the_revision() -> ponos::Result<()> {
    let client = Ponos::open("memory://beginning").await?;
    let map = client.map("m").await?;
    let waiter = map.clone();
    let waiting = tokio::spawn(async move { waiter.wait_for(3).await });
    tokio::task::yield_now().await;
    for _ in 0..3 {
        map.set("k", "v").await?;
        tokio::task::yield_now().await;
    }
    let reached = tokio::time::timeout(Duration::from_secs(5), waiting).await.expect("it is reached");
    assert_eq!(reached.expect("no panic")?, 3);
    Ok(())
}

/// The log of an embedded map is bounded in bytes as well: large values cost the past, not the process's memory.
#[tokio::test]
async fn large_values_shorten_the_log() -> ponos::Result<()> {
    let client = Ponos::open("memory://large-values").await?;
    let map = client.map("m").await?;
    for number in 0..80_u64 {
        assert_eq!(map.set("k", vec![0; 1 << 20]).await?.revision, number + 1);
    }
    for (from, follows) in [(1, false), (60, true)] {
        let mut events = map.watch_with(WatchOptions::default().from(From::Revision(from)));
        let first = events.next().await;
        assert_eq!(matches!(first, Some(Event::Set { .. })), follows, "from {from}");
        assert_eq!(matches!(first, Some(Event::Resynced { .. })), !follows, "from {from}");
    }
    Ok(())
}

/// A typed map refuses what it cannot read, and another codec, by name.
#[tokio::test]
async fn a_typed_map_knows_its_codec_and_its_type() -> ponos::Result<()> {
    let server = RedisServer::start();
    for url in ["memory://typed", &server.url()] {
        let (one, two) = (Ponos::open(url).await?, Ponos::open(url).await?);
        let numbers = one.typed::<Vec<u32>, Json>("numbers").await?;
        numbers.set("🛬", &vec![1, 2, 3]).await?;
        assert_eq!(numbers.get("🛬")?, Some(vec![1, 2, 3]));
        assert_eq!(numbers.get_latest("🛬").await?, Some(vec![1, 2, 3]));
        assert_eq!(numbers.map().get("🛬").as_deref(), Some(&b"[1,2,3]"[..]));
        let (absent, only) = (SetOptions::default().if_absent(), numbers.encode("🛬", &vec![1, 2, 3])?);
        assert_eq!(numbers.set_with("🛬", &vec![], absent).await.unwrap_err().kind(), ErrorKind::Conflict);
        assert!(numbers.set_with("🛬", &vec![4], SetOptions::default().if_value(only)).await?.changed);
        let all: Vec<_> = numbers.iter().map(|(key, value)| (key.to_string(), value.unwrap())).collect();
        assert_eq!(all, [("🛬".to_owned(), vec![4])]);

        let words = two.typed::<String, Json>("numbers").await?;
        let error = words.get("🛬").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains("key \"🛬\", codec \"json\": not of this type"), "{error}");
        two.close().await;
        let three = Ponos::open(url).await?;
        let error = three.typed::<String, Text>("numbers").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains("json"), "{error}");
    }
    Ok(())
}
