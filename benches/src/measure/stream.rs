//! Streams, on any engine: publishing by many callers and in batches, reading what is there, consuming with
//! acknowledgements, the way of an event to a reader and to a sink, and a write to a map beside many that wait.

use std::time::{Duration, Instant};

use ponos::stream::{Item, Message, ReaderOptions, SinkOptions, Start};
use ponos::{Bytes, Ponos, Result};
use serde_json::json;

use crate::sample::Sample;

/// How long each point is measured.
const TIME: Duration = Duration::from_secs(2);
/// How many events are read and consumed.
const BACKLOG: u64 = 400_000;
/// How many readers and sinks wait for nothing.
const IDLE: usize = 1_000;
/// How many events are taken and acknowledged at once.
const BATCH: usize = 500;

fn payload() -> Bytes {
    Bytes::from(vec![b'e'; 100])
}

/// All of them.
///
/// # Errors
/// Those of the calls.
pub async fn all(url: &str) -> Result<Vec<Sample>> {
    let mut samples = Vec::new();
    for callers in [1_usize, 64, 256] {
        samples.push(publish(url, callers).await?);
    }
    samples.push(publish_batches(url).await?);
    samples.push(read_backlog(url).await?);
    for consumers in [1, 4] {
        samples.push(consume(url, consumers).await?);
    }
    samples.push(deliver(url, false).await?);
    samples.push(deliver(url, true).await?);
    samples.extend(beside_idle(url).await?);
    Ok(samples)
}

/// `set` by one caller alone, then beside 1,000 idle readers and sinks of the same client.
async fn beside_idle(url: &str) -> Result<[Sample; 2]> {
    let client = Ponos::open(url).await?;
    let map = client.map("beside").await?;
    let alone = set_for_a_while(&map).await?;
    let (mut readers, mut sinks) = (Vec::new(), Vec::new());
    for number in 0..IDLE / 2 {
        let stream = client.stream(&format!("idle-{number}")).await?;
        readers.push(stream.reader().await?);
        sinks.push(stream.sink("g").await?);
    }
    let beside = set_for_a_while(&map).await?;
    drop(readers);
    for sink in sinks {
        sink.close().await?;
    }
    map.destroy().await?;
    client.close().await;
    let sample = |idle: usize| Sample::new("set_beside", &[("idle", json!(idle))]);
    Ok([sample(0).latencies(alone), sample(IDLE).latencies(beside)])
}

async fn set_for_a_while(map: &ponos::Map) -> Result<Vec<u64>> {
    let (start, mut nanos) = (Instant::now(), Vec::new());
    while start.elapsed() < TIME {
        let sent = Instant::now();
        map.set("key", payload()).await?;
        nanos.push(sent.elapsed().as_nanos() as u64);
    }
    Ok(nanos)
}

/// `publish` by so many callers of one client.
async fn publish(url: &str, callers: usize) -> Result<Sample> {
    let client = Ponos::open(url).await?;
    let stream = client.stream(&format!("publish-{callers}")).await?;
    let start = Instant::now();
    let caller = || {
        let stream = stream.clone();
        tokio::spawn(async move {
            let mut nanos = Vec::new();
            while start.elapsed() < TIME {
                let sent = Instant::now();
                stream.publish("bench", payload()).await?;
                nanos.push(sent.elapsed().as_nanos() as u64);
            }
            Ok::<_, ponos::Error>(nanos)
        })
    };
    let tasks: Vec<_> = (0..callers).map(|_| caller()).collect();
    let mut nanos = Vec::new();
    for task in tasks {
        nanos.extend(task.await.unwrap_or_else(|_| Ok(Vec::new()))?);
    }
    let rate = nanos.len() as f64 / start.elapsed().as_secs_f64();
    let last = stream.info().await?.and_then(|info| info.last);
    assert_eq!(last.map(|id| id.seq), Some(nanos.len() as u64), "every publish is an event");
    stream.destroy().await?;
    client.close().await;
    let sample = Sample::new("publish", &[("callers", json!(callers))]);
    Ok(Sample { ops_per_s: Some(rate), ..sample.latencies(nanos) })
}

/// `publish_batch` of 500 by one caller.
async fn publish_batches(url: &str) -> Result<Sample> {
    let client = Ponos::open(url).await?;
    let stream = client.stream("batches").await?;
    let (start, mut events) = (Instant::now(), 0_u64);
    while start.elapsed() < TIME {
        stream.publish_batch((0..BATCH).map(|_| Message::new("bench", payload())).collect()).await?;
        events += BATCH as u64;
    }
    let rate = events as f64 / start.elapsed().as_secs_f64();
    stream.destroy().await?;
    client.close().await;
    Ok(Sample { ops_per_s: Some(rate), ..Sample::new("publish_batch", &[("events", json!(BATCH))]) })
}

