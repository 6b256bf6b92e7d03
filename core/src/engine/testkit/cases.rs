//! The cases, in the order of the rules they try.

use bytes::Bytes;

use super::{Bench, Case, Verdict};
use crate::error::{ErrorKind, Result};
use crate::model::change::Effect;
use crate::model::op::{Condition, Op, Refusal};
use crate::model::txn::{Txn, Write};
use crate::model::value::Shape;

/// Every case with its name.
pub(super) const ALL: &[Case] = &[
    ("a write is decided on what those before it left", |bench| Box::pin(atomic(bench))),
    ("a refused transaction leaves nothing", |bench| Box::pin(all_or_nothing(bench))),
    ("only what changes something gets a revision", |bench| Box::pin(numbered(bench))),
    ("every sink hears every change in order", |bench| Box::pin(told(bench))),
    ("the writer's sink has the change before the write returns", |bench| Box::pin(told_first(bench))),
    ("the log gives the changes again with their ids", |bench| Box::pin(kept(bench))),
    ("a repeated write is applied once", |bench| Box::pin(once(bench))),
    ("generations rise", |bench| Box::pin(generations(bench))),
    ("a codec is for life", |bench| Box::pin(codec(bench))),
    ("a dropped map hears no more", |bench| Box::pin(dropped(bench))),
    ("a scan gives what is there", |bench| Box::pin(scanned(bench))),
    ("a read gives one entry unless it has expired", |bench| Box::pin(read(bench))),
];

fn set(value: &str) -> Op {
    Op::Set { value: Bytes::copy_from_slice(value.as_bytes()), ttl: None, when: Condition::Always }
}

fn incr(by: i64) -> Op {
    Op::Incr { by, min: i64::MIN, max: i64::MAX }
}

async fn atomic(bench: &Bench<'_>) -> Result<()> {
    let (left, right) = (bench.open("bytes").await?, bench.open("bytes").await?);
    for number in 0..50 {
        let opened = if number % 2 == 0 { &left } else { &right };
        opened.applied("n", incr(1)).await?;
    }
    let entry = left.link.read("n".into()).await?;
    assert_eq!(entry.map(|entry| entry.value), Some("50".into()));
    let absent = Op::Set { value: "x".into(), ttl: None, when: Condition::Absent };
    assert_eq!(right.op("n", absent).await?, Verdict::Refused(Refusal::Exists));
    Ok(())
}

async fn all_or_nothing(bench: &Bench<'_>) -> Result<()> {
    let map = bench.open("bytes").await?;
    map.applied("text", set("abc")).await?;
    let then = vec![("a".into(), set("1")), ("text".into(), incr(1))];
    let verdict = map.write(Write::Txn(Txn { then, ..Txn::default() })).await?;
    assert_eq!(verdict, Verdict::Refused(Refusal::NotANumber));
    assert_eq!(map.link.read("a".into()).await?, None);
    let otherwise = vec![("a".into(), set("1")), ("b".into(), set("2"))];
    let compare = vec![("text".into(), Condition::Absent)];
    let verdict = map.write(Write::Txn(Txn { compare, otherwise, ..Txn::default() })).await?;
    assert!(matches!(verdict, Verdict::Applied { matched: false, position } if position.revision == 2));
    Ok(())
}

async fn numbered(bench: &Bench<'_>) -> Result<()> {
    let map = bench.open("bytes").await?;
    assert_eq!(map.link.tip().await?, None, "opening creates nothing");
    assert_eq!(
        map.op("k", Op::Delete { when: Condition::Always }).await?,
        Verdict::Unchanged { matched: true }
    );
    assert_eq!(map.applied("k", set("1")).await?.revision, 1);
    assert_eq!(map.op("k", Op::Expire).await?, Verdict::Unchanged { matched: true });
    assert_eq!(map.applied("k", set("1")).await?.revision, 2);
    assert_eq!(
        map.write(Write::Clear).await?,
        Verdict::Applied { position: at(&map, 3).await?, matched: true }
    );
    assert_eq!(map.write(Write::Clear).await?, Verdict::Unchanged { matched: true });
    let tip = map.link.tip().await?.map(|tip| (tip.position.revision, tip.codec));
    assert_eq!(tip, Some((3, "bytes".to_owned())));
    Ok(())
}

/// The position of a revision in the map's present generation.
async fn at(map: &super::Opened, revision: u64) -> Result<crate::model::value::Position> {
    let generation = map.link.tip().await?.map_or(0, |tip| tip.position.generation);
    Ok(crate::model::value::Position { generation, revision })
}

async fn told(bench: &Bench<'_>) -> Result<()> {
    let (left, right) = (bench.open("bytes").await?, bench.open("bytes").await?);
    for number in 0..100 {
        let opened = if number % 3 == 0 { &left } else { &right };
        opened.applied("k", set(&number.to_string())).await?;
    }
    for opened in [&left, &right] {
        opened.hears(100).await;
        let mut pushed: Vec<u64> = Vec::new();
        for (batch, source) in opened.heard.0.lock().iter() {
            if *source == super::Source::Push {
                pushed.extend(batch.changes.iter().map(|change| change.revision));
            }
        }
        assert!(pushed.is_sorted(), "pushes come in order: {pushed:?}");
        let mut all = opened.revisions();
        all.sort_unstable();
        assert_eq!(all, (1..=100).collect::<Vec<_>>());
    }
    Ok(())
}

async fn told_first(bench: &Bench<'_>) -> Result<()> {
    let map = bench.open("bytes").await?;
    for revision in 1..=20 {
        map.applied("k", set("v")).await?;
        assert!(map.revisions().contains(&revision), "revision {revision} is not there yet");
    }
    Ok(())
}

