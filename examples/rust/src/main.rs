//! A live departures board. A feed publishes real flights to a stream; consumers count them per airport in a replicated
//! map, each in one step with its acknowledgement; a board reads the stream and watches the map, draws a table, and at
//! the end checks its totals against the file. Consumers are killed on the way: the totals are exact all the same.
//!
//! `departures [--url URL] [--role feed|count|board|all] [--data DIR] [--pace FLIGHTS_A_SECOND] [--kills N]`
//!
//! The same program exists in Python, Node and Go: started on one URL they share one day of flights.
#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "a program with a clock that prints")]

mod arguments;
mod board;
mod count;
mod departures;
mod feed;
mod flights;

use std::collections::VecDeque;
use std::error::Error;
use std::process::ExitCode;

use arguments::{Arguments, Role};
use departures::Departures;
use flights::Flight;
use tokio::task::JoinSet;

/// How many consumers share the work, with all in one process.
const CONSUMERS: usize = 4;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("departures: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether the board agrees with the file.
async fn run() -> Result<bool, Box<dyn Error>> {
    let arguments = Arguments::read(std::env::args().skip(1))?;
    let flights = flights::read(&arguments.data)?;
    match arguments.role {
        Role::Feed => feed::run(&arguments.url, &flights, arguments.pace).await?,
        Role::Count => count::run(arguments.url).await?,
        Role::Board => {
            let departures = Departures::open(&arguments.url).await?;
            let agrees = board::show(&departures, &flights).await?;
            departures.end().await?;
            return Ok(agrees);
        }
        Role::All => return all(&arguments, &flights).await,
    }
    Ok(true)
}

/// Each part of the program has a client of its own, as it would in a process of its own.
async fn all(arguments: &Arguments, flights: &[Flight]) -> Result<bool, Box<dyn Error>> {
    let departures = Departures::open(&arguments.url).await?;
    let agrees = tokio::select! {
        agrees = board::show(&departures, flights) => agrees?,
        Err(error) = feed::run(&arguments.url, flights, arguments.pace) => return Err(error.into()),
        Err(error) = consumers(&departures, arguments, flights.len() as u64) => return Err(error),
    };
    departures.end().await?;
    Ok(agrees)
}

/// Keeps consumers at work; on the way one after the other is killed in the middle of it, and replaced.
async fn consumers(
    departures: &Departures,
    arguments: &Arguments,
    flights: u64,
) -> Result<(), Box<dyn Error>> {
    let Arguments { url, kills, .. } = arguments;
    let mut counting = JoinSet::new();
    let mut oldest_first: VecDeque<_> =
        (0..CONSUMERS).map(|_| counting.spawn(count::run(url.clone()))).collect();
    let mut changes = departures.totals.watch("*/flights");
    for kill in 1..=*kills {
        while departures.counted() < flights * kill / (kills + 1) {
            changes.next().await;
        }
        if let Some(victim) = oldest_first.pop_front() {
            victim.abort();
        }
        println!("a consumer is killed in the middle of its work");
        oldest_first.push_back(counting.spawn(count::run(url.clone())));
    }
    while let Some(ended) = counting.join_next().await {
        // Who was killed has no result.
        if let Ok(result) = ended {
            result?;
        }
    }
    Ok(())
}
