//! The feed: publishes the flights as they depart.

use std::time::{Duration, Instant};

use ponos::stream::Message;
use ponos::{Codec, Json, Result};

use crate::departures::Departures;
use crate::flights::Flight;

/// How many flights are published in one step.
const BATCH: usize = 20;

pub(crate) async fn run(url: &str, flights: &[Flight], pace: f64) -> Result<()> {
    let departures = Departures::open(url).await?;
    let start = Instant::now();
    for (number, batch) in flights.chunks(BATCH).enumerate() {
        let due = start + Duration::from_secs_f64((number * BATCH) as f64 / pace);
        tokio::time::sleep_until(due.into()).await;
        let messages: Result<_> = batch.iter().map(message).collect();
        departures.flights.publish_batch(messages?).await?;
    }
    departures.close().await;
    Ok(())
}

fn message(flight: &Flight) -> Result<Message> {
    Ok(Message::new(&format!("departed.{}", flight.origin), Json::encode(flight)?))
}
