//! Streams on Redis when things go wrong: each test tries to break one promise.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests have a clock of their own and may panic"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use ponos::stream::{
    Delivery, Item, Message, Order, PublishOptions, ReaderOptions, Sink, SinkOptions, Start, StreamOptions,
};
use ponos::{ErrorKind, Ponos, Result, Stream};
use ponos_test_support::{Proxy, RedisServer, Victim, until};

const PATIENCE: Duration = Duration::from_secs(40);

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it takes too long")
}

async fn next(sink: &Sink) -> Delivery {
    within(sink.next()).await.expect("not closed").expect("no error").event().expect("an event")
}

fn from_first() -> SinkOptions {
    SinkOptions::default().from(Start::First)
}

async fn fill(stream: &Stream, count: usize) -> Result<()> {
    let mut left = count;
    while left > 0 {
        let now = left.min(500);
        let batch = (0..now).map(|number| Message::new("t", (count - left + number).to_string())).collect();
        stream.publish_batch(batch).await?;
        left -= now;
    }
    Ok(())
}

/// Takes and acknowledges until `count` different events were seen; how often each was.
async fn drain(sink: &Sink, count: usize) -> Result<BTreeMap<u64, u32>> {
    let mut seen = BTreeMap::new();
    while seen.len() < count {
        let events: Vec<Delivery> =
            within(sink.next_batch(500)).await?.into_iter().filter_map(Item::event).collect();
        sink.ack_batch(&events).await?;
        for event in events {
            *seen.entry(event.id().seq).or_default() += 1;
        }
    }
    Ok(seen)
}

async fn pending(stream: &Stream, group: &str) -> Result<u64> {
    let info = stream.info().await?;
    let groups = info.map(|info| info.groups).unwrap_or_default();
    Ok(groups.iter().find(|it| it.name == group).map_or(0, |it| it.pending))
}

/// Takes 10,000 events and answers none: the other end of the tests that kill it.
#[tokio::test]
#[ignore = "a process for other tests to kill"]
async fn child_takes_and_never_answers() -> Result<()> {
    let client = Ponos::open(&Victim::url()).await?;
    let stream = client.stream("work").await?;
    let options = from_first().prefetch(10_000).max_in_flight(20_000);
    let sink = stream.sink_with("g", options).await?;
    let mut held = Vec::new();
    loop {
        held.extend(sink.next_batch(1_000).await?);
    }
}

#[tokio::test]
async fn what_a_killed_consumer_held_is_delivered_to_another_within_its_lease() -> Result<()> {
    let server = RedisServer::start();
    let client = Ponos::open(&server.url()).await?;
    let stream = client.stream("work").await?;
    fill(&stream, 10_000).await?;
    let victim = Victim::start("child_takes_and_never_answers", &server.url());
    until("it holds all", async || Ok(pending(&stream, "g").await? == 10_000)).await?;
    let sink = stream.sink_with("g", from_first()).await?;
    victim.kill();
    let start = Instant::now();
    let seen = drain(&sink, 10_000).await?;
    assert!(start.elapsed() < Duration::from_secs(9), "it took {:?}", start.elapsed());
    assert!(seen.values().all(|times| *times == 1), "after its death each is delivered once");
    assert_eq!(pending(&stream, "g").await?, 0);
    client.close().await;
    Ok(())
}

#[tokio::test]
async fn a_service_that_was_down_for_longer_than_any_lease_finds_its_pending_events() -> Result<()> {
    let server = RedisServer::start();
    let client = Ponos::open(&server.url()).await?;
    let stream = client.stream("work").await?;
    fill(&stream, 1_000).await?;
    let victim = Victim::start("child_takes_and_never_answers", &server.url());
    until("it holds all", async || Ok(pending(&stream, "g").await? == 1_000)).await?;
    victim.kill();
    // Nobody is there while its lease ends.
    tokio::time::sleep(Duration::from_secs(6)).await;
    let sink = stream.sink_with("g", from_first()).await?;
    let event = next(&sink).await;
    assert_eq!(event.count(), 2, "it was handed out before");
    event.ack().await?;
    drain(&sink, 999).await?;
    assert_eq!(pending(&stream, "g").await?, 0);
    client.close().await;
    Ok(())
}

