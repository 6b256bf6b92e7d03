//! A live departures board. Feeds publish real flights to a stream; consumers count them per airport in a replicated
//! map, each in one step with its acknowledgement; a board reads the stream and watches the map, draws a table, and at
//! the end checks its totals against the file. Consumers are killed on the way: the totals are exact all the same.
//!
//! `departures [--url URL] [--role feed|count|board|all] [--part i/n] [--data DIR] [--pace FLIGHTS_A_SECOND]
//! [--kills N]`
//!
//! The same program exists in Python, Node and Go: started on one URL they share one board.
#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "a program with a clock that prints")]

mod arguments;
mod board;
mod count;
mod feed;
mod flights;

use std::process::ExitCode;
use std::time::Duration;

use arguments::{Arguments, Role};
use board::Board;
use tokio::task::JoinSet;

/// How many consumers share the work.
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
async fn run() -> Result<bool, Box<dyn std::error::Error>> {
    let arguments = Arguments::read(std::env::args().skip(1))?;
    let flights = flights::read(&arguments.data)?;
    let (number, of) = arguments.part;
    let part = flights.iter().skip(number).step_by(of).cloned().collect::<Vec<_>>();
    let pace = arguments.pace / of as f64;
    // Each part of the program has a client of its own, as it would in a process of its own.
    match arguments.role {
        Role::Feed => feed::run(&arguments.url, part, pace).await?,
        Role::Count => count::run(&arguments.url).await?,
        Role::Board => return Ok(board::run(Board::open(&arguments.url).await?, &flights).await),
        Role::All => {
            let board = Board::open(&arguments.url).await?;
            let counting =
                tokio::spawn(consumers(arguments.url.clone(), arguments.kills, flights.len() as f64 / pace));
            let feeding = tokio::spawn({
                let url = arguments.url.clone();
                async move { feed::run(&url, part, pace).await }
            });
            let agrees = board::run(board, &flights).await;
            feeding.await??;
            counting.abort();
            return Ok(agrees);
        }
    }
    Ok(true)
}

/// Keeps consumers at work; while the feed runs, one after the other is killed in the middle of it and replaced.
async fn consumers(url: String, kills: u32, seconds: f64) {
    let mut counting = JoinSet::new();
    let mut victims = std::collections::VecDeque::new();
    let mut consumer = || {
        let url = url.clone();
        victims.push_back(counting.spawn(async move { count::run(&url).await }));
        victims.len()
    };
    while consumer() < CONSUMERS {}
    for kill in 0..kills {
        tokio::time::sleep(Duration::from_secs_f64(seconds / f64::from(kills + 1))).await;
        if let Some(victim) = victims.pop_front() {
            victim.abort();
        }
        let url = url.clone();
        victims.push_back(counting.spawn(async move { count::run(&url).await }));
        println!("killed consumer {} of {kills}, another takes its place", kill + 1);
    }
    while let Some(ended) = counting.join_next().await {
        match ended {
            Ok(Err(error)) => eprintln!("departures: a consumer has ended: {error}"),
            Ok(Ok(())) | Err(_) => {}
        }
    }
}
