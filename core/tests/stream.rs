//! Streams as a user sees them, on every engine.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests have a clock of their own and may panic"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::time::{Duration, Instant};

use ponos::stream::{
    Delivery, Event, Item, MAX_WAIT, Merged, Message, Order, PublishOptions, REPLY_TO, Reader, ReaderOptions,
    Sink, SinkOptions, Start, StreamOptions, WhenBehind, merge,
};
use ponos::{Error, ErrorKind, Ponos, Result, StepBuilder, Stream};
use ponos_test_support::RedisServer;

const PATIENCE: Duration = Duration::from_secs(20);

/// Runs a test on every engine, each time with a client of its own.
async fn everywhere<F: Future<Output = Result<()>>>(test: impl Fn(String) -> F) -> Result<()> {
    test("memory://streams".to_owned()).await?;
    let server = RedisServer::start();
    test(server.url()).await
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it takes too long")
}

async fn read(reader: &mut Reader) -> Event {
    let item = within(reader.next()).await.expect("not closed").expect("no error");
    item.event().expect("an event")
}

async fn next(sink: &Sink) -> Delivery {
    let item = within(sink.next()).await.expect("not closed").expect("no error");
    item.event().expect("an event")
}

async fn nothing(sink: &Sink) {
    let more = tokio::time::timeout(Duration::from_millis(150), sink.next()).await;
    assert!(more.is_err(), "there is more: {more:?}");
}

fn text(event: &Event) -> String {
    String::from_utf8(event.payload().to_vec()).unwrap()
}

async fn publish(stream: &Stream, texts: impl IntoIterator<Item = impl ToString>) -> Result<()> {
    for text in texts {
        stream.publish("t", text.to_string()).await?;
    }
    Ok(())
}

async fn until(what: &str, holds: impl AsyncFn() -> Result<bool>) -> Result<()> {
    let start = Instant::now();
    while !holds().await? {
        assert!(start.elapsed() < PATIENCE, "{what}");
        tokio::task::yield_now().await;
    }
    Ok(())
}

fn short() -> SinkOptions {
    SinkOptions::default().ack_wait(Duration::from_millis(60))
}