#[tokio::test]
async fn a_paused_consumer_learns_that_others_have_its_events() -> Result<()> {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port()).await;
    let (near, far) = (Ponos::open(&server.url()).await?, Ponos::open(&proxy.url()).await?);
    let stream = near.stream("work").await?;
    fill(&stream, 10).await?;
    let paused = far.stream("work").await?.sink_with("g", from_first()).await?;
    let held = next(&paused).await;
    proxy.freeze();
    let other = stream.sink_with("g", from_first()).await?;
    let seen = drain(&other, 10).await?;
    assert_eq!(seen.len(), 10);
    // Nine lie ready, and are another's by now: nobody gets them here.
    let ready = tokio::time::timeout(Duration::from_millis(300), paused.next()).await;
    assert!(ready.is_err(), "{ready:?}");
    proxy.thaw();
    let late = within(async {
        loop {
            match held.ack().await {
                Err(error) if error.kind() == ErrorKind::Timeout => {}
                other => return other,
            }
        }
    });
    let late = late.await.unwrap_err();
    assert!(matches!(late.kind(), ErrorKind::Fenced | ErrorKind::Conflict), "{late}");
    // It is a member anew, and gets what comes.
    other.close().await?;
    fill(&stream, 1).await?;
    let event = next(&paused).await;
    assert_eq!(event.id().seq, 11);
    event.ack().await?;
    near.close().await;
    far.close().await;
    Ok(())
}

#[tokio::test]
async fn cuts_at_any_moment_lose_and_double_nothing_that_is_published() -> Result<()> {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port()).await;
    let (near, far) = (Ponos::open(&server.url()).await?, Ponos::open(&proxy.url()).await?);
    let (stream, shaky) = (near.stream("s").await?, far.stream("s").await?);
    let mut reader = stream.reader().await?;
    let publisher = tokio::spawn(async move {
        let mut acknowledged = Vec::new();
        for number in 0..3_000_u32 {
            // With an id now and then: both kinds of call are cut.
            let options = match number % 5 {
                0 => PublishOptions::default().dedup_id(&format!("id-{number}")),
                _ => PublishOptions::default(),
            };
            loop {
                match shaky.publish_with("t", number.to_string(), options.clone()).await {
                    Ok(_) => break acknowledged.push(number),
                    Err(error) if !error.maybe_applied() => {}
                    Err(error) => panic!("{error}: nothing may be open, the log reaches back"),
                }
            }
        }
        acknowledged
    });
    let mut cuts = 0;
    while !publisher.is_finished() {
        proxy.cut();
        cuts += 1;
        tokio::time::sleep(Duration::from_millis(7)).await;
    }
    let acknowledged = publisher.await.unwrap();
    assert!(cuts > 10, "only {cuts} cuts");
    for number in acknowledged {
        let event = within(reader.next()).await.unwrap()?.event().unwrap();
        assert_eq!(event.payload(), number.to_string(), "lost, doubled or out of order");
    }
    assert_eq!(stream.info().await?.unwrap().len, 3_000);
    near.close().await;
    far.close().await;
    Ok(())
}

#[tokio::test]
async fn cuts_at_any_moment_keep_every_acknowledgement() -> Result<()> {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port()).await;
    let (near, far) = (Ponos::open(&server.url()).await?, Ponos::open(&proxy.url()).await?);
    let (stream, shaky) = (near.stream("s").await?, far.stream("s").await?);
    fill(&stream, 2_000).await?;
    let options = from_first().prefetch(20).ack_wait(Duration::from_secs(60));
    let sink = shaky.sink_with("g", options).await?;
    let worker = tokio::spawn(async move {
        let mut acknowledged = BTreeSet::new();
        while acknowledged.len() < 2_000 {
            let event = next(&sink).await;
            match event.ack().await {
                Ok(()) => {
                    assert!(acknowledged.insert(event.id().seq), "{event:?} comes after its acknowledgement");
                }
                // Left open: it is acknowledged later, or comes again.
                Err(error) => {
                    assert!(matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Fenced), "{error}");
                }
            }
        }
        sink
    });
    while !worker.is_finished() {
        proxy.cut();
        tokio::time::sleep(Duration::from_millis(23)).await;
    }
    let sink = worker.await.unwrap();
    until("nothing is pending", async || Ok(pending(&stream, "g").await? == 0)).await?;
    assert!(tokio::time::timeout(Duration::from_millis(300), sink.next()).await.is_err(), "there is more");
    near.close().await;
    far.close().await;
    Ok(())
}

