//! The board: reads the flights as they depart, watches the totals and draws what they say.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use ponos::stream::{Item, ReaderOptions, Start};
use ponos::{Codec, Json, Map, Result, Stream};
use tokio::sync::watch;

use crate::departures::Departures;
use crate::flights::{Counts, Flight, totals};

/// How often the board is drawn.
const FRAME: Duration = Duration::from_millis(100);
/// How often it is printed where it cannot be drawn in place.
const LINE: Duration = Duration::from_secs(1);
const ROWS: usize = 12;

/// Draws until every flight of the file is counted; whether the totals are those of the file.
pub(crate) async fn show(departures: &Departures, flights: &[Flight]) -> Result<bool> {
    let (clock, time) = watch::channel(String::new());
    tokio::select! {
        drawn = draw_until(departures, flights.len() as u64, &time) => drawn?,
        Err(error) = follow(&departures.flights, clock) => return Err(error),
    }
    Ok(verdict(&read(&departures.totals)?, &totals(flights)))
}

/// Reads every flight as it departs, and shows the time of the last.
async fn follow(flights: &Stream, clock: watch::Sender<String>) -> Result<()> {
    let mut reader = flights.reader_with(ReaderOptions::default().from(Start::First)).await?;
    loop {
        let Some(last) = reader.next_batch(1_000).await?.pop().and_then(Item::event) else { return Ok(()) };
        let flight: Flight = Json::decode(&last.payload())?;
        clock.send_replace(flight.time);
    }
}

async fn draw_until(departures: &Departures, all: u64, time: &watch::Receiver<String>) -> Result<()> {
    let terminal = std::io::stdout().is_terminal();
    let every = if terminal { FRAME } else { LINE };
    let mut changes = departures.totals.watch("*");
    let mut drawn = None::<Instant>;
    loop {
        let seen = departures.counted();
        if seen >= all || drawn.is_none_or(|drawn| drawn.elapsed() >= every) {
            draw(&time.borrow(), &read(&departures.totals)?, seen, all, terminal);
            drawn = Some(Instant::now());
        }
        if seen >= all || changes.next_batch(1_024).await.is_empty() {
            return Ok(());
        }
    }
}

/// What the local copy says now, all of one revision.
fn read(map: &Map) -> Result<BTreeMap<String, Counts>> {
    let mut counted: BTreeMap<String, Counts> = BTreeMap::new();
    for (key, entry) in map.snapshot().iter() {
        let Some((airport, what)) = key.split_once('/') else { continue };
        let number = Json::decode(&entry.value)?;
        let counts = counted.entry(airport.to_owned()).or_default();
        match what {
            "flights" => counts.flights = number,
            "late" => counts.late = number,
            _ => counts.delay = number,
        }
    }
    Ok(counted)
}

fn draw(clock: &str, counted: &BTreeMap<String, Counts>, seen: u64, all: u64, terminal: bool) {
    let mut rows: Vec<_> = counted.iter().collect();
    rows.sort_by_key(|(airport, counts)| (-counts.flights, *airport));
    if !terminal {
        let busiest = rows.iter().take(3).map(|(airport, counts)| format!("{airport} {}", counts.flights));
        let busiest = busiest.collect::<Vec<_>>().join(", ");
        println!("{clock:16}  {seen:6} of {all} flights, busiest: {busiest}");
        return;
    }
    let mut out = String::from("\x1b[H\x1b[2J");
    out += &format!("DEPARTURES  {clock}   {seen} of {all} flights\n\n");
    out += "airport  flights   late  mean delay\n";
    for (airport, counts) in rows.into_iter().take(ROWS) {
        let mean = counts.delay as f64 / counts.flights.max(1) as f64;
        let late = 100.0 * counts.late as f64 / counts.flights.max(1) as f64;
        out += &format!("{airport:7} {:8} {late:5.1}% {mean:7.1} min\n", counts.flights);
    }
    print!("{out}");
    // A terminal that is gone shows nothing anyway.
    drop(std::io::stdout().flush());
}

fn verdict(counted: &BTreeMap<String, Counts>, expected: &BTreeMap<String, Counts>) -> bool {
    let (airports, flights) = (expected.len(), expected.values().map(|counts| counts.flights).sum::<i64>());
    if counted == expected {
        println!(
            "\nExact: {flights} flights, each counted once; the totals of all {airports} airports are those of the file."
        );
        return true;
    }
    println!("\nNot exact: the totals are not those of the file.");
    for airport in expected.keys().chain(counted.keys().filter(|airport| !expected.contains_key(*airport))) {
        let (wanted, got) = (expected.get(airport), counted.get(airport));
        if wanted != got {
            println!("  {airport}: expected {wanted:?}, got {got:?}");
        }
    }
    false
}
