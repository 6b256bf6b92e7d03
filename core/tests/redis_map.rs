//! A first look at maps on a real Redis, as a user sees them.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests have a clock of their own and may panic"
)]

use ponos::{Bytes, ErrorKind, Event, Ponos, SetOptions};
use ponos_test_support::RedisServer;

#[tokio::test]
async fn two_clients_share_a_map_and_hear_of_each_other() -> ponos::Result<()> {
    let server = RedisServer::start();
    let (one, two) = (Ponos::open(&server.url()).await?, Ponos::open(&server.url()).await?);
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
    let three = Ponos::open(&server.url()).await?;
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