async fn kept(bench: &Bench<'_>) -> Result<()> {
    let map = bench.open("bytes").await?;
    let mut last = map.applied("k", set("0")).await?;
    for number in 1..10 {
        last = map.applied("k", set(&number.to_string())).await?;
    }
    let from = crate::model::value::Position { revision: 4, ..last };
    let mut page = map.link.log(from).await?;
    let mut batches = std::mem::take(&mut page.batches);
    while let Some(next) = page.next {
        page = map.link.log(next).await?;
        batches.append(&mut page.batches);
    }
    let changes: Vec<_> =
        batches.iter().flat_map(|batch| &batch.changes).filter(|change| change.revision >= 4).collect();
    assert_eq!(
        changes.iter().map(|change| change.revision).collect::<Vec<_>>(),
        (4..=10).collect::<Vec<_>>()
    );
    assert!(changes.iter().all(|change| change.id.writer == map.writer && change.id.seq == change.revision));
    assert!(matches!(&changes[0].effects[..], [Effect::Put { value, .. }] if *value == "3"));
    let beyond = crate::model::value::Position { revision: 11, ..last };
    assert!(map.link.log(beyond).await?.batches.is_empty());
    Ok(())
}

async fn once(bench: &Bench<'_>) -> Result<()> {
    let map = bench.open("bytes").await?;
    let before = map.applied("n", incr(1)).await?;
    let mut request = map.request(Write::One { key: "n".into(), op: incr(1) });
    let first = map.link.write(request.clone()).await?;
    map.applied("other", set("v")).await?;
    request.retry_after = Some(before);
    assert_eq!(
        map.link.write(request.clone()).await?,
        first,
        "the repeated write has the first one's verdict"
    );
    let mut fresh = map.request(Write::One { key: "n".into(), op: incr(1) });
    fresh.retry_after = Some(before);
    assert!(matches!(map.link.write(fresh).await?, Verdict::Applied { .. }), "it was never sent before");
    assert_eq!(map.link.read("n".into()).await?.map(|entry| entry.value), Some("3".into()));
    Ok(())
}

async fn generations(bench: &Bench<'_>) -> Result<()> {
    let map = bench.open("bytes").await?;
    let mut last = 0;
    for _ in 0..5 {
        let position = map.applied("k", set("v")).await?;
        assert!(position.generation > last && position.revision == 1, "{position:?} after {last}");
        last = position.generation;
        assert!(matches!(map.write(Write::Destroy).await?, Verdict::Applied { .. }));
        assert_eq!(map.link.tip().await?, None);
    }
    Ok(())
}

async fn codec(bench: &Bench<'_>) -> Result<()> {
    let (json, bytes) = (bench.open("json").await?, bench.open("bytes").await?);
    json.applied("k", set("1")).await?;
    let error = bytes.op("k", set("2")).await.expect_err("another codec");
    assert_eq!((error.kind(), error.maybe_applied()), (ErrorKind::Invalid, false));
    assert!(error.message().contains("json"), "{error}");
    json.write(Write::Destroy).await?;
    bytes.applied("k", set("2")).await?;
    Ok(())
}

async fn dropped(bench: &Bench<'_>) -> Result<()> {
    let (stays, goes) = (bench.open("bytes").await?, bench.open("bytes").await?);
    stays.applied("k", set("1")).await?;
    goes.hears(1).await;
    let heard = goes.heard.clone();
    drop(goes);
    stays.applied("k", set("2")).await?;
    let last = heard.0.lock().iter().map(|(batch, _)| batch.last().revision).max();
    assert_eq!(last, Some(1));
    Ok(())
}

async fn scanned(bench: &Bench<'_>) -> Result<()> {
    let map = bench.open("bytes").await?;
    let then = (0..500).map(|number| (format!("k{number}").into(), set(&number.to_string()))).collect();
    map.write(Write::Txn(Txn { then, ..Txn::default() })).await?;
    let items = vec![Bytes::from("a")];
    map.applied("list", Op::Add { shape: Shape::List, unique: false, items }).await?;
    let mut seen = std::collections::BTreeMap::new();
    let mut cursor = 0;
    loop {
        let page = map.link.scan(cursor).await?;
        for entry in page.entries {
            let (key, entry) = entry?;
            seen.insert(key.to_string(), entry);
        }
        cursor = page.cursor;
        if cursor == 0 {
            break;
        }
    }
    assert_eq!(seen.len(), 501);
    assert!(seen["k7"].revision == 1 && seen["k7"].value == "7");
    assert!(seen["list"].revision == 2 && seen["list"].shape == Shape::List);
    Ok(())
}

async fn read(bench: &Bench<'_>) -> Result<()> {
    let map = bench.open("bytes").await?;
    let short = Op::Set { value: "v".into(), ttl: Some(1), when: Condition::Always };
    map.applied("short", short).await?;
    map.applied("long", set("v")).await?;
    assert_eq!(map.link.read("long".into()).await?.map(|entry| entry.revision), Some(2));
    assert_eq!(map.link.read("none".into()).await?, None);
    let deadline = crate::time::now() + std::time::Duration::from_secs(10);
    while map.link.read("short".into()).await?.is_some() {
        assert!(crate::time::now() < deadline, "it does not expire");
        tokio::task::yield_now().await;
    }
    // Who reads goes by what it knows of the engine's clock, who writes by the clock itself: a moment may lie between.
    let absent = Op::Set { value: "w".into(), ttl: None, when: Condition::Absent };
    while map.op("short", absent.clone()).await? == Verdict::Refused(Refusal::Exists) {
        assert!(crate::time::now() < deadline, "it does not expire for those who write");
    }
    assert_eq!(map.link.read("short".into()).await?.map(|entry| entry.revision), Some(3));
    Ok(())
}
