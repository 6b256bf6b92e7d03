//! Counting: a consumer of the stream adds each flight to the totals, together with its acknowledgement, so that
//! whatever happens to it a flight is counted once.

use std::time::Duration;

use ponos::stream::{Delivery, Item, Sink, SinkOptions, Start};
use ponos::{Map, Result, StepBuilder};

use crate::board::Board;
use crate::flights::Flight;

/// How many flights are counted at once.
const WORKERS: usize = 16;

/// Counts until it is aborted. All consumers are of one group, and share the flights.
pub(crate) async fn run(url: &str) -> Result<()> {
    let board = Board::open(url).await?;
    let options = SinkOptions::default().from(Start::First).ack_wait(Duration::from_secs(10));
    let sink = board.flights.sink_with("counters", options).await?;
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..WORKERS {
        workers.spawn(work(sink.clone(), board.totals.clone()));
    }
    while let Some(ended) = workers.join_next().await {
        ended.map_err(|error| ponos::Error::internal(error.to_string()))??;
    }
    Ok(())
}

async fn work(sink: Sink, totals: Map) -> Result<()> {
    while let Some(item) = sink.next().await {
        if let Item::Event(event) = item? {
            match Flight::parse(&event.payload()) {
                Some(flight) => count(&event, &totals, &flight).await?,
                None => event.term("it is no flight").await?,
            }
        }
    }
    Ok(())
}

async fn count(event: &Delivery, totals: &Map, flight: &Flight) -> Result<()> {
    let key = |what: &str| format!("{}/{what}", flight.origin);
    let txn = totals.txn().incr(&key("flights"), 1).incr(&key("delay"), flight.delay);
    let txn = if flight.late() { txn.incr(&key("late"), 1) } else { txn };
    event.ack_with(StepBuilder::new().map(txn)).await
}
