//! Counting: a consumer adds each flight to the totals in one step with its acknowledgement, so that a flight is counted
//! once, whatever happens to the consumer.

use ponos::stream::{Delivery, Item, Sink, SinkOptions, Start};
use ponos::{Codec, Error, ErrorKind, Json, Map, Result, StepBuilder};
use tokio::task::JoinSet;

use crate::departures::Departures;
use crate::flights::Flight;

/// How many flights a consumer counts at once.
const WORKERS: usize = 16;

/// Counts until the stream is deleted. All consumers are of one group, and share the flights.
pub(crate) async fn run(url: String) -> Result<()> {
    let departures = Departures::open(&url).await?;
    let sink = departures.flights.sink_with("counters", SinkOptions::default().from(Start::First)).await?;
    println!("a consumer joins");
    let mut workers = JoinSet::new();
    for _ in 0..WORKERS {
        workers.spawn(work(sink.clone(), departures.totals.clone()));
    }
    let mut counted = 0;
    while let Some(ended) = workers.join_next().await {
        counted += ended.map_err(|error| Error::internal(error.to_string()))??;
    }
    println!("a consumer ends: it has counted {counted} flights");
    departures.close().await;
    Ok(())
}

/// Counts until the stream is deleted, at the end of the day; how many flights.
async fn work(sink: Sink, totals: Map) -> Result<u64> {
    let mut counted = 0;
    while let Some(item) = sink.next().await {
        match item? {
            Item::Event(event) => counted += u64::from(count(&event, &totals).await?),
            Item::Deleted => sink.close().await?,
            other => return Err(Error::internal(format!("flights are missing: {other:?}"))),
        }
    }
    Ok(counted)
}

/// Whether the flight is counted by us.
async fn count(event: &Delivery, totals: &Map) -> Result<bool> {
    let flight: Flight = Json::decode(&event.payload())?;
    let key = |what: &str| format!("{}/{what}", flight.origin);
    let txn = totals.txn().incr(&key("flights"), 1).incr(&key("delay"), flight.delay);
    let txn = if flight.late() { txn.incr(&key("late"), 1) } else { txn };
    match event.ack_with(StepBuilder::new().map(txn)).await {
        // Who was silent for too long has lost the flight to another consumer.
        Err(error) if error.kind() == ErrorKind::Fenced => Ok(false),
        counted => counted.map(|()| true),
    }
}
