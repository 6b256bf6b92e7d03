//! The feed: publishes its part of the flights as they depart.

use std::time::{Duration, Instant};

use ponos::Result;
use ponos::stream::Message;

use crate::board::Board;
use crate::flights::Flight;

/// How many flights are published in one step.
const BATCH: usize = 20;

pub(crate) async fn run(url: &str, flights: Vec<Flight>, pace: f64) -> Result<()> {
    let board = Board::open(url).await?;
    let start = Instant::now();
    for (number, batch) in flights.chunks(BATCH).enumerate() {
        let due = start + Duration::from_secs_f64((number * BATCH) as f64 / pace);
        tokio::time::sleep_until(due.into()).await;
        let message = |flight: &Flight| Message::new(&format!("departed.{}", flight.origin), flight.json());
        board.flights.publish_batch(batch.iter().map(message).collect()).await?;
    }
    board.client.close().await;
    Ok(())
}
