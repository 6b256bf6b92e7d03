//! `make bench`: runs every program of the comparison several times on one Redis of its own, and writes medians and
//! ratios to benches/results. Arguments: the number of rounds (default 5).
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a program with a clock prints")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use ponos_benches::measure::{read, redis};
use ponos_benches::peers;
use ponos_benches::results::Results;
use ponos_benches::sample::Sample;
use ponos_test_support::RedisServer;

#[tokio::main]
async fn main() -> ExitCode {
    let rounds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(5);
    let root = PathBuf::from(std::env::var("PONOS_ROOT").unwrap_or_else(|_| ".".to_owned()));
    let mut results = Results::default();
    for round in 1..=rounds {
        println!("round {round} of {rounds}");
        if let Err(error) = run(&root, &mut results).await {
            println!("bench: {error}");
            return ExitCode::FAILURE;
        }
    }
    match results.write(&root, rounds) {
        Ok(table) => {
            println!("{table}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(root: &std::path::Path, results: &mut Results) -> Result<(), String> {
    let fault = |error: ponos::Error| error.to_string();
    results.add("ponos rust", read::gets().await.map_err(fault)?);
    // Every program gets a server that has seen nothing else.
    let server = Arc::new(RedisServer::start());
    // Callers are tasks, as in a program: the thread that waits for them all is not one of the runtime's own.
    let ours = tokio::spawn(ours(server)).await.map_err(|error| error.to_string())?;
    results.add("ponos rust", ours.map_err(fault)?);
    for peer in peers::all(root) {
        let server = RedisServer::start();
        match peer.run(server.port()) {
            Ok(samples) => results.add(peer.name, samples),
            Err(why) => println!("skipped {}: {why}", peer.name),
        }
    }
    Ok(())
}

async fn ours(server: Arc<RedisServer>) -> ponos::Result<Vec<Sample>> {
    let url = server.url();
    let mut samples = redis::sets(&url).await?;
    samples.push(redis::propagate(&url).await?);
    samples.extend(redis::joins(&server).await?);
    samples.push(redis::append(&url).await?);
    samples.push(redis::connections(&server).await?);
    Ok(samples)
}
