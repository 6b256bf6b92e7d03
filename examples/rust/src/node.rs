//! A node: replays its part of the flights into the map.

use std::time::{Duration, Instant};

use ponos::Map;

use crate::flights::Flight;

/// How many flights are under way to the engine at once.
const FLYING: usize = 32;

/// Counts each flight in one transaction: the board never sees one half counted.
async fn count(map: Map, flight: Flight) -> ponos::Result<()> {
    let key = |what: &str| format!("{}/{what}", flight.origin);
    let txn = map.txn().incr(&key("flights"), 1).incr(&key("delay"), flight.delay);
    let txn = if flight.late() { txn.incr(&key("late"), 1) } else { txn };
    txn.commit().await?;
    Ok(())
}

pub(crate) async fn run(map: Map, flights: Vec<Flight>, pace: f64, name: String) -> ponos::Result<()> {
    let start = Instant::now();
    let mut flying = std::collections::VecDeque::new();
    for (number, flight) in flights.into_iter().enumerate() {
        let due = start + Duration::from_secs_f64(number as f64 / pace);
        if number % 8 == 0 && due > Instant::now() {
            map.set("clock", format!("{:?}", flight.time)).await?;
            tokio::time::sleep_until(due.into()).await;
        }
        flying.push_back(tokio::spawn(count(map.clone(), flight)));
        if flying.len() == FLYING
            && let Some(first) = flying.pop_front()
        {
            first.await.map_err(|error| ponos::Error::internal(error.to_string()))??;
        }
    }
    for rest in flying {
        rest.await.map_err(|error| ponos::Error::internal(error.to_string()))??;
    }
    map.set_add("done", vec![format!("{name:?}").into()]).await?;
    Ok(())
}
