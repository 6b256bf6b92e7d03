//! The board: reads the flights as they depart, watches the totals and draws what they say.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use ponos::stream::{Item, ReaderOptions, Start};
use ponos::{Event, Map, MapOptions, Ponos, Result, Stream, StreamOptions};
use tokio::sync::watch;

use crate::flights::{Counts, Flight, totals};

/// How often the board is drawn.
const FRAME: Duration = Duration::from_millis(100);
/// How often it is printed where it cannot be drawn in place.
const LINE: Duration = Duration::from_secs(1);
const ROWS: usize = 12;

/// What all share: the flights and their totals, in one scope.
pub(crate) struct Board {
    pub(crate) client: Ponos,
    pub(crate) flights: Stream,
    pub(crate) totals: Map,
}

impl Board {
    pub(crate) async fn open(url: &str) -> Result<Self> {
        let client = Ponos::open(url).await?;
        let scope = client.scope("departures");
        let flights = scope.stream_with("flights", StreamOptions::default().codec("json")).await?;
        let totals = scope.map_with("totals", MapOptions::default().codec("json")).await?;
        Ok(Self { client, flights, totals })
    }
}

/// Reads every flight as it departs, and shows the time of the last.
async fn follow(flights: Stream, clock: watch::Sender<String>) -> Result<()> {
    let mut reader = flights.reader_with(ReaderOptions::default().from(Start::First)).await?;
    loop {
        let items = reader.next_batch(1_000).await?;
        let last = items.into_iter().rev().find_map(Item::event);
        match last.and_then(|event| Flight::parse(&event.payload())) {
            Some(flight) => clock.send_replace(flight.time),
            None => return Ok(()),
        };
    }
}

/// Draws until every flight of the file is counted; whether the totals are those of the file.
pub(crate) async fn run(board: Board, flights: &[Flight]) -> bool {
    let (clock, time) = watch::channel(String::new());
    let follower = tokio::spawn(follow(board.flights.clone(), clock));
    let agrees = show(&board.totals, flights, &time).await;
    follower.abort();
    board.client.close().await;
    agrees
}

async fn show(map: &Map, flights: &[Flight], time: &watch::Receiver<String>) -> bool {
    let expected = totals(flights);
    let all: i64 = expected.values().map(|counts| counts.flights).sum();
    let terminal = std::io::stdout().is_terminal();
    let mut events = map.watch("*");
    let (start, mut drawn, mut changes) = (Instant::now(), None::<Instant>, 0_u64);
    loop {
        let counted = read(map);
        let seen: i64 = counted.values().map(|counts| counts.flights).sum();
        let every = if terminal { FRAME } else { LINE };
        if seen >= all || drawn.is_none_or(|drawn| drawn.elapsed() >= every) {
            draw(&time.borrow(), &counted, seen, all, changes, terminal);
            drawn = Some(Instant::now());
        }
        if seen >= all {
            break verdict(&counted, &expected, changes, start.elapsed());
        }
        let due = tokio::time::Instant::now() + every;
        // Every change is counted; the board is drawn once a frame.
        while let Ok(batch) = tokio::time::timeout_at(due, events.next_batch(1_024)).await {
            let number = |event: &Event| u64::from(event.coalesced());
            changes += batch.iter().map(number).sum::<u64>();
            if batch.is_empty() || batch.iter().any(|event| matches!(event, Event::Resynced { .. })) {
                break;
            }
        }
    }
}

/// What the local copy says now, all of one revision.
fn read(map: &Map) -> BTreeMap<String, Counts> {
    let mut counted: BTreeMap<String, Counts> = BTreeMap::new();
    for (key, entry) in map.snapshot().iter() {
        let Some((airport, what)) = key.split_once('/') else { continue };
        let number = std::str::from_utf8(&entry.value).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
        let counts = counted.entry(airport.to_owned()).or_default();
        match what {
            "flights" => counts.flights = number,
            "late" => counts.late = number,
            _ => counts.delay = number,
        }
    }
    counted
}

fn draw(clock: &str, counted: &BTreeMap<String, Counts>, seen: i64, all: i64, changes: u64, terminal: bool) {
    let mut rows: Vec<_> = counted.iter().collect();
    rows.sort_by_key(|(airport, counts)| (-counts.flights, *airport));
    if !terminal {
        let busiest: Vec<String> =
            rows.iter().take(3).map(|(airport, counts)| format!("{airport} {}", counts.flights)).collect();
        println!("{clock:16}  {seen:6} of {all} flights, {changes} changes, busiest: {}", busiest.join(", "));
        return;
    }
    let mut out = String::from("\x1b[H\x1b[2J");
    out += &format!("DEPARTURES  {clock}   {seen} of {all} flights   {changes} changes\n\n");
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

fn verdict(
    counted: &BTreeMap<String, Counts>,
    expected: &BTreeMap<String, Counts>,
    changes: u64,
    time: Duration,
) -> bool {
    let wrong: Vec<_> =
        expected.iter().filter(|(airport, counts)| counted.get(*airport) != Some(counts)).collect();
    let extra = counted.len() != expected.len();
    let seconds = time.as_secs_f64();
    if wrong.is_empty() && !extra {
        let airports = expected.len();
        println!(
            "\nThe totals of all {airports} airports are those of the file ({changes} changes in {seconds:.1} s)."
        );
        return true;
    }
    println!("\n{} airports differ from the file:", wrong.len());
    for (airport, counts) in wrong.into_iter().take(10) {
        println!("  {airport}: expected {counts:?}, got {:?}", counted.get(airport));
    }
    false
}
