//! `make bench`: runs every program of the comparison several times, each on a server of its own, and writes medians
//! and ratios to benches/results. Arguments: `maps` or `streams` for one of the two, the number of rounds (default 5);
//! `tables` runs nothing and makes the tables anew of what was measured last.
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a program with a clock prints")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use ponos_benches::measure::{read, redis, stream};
use ponos_benches::peers;
use ponos_benches::results::Results;
use ponos_benches::sample::Sample;
use ponos_benches::work::{Plan, Work};
use ponos_test_support::RedisServer;

#[tokio::main]
async fn main() -> ExitCode {
    let done = match Plan::read(std::env::args().skip(1)) {
        Ok(plan) => measure(&plan).await,
        Err(error) => Err(error),
    };
    if let Err(error) = done {
        println!("bench: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

async fn measure(plan: &Plan) -> Result<(), String> {
    let root = PathBuf::from(std::env::var("PONOS_ROOT").unwrap_or_else(|_| ".".to_owned()));
    for work in &plan.works {
        if plan.tables {
            let (results, rounds) = Results::read(&root, *work)?;
            println!("{}", results.write(&root, rounds)?);
            continue;
        }
        let mut results = Results::new(*work);
        for round in 1..=plan.rounds {
            println!("{}, round {round} of {}", work.word(), plan.rounds);
            run(&root, *work, &mut results).await?;
        }
        println!("{}", results.write(&root, plan.rounds)?);
    }
    Ok(())
}

async fn run(root: &Path, work: Work, results: &mut Results) -> Result<(), String> {
    let fault = |error: ponos::Error| error.to_string();
    if work == Work::Maps {
        results.add("ponos rust", read::gets().await.map_err(fault)?);
    }
    // Callers are tasks, as in a program: the thread that waits for them all is not one of the runtime's own.
    let ours = match work {
        Work::Maps => tokio::spawn(maps()),
        Work::Streams => tokio::spawn(streams()),
    };
    let ours = ours.await.map_err(|error| error.to_string())?.map_err(fault)?;
    for (program, samples) in ours {
        results.add(program, samples);
    }
    for peer in peers::all(root, work) {
        match peer.run(root) {
            Ok(samples) => results.add(peer.name, samples),
            Err(why) => println!("skipped {}: {why}", peer.name),
        }
    }
    Ok(())
}

/// What one of our programs measured.
type Measured = (&'static str, Vec<Sample>);

async fn maps() -> ponos::Result<Vec<Measured>> {
    // Every program gets a server that has seen nothing else.
    let server = Arc::new(RedisServer::start());
    let url = server.url();
    let mut samples = redis::sets(&url).await?;
    samples.push(redis::propagate(&url).await?);
    samples.extend(redis::joins(&server).await?);
    samples.push(redis::append(&url).await?);
    samples.push(redis::connections(&server).await?);
    Ok(vec![("ponos rust", samples)])
}

async fn streams() -> ponos::Result<Vec<Measured>> {
    let server = RedisServer::start();
    let redis = stream::all(&server.url()).await?;
    drop(server);
    let memory = stream::all("memory://bench-stream").await?;
    Ok(vec![("ponos rust", redis), ("ponos rust, memory", memory)])
}
