//! Totals that are counted in one step with the acknowledgement are exact, whenever their consumers are killed.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests have a clock of their own and may panic"
)]

use std::time::{Duration, Instant};

use ponos::stream::{Item, Message, SinkOptions, Start};
use ponos::{ErrorKind, Map, Ponos, Result, StepBuilder, Stream};
use ponos_test_support::{RedisServer, Victim, until};

const PATIENCE: Duration = Duration::from_secs(40);
const EVENTS: u64 = 100;

/// How often consumers are killed: whoever wants to know better says more by `PONOS_KILLS`.
fn kills() -> u64 {
    std::env::var("PONOS_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(20)
}

async fn open(client: &Ponos) -> Result<(Stream, Map)> {
    let scope = client.scope("shop");
    Ok((scope.stream("orders").await?, scope.map("totals").await?))
}

/// Adds up events in a map, each together with its acknowledgement, until it is killed.
async fn count(url: &str) -> Result<()> {
    let client = Ponos::open(url).await?;
    let (stream, totals) = open(&client).await?;
    let sink = stream.sink_with("g", SinkOptions::default().from(Start::First).prefetch(50)).await?;
    let worker = || async {
        while let Some(Ok(Item::Event(event))) = sink.next().await {
            let by: i64 = std::str::from_utf8(&event.payload()).unwrap().parse().unwrap();
            let step = StepBuilder::new().map(totals.txn().incr("count", 1).incr("sum", by));
            if let Err(error) = event.ack_with(step).await {
                assert_ne!(error.kind(), ErrorKind::Internal, "{error}");
            }
        }
    };
    tokio::join!(worker(), worker(), worker(), worker());
    Ok(())
}

#[tokio::test]
#[ignore = "a process for the others to kill"]
async fn child_counts() -> Result<()> {
    count(&Victim::url()).await
}

/// The parts that are summed up: how many, and their sum.
fn told(totals: &Map) -> (u64, u64) {
    let number = |key| {
        let value = totals.get(key).map(|value| value.to_vec()).unwrap_or_default();
        String::from_utf8(value).unwrap().parse().unwrap_or(0)
    };
    (number("count"), number("sum"))
}

/// How many events the group has settled.
async fn settled(stream: &Stream) -> Result<u64> {
    let info = stream.info().await?.unwrap();
    let group = &info.groups[0];
    Ok(info.last.unwrap().seq - group.lag - group.pending)
}

/// Publishes, has events counted, kills whoever counts; at the end somebody counts the rest.
async fn killed_again_and_again<V>(url: &str, start: impl Fn() -> V, kill: impl AsyncFn(V)) -> Result<()> {
    let client = Ponos::open(url).await?;
    let (stream, totals) = open(&client).await?;
    for round in 0..kills() {
        stream.publish_batch((0..EVENTS).map(|n| Message::new("t", n.to_string())).collect()).await?;
        let (before, victim) = (told(&totals), start());
        until("it counts", async || Ok(told(&totals) != before)).await?;
        tokio::time::sleep(Duration::from_micros(round * 7_919 % 30_000)).await;
        kill(victim).await;
        // What it had sent may be done a moment later.
        let agree = async || {
            totals.sync().await?;
            Ok(told(&totals).0 == settled(&stream).await?)
        };
        until("as many are counted as are settled", agree).await?;
    }
    let last = start();
    let (count, sum) = (kills() * EVENTS, kills() * (0..EVENTS).sum::<u64>());
    until("all is settled", async || Ok(settled(&stream).await? == count)).await?;
    kill(last).await;
    totals.sync().await?;
    assert_eq!(told(&totals), (count, sum));
    client.close().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn totals_are_exact_when_consumers_on_redis_are_killed() -> Result<()> {
    let server = RedisServer::start();
    let url = server.url();
    killed_again_and_again(&url, || Victim::start("child_counts", &url), async |victim: Victim| victim.kill())
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn totals_are_exact_when_consumers_on_memory_are_given_up() -> Result<()> {
    let url = "memory://exact";
    // A process that is killed takes its memory along; one that lives on can give up a consumer at any moment.
    let start = || tokio::spawn(count(url));
    killed_again_and_again(url, start, async |victim: tokio::task::JoinHandle<_>| {
        victim.abort();
        assert!(victim.await.is_err_and(|ended| ended.is_cancelled()), "it counts until it is given up");
    })
    .await
}

/// A lone consumer hands out what it is still asking for: whoever joins at that moment may be faster.
#[tokio::test(flavor = "multi_thread")]
async fn totals_are_exact_when_others_join_and_leave_while_events_come() -> Result<()> {
    let server = RedisServer::start();
    let url = server.url();
    let client = Ponos::open(&url).await?;
    let (stream, totals) = open(&client).await?;
    let counting = tokio::spawn({
        let url = url.clone();
        async move { count(&url).await }
    });
    until("it is a member", async || Ok(stream.info().await?.is_some_and(|info| !info.groups.is_empty())))
        .await?;
    let joining = tokio::spawn(async move {
        let other = Ponos::open(&url).await?;
        let stream = other.scope("shop").stream("orders").await?;
        let (mut joined, mut taken) = (0, 0);
        let start = Instant::now();
        while joined < 100 || taken == 0 {
            assert!(start.elapsed() < PATIENCE, "those who join get events as well");
            let sink = stream.sink("g").await?;
            joined += 1;
            // It may get one and give it back, or leave at once; later on it waits for longer.
            let patience = Duration::from_millis(joined % 4 + joined / 100 * 50);
            let next = tokio::time::timeout(patience, sink.next()).await;
            taken += u64::from(next.is_ok());
            sink.close().await?;
        }
        other.close().await;
        Ok::<_, ponos::Error>(taken)
    });
    let mut published = 0_u64;
    while !joining.is_finished() {
        stream.publish("t", published.to_string()).await?;
        published += 1;
        tokio::time::sleep(Duration::from_micros(published * 131 % 1_500)).await;
    }
    assert!(joining.await.unwrap()? > 0, "it has taken some");
    until("all is settled", async || Ok(settled(&stream).await? == published)).await?;
    counting.abort();
    totals.sync().await?;
    assert_eq!(told(&totals), (published, (0..published).sum::<u64>()));
    client.close().await;
    Ok(())
}