async fn fill(url: &str, name: &str) -> Result<()> {
    let client = Ponos::open(url).await?;
    let stream = client.stream(name).await?;
    let mut left = BACKLOG as usize;
    while left > 0 {
        let count = left.min(250);
        stream.publish_batch((0..count).map(|_| Message::new("bench", payload())).collect()).await?;
        left -= count;
    }
    client.close().await;
    Ok(())
}

async fn read_backlog(url: &str) -> Result<Sample> {
    let keeper = Ponos::open(url).await?; // what is embedded lives as long as somebody has it open
    fill(url, "backlog").await?;
    let client = Ponos::open(url).await?;
    let stream = client.stream("backlog").await?;
    let start = Instant::now();
    let mut reader = stream.reader_with(ReaderOptions::default().from(Start::First)).await?;
    let mut events = 0;
    while events < BACKLOG {
        events += reader.next_batch(BATCH).await?.len() as u64;
    }
    let rate = events as f64 / start.elapsed().as_secs_f64();
    stream.destroy().await?;
    client.close().await;
    keeper.close().await;
    Ok(Sample { ops_per_s: Some(rate), ..Sample::new("read", &[]) })
}

/// Consuming with acknowledgements in batches, by so many consumers, each with a client of its own.
async fn consume(url: &str, consumers: u64) -> Result<Sample> {
    let keeper = Ponos::open(url).await?;
    fill(url, "consume").await?;
    let mut sinks = Vec::new();
    for _ in 0..consumers {
        let client = Ponos::open(url).await?;
        let options = SinkOptions::default().from(Start::First).prefetch(2_000).max_in_flight(10_000);
        let stream = client.stream("consume").await?;
        sinks.push((client, stream.sink_with("g", options).await?));
    }
    let done = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    let start = Instant::now();
    let tasks: Vec<_> = sinks
        .into_iter()
        .map(|(client, sink)| {
            let done = done.clone();
            tokio::spawn(async move {
                let all = || done.load(std::sync::atomic::Ordering::Relaxed) >= BACKLOG;
                while !all() {
                    let next = tokio::time::timeout(Duration::from_millis(50), sink.next_batch(BATCH));
                    let Ok(items) = next.await else { continue };
                    let events: Vec<_> = items?.into_iter().filter_map(Item::event).collect();
                    sink.ack_batch(&events).await?;
                    done.fetch_add(events.len() as u64, std::sync::atomic::Ordering::Relaxed);
                }
                let took = start.elapsed();
                client.close().await;
                Ok::<_, ponos::Error>(took)
            })
        })
        .collect();
    let mut took = Duration::ZERO;
    for task in tasks {
        took = took.max(task.await.unwrap_or_else(|_| Ok(Duration::MAX))?);
    }
    assert_eq!(done.load(std::sync::atomic::Ordering::Relaxed), BACKLOG, "each event once");
    keeper.stream("consume").await?.destroy().await?;
    keeper.close().await;
    let rate = BACKLOG as f64 / took.as_secs_f64();
    Ok(Sample { ops_per_s: Some(rate), ..Sample::new("consume", &[("consumers", json!(consumers))]) })
}

/// `publish` in one client until the event is with a reader or a sink of another, 500 a second.
async fn deliver(url: &str, to_sink: bool) -> Result<Sample> {
    let (one, two) = (Ponos::open(url).await?, Ponos::open(url).await?);
    let (left, right) = (one.stream("deliver").await?, two.stream("deliver").await?);
    let (mut reader, sink) = (right.reader().await?, right.sink("g").await?);
    let start = Instant::now();
    let receiver = tokio::spawn(async move {
        let mut seen = Vec::new();
        while seen.len() < 1_000 {
            if to_sink {
                if let Some(Ok(Item::Event(event))) = sink.next().await {
                    seen.push(start.elapsed());
                    tokio::spawn(async move { event.ack().await });
                }
            } else if let Some(Ok(Item::Event(_))) = reader.next().await {
                seen.push(start.elapsed());
            }
        }
        seen
    });
    let mut sent = Vec::new();
    for number in 0..1_000_u32 {
        tokio::time::sleep_until((start + Duration::from_millis(2) * number).into()).await;
        sent.push(start.elapsed());
        left.publish("bench", payload()).await?;
    }
    let seen = receiver.await.unwrap_or_default();
    let nanos =
        seen.iter().zip(&sent).map(|(seen, sent)| seen.saturating_sub(*sent).as_nanos() as u64).collect();
    left.destroy().await?;
    one.close().await;
    two.close().await;
    let to = if to_sink { "sink" } else { "reader" };
    Ok(Sample::new("deliver", &[("to", json!(to))]).latencies(nanos))
}
