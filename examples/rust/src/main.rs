//! A live departures board. Nodes replay real flights and count them per airport in one replicated map; a board
//! watches the map, draws a table, and at the end checks its totals against the file.
//!
//! `departures [--url URL] [--role node|board|all] [--part i/n] [--data DIR] [--pace FLIGHTS_A_SECOND]`
//!
//! The same program exists in Python, Node and Go: started on one URL they share one board.
#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "a program with a clock that prints")]

mod arguments;
mod board;
mod flights;
mod node;

use std::process::ExitCode;

use arguments::{Arguments, Role};
use ponos::{Map, MapOptions, Ponos};

/// The map that all share. Counters are JSON numbers, so that every language reads them with its codec.
const MAP: &str = "departures";

async fn open(arguments: &Arguments) -> ponos::Result<Map> {
    let client = Ponos::open(&arguments.url).await?;
    client.map_with(MAP, MapOptions::default().codec("json")).await
}

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
    let part = |number, of| flights.iter().skip(number).step_by(of).cloned().collect::<Vec<_>>();
    let mut nodes = Vec::new();
    let parts = match arguments.role {
        Role::Board => Vec::new(),
        Role::Node => vec![arguments.part],
        Role::All if arguments.part == (0, 1) => (0..4).map(|number| (number, 4)).collect(),
        Role::All => vec![arguments.part],
    };
    for (number, of) in parts {
        // Each node is a client of its own, as it would be in a process of its own.
        let map = open(&arguments).await?;
        let pace = arguments.pace / of as f64;
        nodes.push(tokio::spawn(node::run(map, part(number, of), pace, format!("{number}/{of}"))));
    }
    let agrees = match arguments.role {
        Role::Node => true,
        Role::Board | Role::All => board::run(open(&arguments).await?, &flights).await,
    };
    for node in nodes {
        node.await??;
    }
    Ok(agrees)
}