#[tokio::test]
async fn who_has_only_published_so_far_reads_at_once() -> Result<()> {
    everywhere(async |url| {
        let (one, two) = (Ponos::open(&url).await?, Ponos::open(&url).await?);
        let start = Instant::now();
        for round in 0..20 {
            let name = format!("late-{round}");
            let (stream, other) = (one.stream(&name).await?, two.stream(&name).await?);
            publish(&stream, [1]).await?;
            publish(&other, [2, 3]).await?;
            let sink = stream.sink_with("g", SinkOptions::default().from(Start::First)).await?;
            let mut reader = other.reader_with(ReaderOptions::default().from(Start::First)).await?;
            for wanted in ["1", "2", "3"] {
                assert_eq!(
                    (text(&*next(&sink).await), &*text(&read(&mut reader).await)),
                    (wanted.into(), wanted)
                );
            }
            publish(&stream, [4]).await?;
            assert_eq!((text(&*next(&sink).await), text(&read(&mut reader).await)), ("4".into(), "4".into()));
        }
        // By the look alone, which is made once a second, it would take more than twice as long.
        assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_reader_sees_every_event_from_its_start_on() -> Result<()> {
    everywhere(async |url| {
        let (one, two) = (Ponos::open(&url).await?, Ponos::open(&url).await?);
        let (stream, other) = (one.stream("reader").await?, two.stream("reader").await?);
        let mut live = other.reader().await?;
        let options = PublishOptions::default().key("k").header("a", "1").header("b", "ü");
        let published = stream.publish_with("orders.new", "first", options).await?;
        publish(&stream, 2..=5).await?;
        let event = read(&mut live).await;
        assert_eq!((event.topic(), event.key(), text(&event)), ("orders.new", Some("k"), "first".into()));
        assert_eq!(event.header("b").as_deref(), Some("ü".as_bytes()));
        assert_eq!((Some(event.id()), event.id().seq), (published.id, 1));
        for seq in 2..=5 {
            assert_eq!(read(&mut live).await.id().seq, seq);
        }
        let at = |start| ReaderOptions::default().from(start);
        for (start, first) in [(Start::First, 1), (Start::Last(2), 4), (Start::Behind(event.id()), 2)] {
            let mut reader = other.reader_with(at(start)).await?;
            assert_eq!(read(&mut reader).await.id().seq, first, "{start:?}");
            let mut resumed = stream.reader_with(at(Start::Behind(reader.position()))).await?;
            assert_eq!(read(&mut resumed).await.id().seq, first + 1, "{start:?}");
        }
        let mut filtered = other.reader_with(at(Start::First).topics(["orders.*"])).await?;
        publish(&stream, [6]).await?;
        stream.publish("orders.old", "7").await?;
        assert_eq!([read(&mut filtered).await.id().seq, read(&mut filtered).await.id().seq], [1, 7]);
        one.close().await;
        two.close().await;
        assert!(within(filtered.next()).await.is_none(), "a closed stream is at its end");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn the_past_can_be_read_as_fast_as_it_went() -> Result<()> {
    everywhere(async |url| {
        let client = Ponos::open(&url).await?;
        let stream = client.stream("replay").await?;
        publish(&stream, [1]).await?;
        tokio::time::sleep(Duration::from_millis(200)).await;
        publish(&stream, [2]).await?;
        let at = |speed| ReaderOptions::default().from(Start::First).replay(speed);
        let mut reader = stream.reader_with(at(2.0)).await?;
        read(&mut reader).await;
        let start = Instant::now();
        read(&mut reader).await;
        assert!((60..190).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
        publish(&stream, [3]).await?;
        read(&mut reader).await;
        assert_eq!(stream.reader_with(at(0.0)).await.unwrap_err().kind(), ErrorKind::Invalid);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn the_consumers_of_a_group_share_its_events_and_each_group_gets_all() -> Result<()> {
    everywhere(async |url| {
        let (one, two) = (Ponos::open(&url).await?, Ponos::open(&url).await?);
        let (stream, other) = (one.stream("share").await?, two.stream("share").await?);
        let few = || SinkOptions::default().prefetch(4);
        let (left, right) = (stream.sink_with("g", few()).await?, other.sink_with("g", few()).await?);
        let alone = other.sink("h").await?;
        publish(&stream, 0..100).await?;
        let mut seen = BTreeSet::new();
        while seen.len() < 100 {
            let event = tokio::select! {
                event = next(&left) => event,
                event = next(&right) => event,
            };
            assert!(seen.insert(event.id().seq), "{event:?} comes twice");
            assert_eq!(event.count(), 1);
            event.ack().await?;
        }
        for seq in 1..=100 {
            let event = next(&alone).await;
            assert_eq!(event.id().seq, seq);
            event.ack().await?;
        }
        nothing(&left).await;
        let info = stream.info().await?.unwrap();
        let groups: Vec<_> =
            info.groups.iter().map(|it| (&*it.name, it.lag, it.pending, it.consumers)).collect();
        assert_eq!((info.len, groups), (100, vec![("g", 0, 0, 2), ("h", 0, 0, 1)]));
        one.close().await;
        two.close().await;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn what_is_not_acknowledged_comes_again() -> Result<()> {
    everywhere(async |url| {
        let client = Ponos::open(&url).await?;
        let stream = client.stream("again").await?;
        let sink = stream.sink_with("g", short().backoff([Duration::from_millis(30)])).await?;
        publish(&stream, ["a", "b"]).await?;
        let (forgotten, refused) = (next(&sink).await, next(&sink).await);
        let start = Instant::now();
        refused.nack_after(Duration::from_millis(300)).await?;
        let again = next(&sink).await;
        assert_eq!((again.id(), again.count()), (forgotten.id(), 2));
        assert!(start.elapsed() >= Duration::from_millis(60), "before its time was over");
        for _ in 0..4 {
            tokio::time::sleep(Duration::from_millis(30)).await;
            again.progress()?;
        }
        again.ack().await?;
        assert_eq!(again.ack().await.unwrap_err().kind(), ErrorKind::Fenced);
        let late = forgotten.ack().await.unwrap_err();
        assert_eq!(late.kind(), ErrorKind::Fenced, "{late}");
        let again = next(&sink).await;
        assert_eq!((again.id(), again.count()), (refused.id(), 2));
        assert!(start.elapsed() >= Duration::from_millis(290), "{:?}", start.elapsed());
        again.nack().await?;
        assert_eq!(again.nack().await.unwrap_err().kind(), ErrorKind::Fenced);
        let again = next(&sink).await;
        assert_eq!((again.id(), again.count()), (refused.id(), 3));
        again.ack().await?;
        nothing(&sink).await;
        client.close().await;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn an_event_that_is_given_up_is_in_the_dead_letter_once() -> Result<()> {
    everywhere(async |url| {
        let client = Ponos::open(&url).await?;
        let scope = client.scope("shop");
        let (stream, dead) = (scope.stream("orders").await?, scope.stream("dead").await?);
        let mut letters = dead.reader().await?;
        let options = short().max_deliver(3).dead_letter("dead");
        let sink = stream.sink_with("g", options).await?;
        let with = PublishOptions::default().key("k").header("h", "v");
        stream.publish_with("orders.new", "poison", with).await?;
        publish(&stream, ["bad"]).await?;
        for count in 1..=3 {
            let event = next(&sink).await;
            assert_eq!((text(&event), event.count()), ("poison".into(), count));
            if count == 1 {
                next(&sink).await.term("it is bad").await?;
                let letter = read(&mut letters).await;
                assert_eq!((text(&letter), letter.topic()), ("bad".into(), "t"));
                assert_eq!(letter.header("ponos-reason").as_deref(), Some(&b"it is bad"[..]));
            }
            match count {
                2 => {}
                _ => event.nack().await?,
            }
        }
        let letter = read(&mut letters).await;
        assert_eq!((text(&letter), letter.key()), ("poison".into(), Some("k")));
        let header = |name| String::from_utf8(letter.header(name).unwrap().to_vec()).unwrap();
        assert_eq!((header("h"), header("ponos-reason")), ("v".into(), "max_deliver".into()));
        assert_eq!((header("ponos-deliveries"), header("ponos-group")), ("3".into(), "g".into()));
        nothing(&sink).await;
        assert_eq!(dead.info().await?.unwrap().len, 2);
        assert_eq!(stream.info().await?.unwrap().groups[0].pending, 0);
        client.close().await;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn closing_gives_back_what_was_not_handled() -> Result<()> {
    everywhere(async |url| {
        let client = Ponos::open(&url).await?;
        let stream = client.stream("close").await?;
        let first = stream.sink("g").await?;
        publish(&stream, 1..=5).await?;
        let (done, open) = (next(&first).await, next(&first).await);
        done.ack().await?;
        let second = stream.sink("g").await?;
        within(first.close()).await?;
        assert!(within(first.next()).await.is_none());
        assert_eq!(open.ack().await.unwrap_err().kind(), ErrorKind::Closed);
        let mut counts = BTreeMap::new();
        for _ in 2..=5 {
            let event = next(&second).await;
            counts.insert(event.id().seq, event.count());
            event.ack().await?;
        }
        // What was handed out counts as delivered, what lay ready does not.
        assert_eq!(counts, BTreeMap::from([(2, 2), (3, 1), (4, 1), (5, 1)]));
        drop(second);
        until("a dropped sink leaves", async || Ok(stream.info().await?.unwrap().groups[0].consumers == 0))
            .await
    })
    .await
}

#[tokio::test]
async fn whoever_gives_up_waiting_has_been_given_nothing() -> Result<()> {
    everywhere(async |url| {
        let client = Ponos::open(&url).await?;
        let stream = client.stream("ready").await?;
        let (mut reader, sink) = (stream.reader().await?, stream.sink("g").await?);
        let before = reader.position();
        assert!(tokio::time::timeout(Duration::from_millis(20), sink.ready()).await.is_err());
        assert!(sink.try_next_batch(9).unwrap()?.is_empty() && reader.try_next_batch(9).is_empty());
        publish(&stream, 1..=3).await?;
        for _ in 0..2 {
            assert!(within(reader.ready()).await?);
            within(sink.ready()).await;
        }
        assert_eq!(reader.position(), before);
        let mut seqs = Vec::new();
        while seqs.len() < 3 {
            assert!(within(reader.ready()).await?);
            let some = reader.try_next_batch(2);
            assert!((1..=2).contains(&some.len()));
            seqs.extend(some.iter().map(|item| item.position().seq));
        }
        assert_eq!((seqs, reader.position().seq), (vec![1, 2, 3], 3));
        sink.close().await?;
        within(sink.ready()).await;
        assert!(sink.try_next_batch(9).is_none());
        let sink = stream.sink("g").await?;
        let event = next(&sink).await;
        let other = stream.sink("g").await?;
        assert_eq!((event.count(), sink.group()), (1, "g"), "it was not handed out before");
        assert_eq!(other.ack_tickets([event.ticket()]).await.unwrap_err().kind(), ErrorKind::Fenced);
        event.ack().await?;
        client.close().await;
        assert!(!within(reader.ready()).await?);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn the_position_of_a_reader_that_was_there_before_the_stream_is_one_to_go_on_from() -> Result<()> {
    everywhere(async |url| {
        let client = Ponos::open(&url).await?;
        let stream = client.stream("before").await?;
        let start = Start::Behind(stream.reader().await?.position());
        let mut at_once = stream.reader_with(ReaderOptions::default().from(start)).await?;
        publish(&stream, [1]).await?;
        let mut later = stream.reader_with(ReaderOptions::default().from(start)).await?;
        let sink = stream.sink_with("g", SinkOptions::default().from(start)).await?;
        let first = read(&mut later).await.id();
        assert_eq!((read(&mut at_once).await.id(), next(&sink).await.id(), first.seq), (first, first, 1));
        client.close().await;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn the_order_of_a_key_holds_through_failure() -> Result<()> {
    everywhere(async |url| {
        let client = Ponos::open(&url).await?;
        let stream = client.stream("keys").await?;
        let options = || short().order(Order::ByKey(8)).from(Start::First);
        for number in 0..60 {
            let with = PublishOptions::default().key(&format!("k{}", number % 6));
            stream.publish_with("t", number.to_string(), with).await?;
        }
        let sinks = [stream.sink_with("g", options()).await?, stream.sink_with("g", options()).await?];
        let mut done = BTreeMap::<String, Vec<u64>>::new();
        let mut failed = BTreeSet::new();
        let mut count = 0;
        while count < 60 {
            let event = tokio::select! {
                event = next(&sinks[0]) => event,
                event = next(&sinks[1]) => event,
            };
            let (key, seq) = (event.key().unwrap().to_owned(), event.id().seq);
            let before = done.entry(key).or_default();
            assert!(before.last().is_none_or(|last| *last + 6 == seq), "{seq} after {before:?}");
            // Every seventh fails once, and every eleventh is forgotten once.
            let fails = seq.is_multiple_of(7) || seq.is_multiple_of(11);
            if fails && failed.insert(seq) {
                if seq.is_multiple_of(7) {
                    event.nack_after(Duration::from_millis(20)).await?;
                }
                continue;
            }
            event.ack().await?;
            before.push(seq);
            count += 1;
        }
        assert!(done.values().all(|seqs| seqs.len() == 10), "{done:?}");
        client.close().await;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn with_total_order_one_consumer_gets_one_event_at_a_time() -> Result<()> {
    everywhere(async |url| {
        let client = Ponos::open(&url).await?;
        let stream = client.stream("total").await?;
        let options = || SinkOptions::default().order(Order::Total);
        let mut sinks =
            vec![stream.sink_with("g", options()).await?, stream.sink_with("g", options()).await?];
        for number in 1..=20 {
            // Their keys say nothing then.
            let with = PublishOptions::default().key(&format!("k{}", number % 3));
            stream.publish_with("t", number.to_string(), with).await?;
        }
        for seq in 1..=20 {
            let (event, by) = match sinks.as_slice() {
                [one] => (next(one).await, 0),
                [one, two] => tokio::select! {
                    event = next(one) => (event, 0),
                    event = next(two) => (event, 1),
                },
                _ => unreachable!(),
            };
            assert_eq!(event.id().seq, seq);
            for sink in &sinks {
                let more = tokio::time::timeout(Duration::from_millis(3), sink.next()).await;
                assert!(more.is_err(), "another before {seq} is acknowledged: {more:?}");
            }
            event.ack().await?;
            if seq == 10 {
                sinks.remove(by).close().await?; // the other takes over
            }
        }
        client.close().await;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn an_event_is_acknowledged_and_counted_in_one_step_or_not_at_all() -> Result<()> {
    everywhere(async |url| {
        let client = Ponos::open(&url).await?;
        let scope = client.scope("steps");
        let (stream, totals) = (scope.stream("in").await?, scope.map("totals").await?);
        let out = scope.stream("out").await?;
        let (mut results, sink) = (out.reader().await?, stream.sink("g").await?);
        publish(&stream, 1..=2).await?;
        let event = next(&sink).await;
        let step = || {
            let txn = totals.txn().when("stop", ponos::Condition::Absent).incr("n", 1).incr("sum", 10);
            StepBuilder::new().map(txn).publish(&out, [Message::new("done", event.payload())])
        };
        event.ack_with(step()).await?;
        assert_eq!((totals.get("n").as_deref(), totals.revision()), (Some(&b"1"[..]), 1));
        assert_eq!(text(&read(&mut results).await), "1");
        assert_eq!(event.ack_with(step()).await.unwrap_err().kind(), ErrorKind::Fenced);
        let event = next(&sink).await;
        totals.set("stop", "now").await?;
        assert_eq!(event.ack_with(step()).await.unwrap_err().kind(), ErrorKind::Conflict);
        assert_eq!(totals.get("n").as_deref(), Some(&b"1"[..]));
        event.ack().await?;
        assert_eq!(stream.info().await?.unwrap().groups[0].pending, 0);
        assert_eq!(out.info().await?.unwrap().len, 1);
        let foreign = client.map("elsewhere").await?;
        let event = {
            publish(&stream, [3]).await?;
            next(&sink).await
        };
        let wrong = event.ack_with(StepBuilder::new().map(foreign.txn().incr("n", 1))).await.unwrap_err();
        assert_eq!(
            (wrong.kind(), wrong.message().contains("stays in one scope")),
            (ErrorKind::Invalid, true)
        );
        event.ack().await?;
        let alone =
            StepBuilder::new().map(totals.txn().incr("n", 5)).publish(&out, [Message::new("alone", "x")]);
        alone.commit().await?;
        assert_eq!(totals.get("n").as_deref(), Some(&b"6"[..]));
        assert_eq!(read(&mut results).await.topic(), "alone");
        assert_eq!(StepBuilder::new().commit().await.unwrap_err().kind(), ErrorKind::Invalid);
        let twice = StepBuilder::new().map(totals.txn().incr("n", 1)).map(totals.txn().incr("n", 1));
        assert_eq!(twice.commit().await.unwrap_err().kind(), ErrorKind::Invalid);
        client.close().await;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn publishing_recognises_repeats_and_keeps_to_conditions() -> Result<()> {
    everywhere(async |url| {
        let client = Ponos::open(&url).await?;
        let stream = client.stream("publish").await?;
        let wanted = |options: PublishOptions| stream.publish_with("t", "x", options);
        let missing = wanted(PublishOptions::default().if_exists()).await.unwrap_err();
        assert_eq!((missing.kind(), missing.maybe_applied()), (ErrorKind::NotFound, false));
        let first = wanted(PublishOptions::default().dedup_id("7").if_exists().expect_last(0)).await;
        assert_eq!(first.unwrap_err().kind(), ErrorKind::NotFound);
        let first = wanted(PublishOptions::default().dedup_id("7").expect_last(0)).await?;
        let again = wanted(PublishOptions::default().dedup_id("7")).await?;
        assert_eq!((first.duplicate, again.duplicate, first.id), (false, true, again.id));
        let stale = wanted(PublishOptions::default().expect_last(0)).await.unwrap_err();
        assert_eq!(stale.kind(), ErrorKind::Conflict);
        let batch = (0..1_000).map(|number| Message::new("b", number.to_string())).collect();
        let ids: Vec<u64> = stream.publish_batch(batch).await?.iter().map(|it| it.id.unwrap().seq).collect();
        assert_eq!(ids, (2..=1_001).collect::<Vec<_>>());
        let batch = vec![Message::new("b", "fine"), Message::new("b..", "bad")];
        assert_eq!(stream.publish_batch(batch).await.unwrap_err().kind(), ErrorKind::Invalid);
        assert_eq!(stream.info().await?.unwrap().last.unwrap().seq, 1_001);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_delayed_event_comes_when_its_time_has_come() -> Result<()> {
    everywhere(async |url| {
        let client = Ponos::open(&url).await?;
        let stream = client.stream("delay").await?;
        let mut reader = stream.reader().await?;
        let start = Instant::now();
        for (text, delay) in [("late", 200), ("soon", 80)] {
            let options = PublishOptions::default().delay(Duration::from_millis(delay));
            assert_eq!(stream.publish_with("t", text, options).await?.id, None);
        }
        publish(&stream, ["now"]).await?;
        let mut order = Vec::new();
        for _ in 0..3 {
            order.push(text(&read(&mut reader).await));
        }
        assert_eq!(order, ["now", "soon", "late"]);
        assert!(start.elapsed() >= Duration::from_millis(200));
        client.close().await;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn what_was_trimmed_before_it_was_read_is_an_exact_gap() -> Result<()> {
    everywhere(async |url| {
        let client = Ponos::open(&url).await?;
        let options = || StreamOptions::default().max_len(10).when_behind(WhenBehind::Skip);
        let stream = client.stream_with("gap", options()).await?;
        publish(&stream, [1]).await?;
        let mut reader = stream.reader_with(ReaderOptions::default().from(Start::First)).await?;
        read(&mut reader).await;
        let sink = stream.sink_with("g", SinkOptions::default().from(Start::First)).await?;
        next(&sink).await.ack().await?;
        publish(&stream, [2]).await?;
        until("the sink takes the second", async || Ok(stream.info().await?.unwrap().groups[0].pending == 1))
            .await?;
        sink.close().await?;
        publish(&stream, 3..=100).await?;
        // Clients that have not heard of it meanwhile, as if they had been away.
        let later = Ponos::open(&url).await?;
        let stream = later.stream_with("gap", options()).await?;
        let behind = ReaderOptions::default().from(Start::Behind(reader.position()));
        let mut reader = stream.reader_with(behind).await?;
        let Some(Ok(Item::Gap(gap))) = within(reader.next()).await else { panic!("no gap") };
        assert_eq!((gap.first_missing.seq, gap.next.seq, gap.count), (2, 91, 89));
        assert_eq!(read(&mut reader).await.id().seq, 91);
        let sink = stream.sink_with("g", SinkOptions::default()).await?;
        let (mut expected, mut missing) = (2, 0);
        while expected <= 100 {
            match within(sink.next()).await.unwrap()? {
                Item::Gap(gap) => {
                    assert_eq!(
                        (gap.first_missing.seq, gap.next.seq - gap.first_missing.seq),
                        (expected, gap.count)
                    );
                    missing += gap.count;
                    expected = gap.next.seq;
                }
                Item::Event(event) => {
                    assert_eq!(event.id().seq, expected);
                    expected += 1;
                    event.ack().await?;
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(missing, 89);
        later.close().await;
        client.close().await;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_full_stream_refuses_and_goes_on_when_its_group_does() -> Result<()> {
    everywhere(async |url| {
        let client = Ponos::open(&url).await?;
        let options = StreamOptions::default().max_len(10).when_behind(WhenBehind::Reject);
        let stream = client.stream_with("full", options).await?;
        let sink = stream.sink("g").await?;
        publish(&stream, 1..=10).await?;
        let full = stream.publish("t", "11").await.unwrap_err();
        assert_eq!((full.kind(), full.maybe_applied()), (ErrorKind::Limited, false));
        for _ in 0..5 {
            next(&sink).await.ack().await?;
        }
        publish(&stream, 11..=15).await?;
        assert_eq!(stream.publish("t", "16").await.unwrap_err().kind(), ErrorKind::Limited);
        sink.close().await?;
        assert!(stream.disband("g").await? && !stream.disband("g").await?);
        publish(&stream, 16..=30).await?;
        assert_eq!(stream.info().await?.unwrap().len, 10);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_deleted_stream_is_told_and_lives_anew_with_other_ids() -> Result<()> {
    everywhere(async |url| {
        let client = Ponos::open(&url).await?;
        let stream = client.stream("deleted").await?;
        let (mut reader, sink) = (stream.reader().await?, stream.sink("g").await?);
        let old = stream.publish("t", "old").await?;
        assert_eq!(read(&mut reader).await.id(), old);
        let open = next(&sink).await;
        assert!(stream.destroy().await?);
        assert!(matches!(within(reader.next()).await, Some(Ok(Item::Deleted))));
        assert!(matches!(within(sink.next()).await, Some(Ok(Item::Deleted))));
        assert_eq!(open.ack().await.unwrap_err().kind(), ErrorKind::Fenced);
        let new = stream.publish("t", "new").await?;
        assert!(new.generation > old.generation && new.seq == 1);
        assert_eq!(read(&mut reader).await.id(), new);
        assert_eq!(next(&sink).await.id(), new);
        let behind = ReaderOptions::default().from(Start::Behind(old));
        assert_eq!(stream.reader_with(behind).await.unwrap_err().kind(), ErrorKind::NotFound);
        client.close().await;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_removed_event_is_passed_over() -> Result<()> {
    everywhere(async |url| {
        let client = Ponos::open(&url).await?;
        let stream = client.stream("removed").await?;
        let sink = stream.sink("g").await?;
        publish(&stream, [1]).await?;
        let id = stream.publish("t", "secret").await?;
        assert!(stream.remove(id).await? && !stream.remove(id).await?);
        publish(&stream, [3]).await?;
        let mut reader = stream.reader_with(ReaderOptions::default().from(Start::First)).await?;
        assert_eq!([read(&mut reader).await.id().seq, read(&mut reader).await.id().seq], [1, 3]);
        assert_eq!(next(&sink).await.id().seq, 1);
        client.close().await;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn what_is_wrong_is_told_at_the_first_call() -> Result<()> {
    everywhere(async |url| {
        let client = Ponos::open(&url).await?;
        let stream = client.stream("wrong").await?;
        let invalid = |error: Error, says: &str| {
            assert_eq!((error.kind(), error.maybe_applied()), (ErrorKind::Invalid, false), "{error}");
            assert!(error.to_string().contains(says), "{error}");
        };
        invalid(stream.publish("a b", "x").await.unwrap_err(), "white space");
        invalid(stream.publish("a.*", "x").await.unwrap_err(), "a topic has neither");
        invalid(stream.publish("t", vec![0; (1 << 20) + 1]).await.unwrap_err(), "1048576");
        let with = |options| stream.publish_with("t", "x", options);
        invalid(with(PublishOptions::default().header("", "x")).await.unwrap_err(), "header");
        invalid(with(PublishOptions::default().header("x", vec![0; 20_000])).await.unwrap_err(), "16384");
        invalid(with(PublishOptions::default().key(&"k".repeat(2_000))).await.unwrap_err(), "1024");
        invalid(stream.publish_batch(vec![]).await.unwrap_err(), "1 to 1000");
        let filter = ReaderOptions::default().topics(["a.>.b"]);
        invalid(stream.reader_with(filter).await.unwrap_err(), "\"a.>.b\"");
        invalid(stream.sink("").await.unwrap_err(), "1 to 200");
        invalid(stream.sink_with("g", SinkOptions::default().prefetch(0)).await.unwrap_err(), "prefetch=0");
        let first = stream.sink_with("g", short()).await?;
        invalid(stream.sink_with("g", SinkOptions::default()).await.unwrap_err(), "ack_wait=\"60\"");
        invalid(client.stream("").await.unwrap_err(), "1 to 200");
        let json = StreamOptions::default().codec("json");
        let other = Ponos::open(&url).await?;
        invalid(other.stream_with("wrong", json).await.unwrap_err(), "\"bytes\"");
        assert_eq!(stream.info().await?.unwrap().len, 0, "nothing was published");
        drop(first);
        stream.close().await;
        assert_eq!(stream.publish("t", "x").await.unwrap_err().kind(), ErrorKind::Closed);
        assert_eq!(stream.reader().await.unwrap_err().kind(), ErrorKind::Closed);
        client.close().await;
        assert_eq!(client.stream("wrong").await.unwrap_err().kind(), ErrorKind::Closed);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_request_gets_its_reply_or_a_time_out() -> Result<()> {
    everywhere(async |url| {
        let (one, two) = (Ponos::open(&url).await?, Ponos::open(&url).await?);
        let (asks, answers) = (one.stream("ask").await?, two.stream("ask").await?);
        let sink = answers.sink("g").await?;
        let replier = tokio::spawn(async move {
            loop {
                let event = next(&sink).await;
                if event.topic() == "stop" {
                    return answers.reply(&event, "x").await.unwrap_err();
                }
                assert!(answers.reply(&event, event.payload()).await.unwrap());
                event.ack().await.unwrap();
            }
        });
        let replies = (0..50).map(|number| {
            let asks = asks.clone();
            tokio::spawn(async move {
                let reply = asks.request("echo", number.to_string(), PATIENCE).await?;
                assert_eq!(reply, number.to_string());
                Ok::<_, Error>(())
            })
        });
        for reply in replies.collect::<Vec<_>>() {
            reply.await.unwrap()?;
        }
        asks.publish("stop", "").await?;
        assert_eq!(within(replier).await.unwrap().kind(), ErrorKind::Invalid);
        let late = asks.request("nobody", "", Duration::from_millis(50)).await.unwrap_err();
        assert_eq!((late.kind(), late.maybe_applied()), (ErrorKind::Timeout, true));
        one.close().await;
        two.close().await;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_step_with_a_part_that_is_closed_is_refused_as_a_whole() -> Result<()> {
    everywhere(async |url| {
        let client = Ponos::open(&url).await?;
        let shop = client.scope("closed-step");
        let (closed, open, out) =
            (shop.map("closed").await?, shop.map("open").await?, shop.stream("out").await?);
        closed.close().await;
        let step = || StepBuilder::new().map(open.txn().incr("n", 1));
        let error = within(step().map(closed.txn().incr("n", 1)).commit()).await.unwrap_err();
        assert_eq!((error.kind(), error.operation()), (ErrorKind::Closed, "step.commit"));
        let sink = out.sink("g").await?;
        publish(&out, [1]).await?;
        let event = next(&sink).await;
        let error = within(event.ack_with(step().map(closed.txn().incr("n", 1)))).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Closed);
        event.ack_with(step()).await?;
        out.close().await;
        let error = step().publish(&out, [Message::new("t", "x")]).commit().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Closed);
        assert_eq!(open.get("n").as_deref(), Some(&b"1"[..]), "nothing of it was done");
        client.close().await;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn closing_ends_who_waits_for_a_reply_and_is_not_held_up_by_it() -> Result<()> {
    everywhere(async |url| {
        let client = Ponos::open(&url).await?;
        let stream = client.stream("closed-asking").await?;
        for timeout in [Duration::ZERO, Duration::MAX] {
            let error = stream.request("t", "", timeout).await.unwrap_err();
            assert_eq!((error.kind(), error.operation()), (ErrorKind::Invalid, "stream.request"));
        }
        let mut reader = stream.reader().await?;
        let asks = stream.clone();
        let asked = tokio::spawn(async move { asks.request("t", "", Duration::from_secs(3_600)).await });
        let request = read(&mut reader).await;
        assert!(request.header(REPLY_TO).is_some());
        let start = Instant::now();
        stream.close().await;
        let error = within(asked).await.unwrap().unwrap_err();
        assert_eq!((error.kind(), error.maybe_applied()), (ErrorKind::Closed, true));
        assert!(start.elapsed() < Duration::from_secs(2), "closing has not waited for the reply");
        assert_eq!(stream.reply(&request, "").await.unwrap_err().kind(), ErrorKind::Closed);
        client.close().await;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn news_of_a_merged_stream_come_where_they_belong_and_who_gives_up_waiting_loses_nothing() -> Result<()>
{
    everywhere(async |url| {
        let client = Ponos::open(&url).await?;
        let few = StreamOptions::default().max_len(2).when_behind(WhenBehind::Skip);
        let streams = [client.stream_with("n0", few).await?, client.stream("n1").await?];
        let start = ReaderOptions::default();
        assert_eq!(
            merge(&streams, start.clone(), Duration::MAX).await.unwrap_err().kind(),
            ErrorKind::Invalid
        );
        let mut merged = merge(&streams, start, Duration::from_secs(3_600)).await?;
        publish(&streams[0], [1, 2]).await?;
        for _ in 0..9 {
            assert!(tokio::time::timeout(Duration::from_millis(5), merged.next()).await.is_err());
        }
        streams[0].destroy().await?;
        publish(&streams[0], [3]).await?;
        assert!(merged.try_next_batch(9).is_empty(), "the other stream may have earlier ones");
        tokio::time::sleep(Duration::from_millis(5)).await;
        publish(&streams[1], [4]).await?;
        let mut items = Vec::new();
        while items.len() < 4 {
            items.extend(within(merged.next_batch(3)).await?);
        }
        let shown = |merged: &Merged| match &merged.item {
            Item::Event(event) => (merged.stream, text(event)),
            other => (merged.stream, format!("{other:?}")),
        };
        let wanted = [(0, "1"), (0, "2"), (0, "Deleted"), (0, "3")].map(|(at, text)| (at, text.to_owned()));
        assert_eq!(items.iter().map(shown).collect::<Vec<_>>(), wanted);
        assert!(!items.iter().any(|merged| merged.late));
        client.close().await;
        assert_eq!(within(merged.next_batch(9)).await?.len(), 1, "what waited is given at the end");
        assert!(within(merged.next_batch(9)).await?.is_empty());
        merged.close();
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_merged_stream_that_is_far_ahead_is_not_read_on_for_ever() -> Result<()> {
    let client = Ponos::open("memory://far-ahead").await?;
    let streams = [client.stream("f0").await?, client.stream("f1").await?];
    for _ in 0..12 {
        let batch = (0..1_000).map(|number| Message::new("t", number.to_string())).collect();
        streams[0].publish_batch(batch).await?;
    }
    let start = ReaderOptions::default().from(Start::First);
    let mut merged = merge(&streams, start, Duration::from_secs(3_600)).await?;
    assert!(tokio::time::timeout(Duration::from_millis(50), merged.next()).await.is_err());
    let waits = format!("{merged:?}");
    assert_eq!(waits, "MergedReader(2 streams, 5000 events wait)");
    tokio::time::sleep(Duration::from_millis(5)).await;
    publish(&streams[1], ["x"]).await?;
    let mut seen = 0;
    while seen < 12_000 {
        for merged in within(merged.next_batch(100)).await? {
            seen += 1;
            assert_eq!((merged.stream, merged.item.position().seq), (0, seen));
        }
    }
    Ok(())
}

#[tokio::test]
async fn merged_streams_keep_the_order_of_each_and_of_time() -> Result<()> {
    everywhere(async |url| {
        let client = Ponos::open(&url).await?;
        let streams = [client.stream("m0").await?, client.stream("m1").await?, client.stream("m2").await?];
        for number in 0..30 {
            publish(&streams[number % 3], [number]).await?;
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let options = ReaderOptions::default().from(Start::First);
        let mut merged = merge(&streams, options, MAX_WAIT).await?;
        for number in 0..30 {
            let next = within(merged.next()).await.unwrap()?;
            assert_eq!((next.stream, next.late), (number % 3, false));
            assert_eq!(text(&next.item.event().unwrap()), number.to_string());
        }
        let start = Instant::now();
        publish(&streams[0], ["alone"]).await?;
        assert_eq!(within(merged.next()).await.unwrap()?.stream, 0);
        assert!(start.elapsed() < Duration::from_secs(1), "a quiet stream holds nobody up for long");
        assert_eq!(
            merge(&[], ReaderOptions::default(), MAX_WAIT).await.unwrap_err().kind(),
            ErrorKind::Invalid
        );
        client.close().await;
        assert!(within(merged.next()).await.is_none());
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_group_that_is_far_behind_is_told_of_the_gap_in_a_few_steps() -> Result<()> {
    everywhere(async |url| {
        let client = Ponos::open(&url).await?;
        let options = || StreamOptions::default().max_len(100).when_behind(WhenBehind::Skip);
        let stream = client.stream_with("far", options()).await?;
        stream.sink_with("g", SinkOptions::default().from(Start::First)).await?.close().await?;
        for _ in 0..50 {
            let batch = (0..1_000).map(|number| Message::new("t", number.to_string())).collect();
            stream.publish_batch(batch).await?;
        }
        client.close().await;
        let client = Ponos::open(&url).await?;
        let sink = client.stream_with("far", options()).await?.sink("g").await?;
        let (mut missing, mut gaps, mut seen) = (0, 0, 0);
        while missing + seen < 50_000 {
            match within(sink.next()).await.unwrap()? {
                Item::Gap(gap) => (missing, gaps) = (missing + gap.count, gaps + 1),
                Item::Event(event) => {
                    seen += 1;
                    assert_eq!(event.id().seq, missing + seen);
                    event.ack().await?;
                }
                other => panic!("{other:?}"),
            }
        }
        assert!(gaps <= 3 && seen >= 100, "{gaps} gaps, {seen} events");
        client.close().await;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn what_came_back_is_taken_though_all_that_lies_ready_waits_for_it() -> Result<()> {
    everywhere(async |url| {
        let client = Ponos::open(&url).await?;
        let stream = client.stream("full").await?;
        for number in 0..40 {
            stream.publish_with("t", number.to_string(), PublishOptions::default().key("one")).await?;
        }
        let options = SinkOptions::default().from(Start::First).order(Order::ByKey(1)).prefetch(8);
        let sink = stream.sink_with("g", options).await?;
        for seq in 1..=40 {
            next(&sink).await.nack_after(Duration::from_millis(5)).await?;
            let again = next(&sink).await;
            assert_eq!((again.id().seq, again.count()), (seq, 2));
            again.ack().await?;
        }
        client.close().await;
        Ok(())
    })
    .await
}