#[tokio::test]
async fn a_lost_answer_to_a_take_hides_no_event() -> Result<()> {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port()).await;
    let (near, far) = (Ponos::open(&server.url()).await?, Ponos::open(&proxy.url()).await?);
    let (stream, shaky) = (near.stream("s").await?, far.stream("s").await?);
    let sink = shaky.sink("g").await?;
    // The consumer's first change of the group is done, and it does not hear of that.
    proxy.swallow_answer_to(b"EVALSHA");
    fill(&stream, 20).await?;
    let seen = drain(&sink, 20).await?;
    assert!(proxy.swallowed(), "no answer was lost");
    assert!(seen.values().all(|times| *times == 1), "{seen:?}");
    near.close().await;
    far.close().await;
    Ok(())
}

#[tokio::test]
async fn a_server_that_comes_back_empty_is_a_deleted_stream() -> Result<()> {
    let mut server = RedisServer::start();
    let client = Ponos::open(&server.url()).await?;
    let stream = client.stream("s").await?;
    let (mut reader, sink) = (stream.reader().await?, stream.sink("g").await?);
    let old = stream.publish("t", "old").await?;
    assert_eq!(within(reader.next()).await.unwrap()?.event().unwrap().id(), old);
    let held = next(&sink).await;
    server.kill();
    server.restart();
    assert!(matches!(within(reader.next()).await.unwrap()?, Item::Deleted));
    assert!(matches!(within(sink.next()).await.unwrap()?, Item::Deleted));
    assert_eq!(held.ack().await.unwrap_err().kind(), ErrorKind::Fenced);
    let new = within(async {
        loop {
            if let Ok(id) = stream.publish("t", "new").await {
                return id;
            }
        }
    });
    let new = new.await;
    assert!(new.generation > old.generation);
    assert_eq!(within(reader.next()).await.unwrap()?.event().unwrap().id(), new);
    assert_eq!(next(&sink).await.id(), new);
    client.close().await;
    Ok(())
}

