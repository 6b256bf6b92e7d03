//! `make bench`
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a program prints")]

use ponos_benches::measure::{read, redis};
use ponos_test_support::RedisServer;

#[tokio::main]
async fn main() -> ponos::Result<()> {
    let server = RedisServer::start();
    let which = std::env::args().nth(1).unwrap_or_default();
    let mut samples = Vec::new();
    if which.is_empty() || which == "read" {
        samples.extend(read::gets().await?);
    }
    if which.is_empty() || which == "set" {
        samples.extend(redis::sets(&server.url()).await?);
    }
    if which.is_empty() || which == "rest" {
        samples.push(redis::propagate(&server.url()).await?);
        for _ in 0..3 {
            samples.push(redis::join(&server.url()).await?);
        }
        samples.push(redis::append(&server.url()).await?);
        samples.push(redis::connections(&server).await?);
    }
    for s in samples {
        println!("{}", serde_json::to_string(&s).unwrap_or_default());
    }
    Ok(())
}