#[tokio::test]
async fn a_server_that_keeps_what_it_holds_loses_nothing_by_a_restart() -> Result<()> {
    let folder = std::env::temp_dir().join(format!("ponos-stream-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.display().to_string();
    let mut server = RedisServer::with(&["--appendonly", "yes", "--appendfsync", "always", "--dir", &path]);
    let client = Ponos::open(&server.url()).await?;
    let stream = client.stream("s").await?;
    let mut reader = stream.reader().await?;
    let sink = stream.sink("g").await?;
    fill(&stream, 50).await?;
    for _ in 0..20 {
        next(&sink).await.ack().await?;
    }
    server.kill();
    server.restart();
    for seq in 1..=50 {
        assert_eq!(within(reader.next()).await.unwrap()?.event().unwrap().id().seq, seq);
    }
    let seen = drain(&sink, 30).await?;
    assert_eq!(seen.keys().copied().collect::<Vec<_>>(), (21..=50).collect::<Vec<_>>());
    client.close().await;
    drop(server);
    std::fs::remove_dir_all(folder).unwrap();
    Ok(())
}

#[tokio::test]
async fn a_reader_from_the_end_gets_all_that_follows_also_of_a_quiet_stream() -> Result<()> {
    let server = RedisServer::start();
    let (one, two) = (Ponos::open(&server.url()).await?, Ponos::open(&server.url()).await?);
    for round in 0..100 {
        let (busy, quiet) = (one.stream("busy").await?, one.stream("quiet").await?);
        let (mut left, mut right) =
            (two.stream("busy").await?.reader().await?, two.stream("quiet").await?.reader().await?);
        let first = quiet.publish("t", round.to_string()).await?;
        fill(&busy, 200).await?;
        for number in 0..200 {
            let event = within(left.next()).await.unwrap()?.event().unwrap();
            assert_eq!(event.payload(), number.to_string(), "round {round}");
        }
        assert_eq!(within(right.next()).await.unwrap()?.event().unwrap().id(), first, "round {round}");
    }
    one.close().await;
    two.close().await;
    Ok(())
}

#[tokio::test]
async fn thirty_streams_with_the_same_group_do_not_disturb_each_other() -> Result<()> {
    let server = RedisServer::start();
    let client = Ponos::open(&server.url()).await?;
    let mut sinks = Vec::new();
    for number in 0..30 {
        let stream = client.stream(&format!("s{number}")).await?;
        let sink =
            stream.sink_with("same", SinkOptions::default().ack_wait(Duration::from_millis(200))).await?;
        stream.publish("t", number.to_string()).await?;
        sinks.push(sink);
    }
    let start = Instant::now();
    for sink in &sinks {
        assert_eq!(next(sink).await.count(), 1);
    }
    for (number, sink) in sinks.iter().enumerate() {
        let again = next(sink).await;
        assert_eq!((again.count(), again.payload()), (2, number.to_string().into()));
        again.ack().await?;
    }
    assert!(start.elapsed() < Duration::from_secs(3), "redelivery took {:?}", start.elapsed());
    client.close().await;
    Ok(())
}

#[tokio::test]
async fn the_order_of_a_key_holds_when_its_consumer_dies() -> Result<()> {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port()).await;
    let (near, far) = (Ponos::open(&server.url()).await?, Ponos::open(&proxy.url()).await?);
    let stream = near.stream("keys").await?;
    for number in 0..200 {
        let options = PublishOptions::default().key(&format!("k{}", number % 10));
        stream.publish_with("t", number.to_string(), options).await?;
    }
    let options = || from_first().order(Order::ByKey(16)).prefetch(40);
    let doomed = far.stream("keys").await?.sink_with("g", options()).await?;
    let mut done = BTreeMap::<String, Vec<u64>>::new();
    for _ in 0..60 {
        let event = next(&doomed).await;
        event.ack().await?;
        done.entry(event.key().unwrap().to_owned()).or_default().push(event.id().seq);
    }
    let _held = next(&doomed).await;
    let heir = stream.sink_with("g", options()).await?;
    proxy.freeze();
    while done.values().map(Vec::len).sum::<usize>() < 200 {
        let event = next(&heir).await;
        event.ack().await?;
        done.entry(event.key().unwrap().to_owned()).or_default().push(event.id().seq);
    }
    for (key, seqs) in &done {
        assert!(seqs.is_sorted() && seqs.len() == 20, "{key}: {seqs:?}");
    }
    near.close().await;
    Ok(())
}

#[tokio::test]
async fn a_poison_event_that_kills_its_consumers_ends_in_the_dead_letter_once() -> Result<()> {
    let server = RedisServer::start();
    let client = Ponos::open(&server.url()).await?;
    let scope = client.scope("shop");
    let (stream, dead) = (scope.stream("orders").await?, scope.stream("dead").await?);
    let options = || from_first().max_deliver(2).dead_letter("dead");
    stream.publish("t", "poison").await?;
    for count in 1..=2 {
        let proxy = Proxy::start(server.port()).await;
        let doomed = Ponos::open(&proxy.url()).await?;
        let sink = doomed.scope("shop").stream("orders").await?.sink_with("g", options()).await?;
        let event = next(&sink).await;
        assert_eq!(event.count(), count);
        proxy.freeze(); // as if it had died
        std::mem::forget((doomed, proxy));
    }
    let sink = stream.sink_with("g", options()).await?;
    until("it is in the dead letter", async || Ok(dead.info().await?.is_some_and(|info| info.len == 1)))
        .await?;
    stream.publish("t", "fine").await?;
    let event = next(&sink).await;
    assert_eq!((event.payload(), event.count()), ("fine".into(), 1));
    event.ack().await?;
    assert_eq!(dead.info().await?.unwrap().len, 1);
    let mut letters = dead.reader_with(ReaderOptions::default().from(Start::First)).await?;
    let letter = within(letters.next()).await.unwrap()?.event().unwrap();
    assert_eq!(letter.header("ponos-deliveries").as_deref(), Some(&b"2"[..]));
    client.close().await;
    Ok(())
}

#[tokio::test]
async fn a_restricted_user_can_do_all_of_it() -> Result<()> {
    let server = RedisServer::start();
    let _ = server.command(&[
        "ACL",
        "SETUSER",
        "app",
        "on",
        ">secret",
        "~ponos:*",
        "&ponos:*",
        "+@all",
        "-@dangerous",
        "-@admin",
    ]);
    let url = server.url().replace("redis://", "redis://app:secret@");
    let client = Ponos::open(&url).await?;
    let stream = client.stream_with("s", StreamOptions::default().max_len(50)).await?;
    let sink = stream.sink_with("g", from_first()).await?;
    stream
        .publish_with("t", "x", PublishOptions::default().dedup_id("1").delay(Duration::from_millis(5)))
        .await?;
    fill(&stream, 100).await?;
    drain(&sink, 101).await?;
    assert!(stream.info().await?.is_some() && stream.destroy().await?);
    client.close().await;
    Ok(())
}

/// How many commands the server has had from clients: those that scripts give are not counted.
fn commands(server: &RedisServer) -> u64 {
    let stats = server.command(&["INFO", "commandstats"]);
    let sent =
        ["evalsha", "eval", "ping", "time", "xrange", "subscribe", "hgetall", "zrange", "zrangebyscore"];
    let calls = |line: &str| {
        let (name, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
        let inside = matches!(name, "time" | "xrange" | "zrange" | "hgetall" | "zrangebyscore");
        let calls: u64 = rest.split(',').next()?.parse().ok()?;
        (sent.contains(&name) && !inside).then_some(calls)
    };
    stats.lines().filter_map(calls).sum()
}

#[tokio::test]
async fn a_thousand_idle_readers_and_sinks_cost_four_connections_and_two_commands_a_second() -> Result<()> {
    let server = RedisServer::start();
    let connections = || server.command(&["CLIENT", "LIST"]).matches("laddr=").count();
    let before = connections();
    let client = Ponos::open(&server.url()).await?;
    let (mut readers, mut sinks) = (Vec::new(), Vec::new());
    for number in 0..500 {
        let stream = client.stream(&format!("s{}", number % 50)).await?;
        readers.push(stream.reader().await?);
        sinks.push(stream.sink(&format!("g{}", number / 50)).await?);
    }
    assert!(connections() - before <= 4, "{} connections", connections() - before);
    // What follows from opening them is over.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let (start, from) = (Instant::now(), commands(&server));
    tokio::time::sleep(Duration::from_secs(10)).await;
    let rate = (commands(&server) - from) as f64 / start.elapsed().as_secs_f64();
    assert!(rate <= 2.0, "{rate} commands a second");
    let map = client.map("m").await?;
    let mut slowest = Duration::ZERO;
    for number in 0..200 {
        let start = Instant::now();
        map.set("k", number.to_string()).await?;
        slowest = slowest.max(start.elapsed());
    }
    assert!(slowest < Duration::from_millis(500), "a set took {slowest:?} beside them");
    let stream = client.stream("s0").await?;
    let id = stream.publish("t", "wakes").await?;
    assert_eq!(within(readers[0].next()).await.unwrap()?.event().unwrap().id(), id);
    assert_eq!(next(&sinks[0]).await.id(), id);
    client.close().await;
    Ok(())
}

#[tokio::test]
async fn who_only_publishes_is_not_sent_what_is_published() -> Result<()> {
    let server = RedisServer::start();
    let (one, two) = (Ponos::open(&server.url()).await?, Ponos::open(&server.url()).await?);
    let (publisher, listener) = (one.stream("s").await?, two.stream("s").await?);
    let channel = "ponos:{s}:s:s:c";
    let heard_by = || server.command(&["PUBSUB", "NUMSUB", channel]).replace(['\r', '\n'], " ");
    publisher.publish("t", "1").await?;
    assert!(heard_by().trim_end().ends_with('0'), "{}", heard_by());
    let mut reader = listener.reader_with(ReaderOptions::default().from(Start::First)).await?;
    assert!(heard_by().trim_end().ends_with('1'), "{}", heard_by());
    assert_eq!(&within(reader.next()).await.unwrap()?.event().unwrap().payload()[..], b"1");
    two.close().await;
    until("nobody listens", async || Ok(heard_by().trim_end().ends_with('0'))).await?;
    one.close().await;
    Ok(())
}
