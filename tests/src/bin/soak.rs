//! The soak: `soak [--duration 1h] [--seed N]`. Ends with 1 as soon as a promise is broken; the seed that is
//! printed asks for the same rolls again.
#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program prints, and this one has a clock of its own"
)]

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use ponos::Ponos;
use ponos_tests::soak::dice::Dice;
use ponos_tests::soak::fault::Site;
use ponos_tests::soak::round::Run;
use ponos_tests::soak::vitals::{self, Vitals};

/// How long faults happen in a round.
const ROUND: Duration = Duration::from_secs(10);
const PROGRESS: Duration = Duration::from_secs(10);
/// How long what was closed may take to be gone.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::main]
async fn main() -> ExitCode {
    let (duration, seed) = match arguments(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(what) => {
            println!("{what}\nusage: soak [--duration 1h|5m|30s] [--seed N]");
            return ExitCode::from(2);
        }
    };
    println!("soak of {duration:?}, seed {seed}");
    let folder = std::env::temp_dir().join(format!("ponos-soak-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for the server");
    let found = soak(duration, seed, folder.to_str().expect("a path in utf-8")).await;
    std::fs::remove_dir_all(&folder).expect("the server's folder goes");
    match found {
        Ok(found) if found.is_empty() => {
            println!("every promise was kept");
            ExitCode::SUCCESS
        }
        Ok(found) => {
            found.iter().take(20).for_each(|what| println!("VIOLATION: {what}"));
            println!("{} violations; again with --seed {seed}", found.len());
            ExitCode::FAILURE
        }
        Err(what) => {
            println!("VIOLATION: {what}; again with --seed {seed}");
            ExitCode::FAILURE
        }
    }
}

async fn soak(duration: Duration, seed: u64, folder: &str) -> Result<Vec<String>, String> {
    let start = Instant::now();
    let site = Site::start(folder).await;
    let veteran = Ponos::open(&format!("{}?timeout=2s", site.url())).await;
    let veteran = veteran.map_err(|error| format!("the server cannot be opened: {error:?}"))?;
    let run = Run { site, veteran, tally: <_>::default(), faults: AtomicU64::new(0), events: <_>::default() };
    let (mut dice, mut samples, mut rounds) = (Dice::new(seed), vec![Vitals::now()], 0_u64);
    let mut progress = tokio::time::interval(PROGRESS);
    while start.elapsed() < duration {
        rounds += 1;
        let mut round = Box::pin(run.round(rounds, ROUND, dice.fork()));
        let found = loop {
            tokio::select! {
                found = &mut round => break found?,
                _ = progress.tick() => println!("{:>5} s, round {rounds}: {}", start.elapsed().as_secs(), told(&run)),
            }
        };
        drop(round);
        samples.push(settled(&samples[0]).await);
        let found = [found, vitals::growth(&samples)].concat();
        if !found.is_empty() {
            println!("round {rounds} broke a promise");
            return Ok(found);
        }
    }
    println!("{rounds} rounds in {} s: {}", start.elapsed().as_secs(), told(&run));
    let (first, warm) = (&samples[0], &samples[samples.len().min(vitals::WARM_UP) - 1]);
    println!("between rounds: {first} at first, {warm} when warm, {} at last", samples[samples.len() - 1]);
    run.veteran.close().await;
    Ok(Vec::new())
}

fn told(run: &Run) -> String {
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let (done, unsure, refused) =
        (count(&run.tally.done), count(&run.tally.unsure), count(&run.tally.refused));
    let faults = count(&run.faults);
    let events = count(&run.events);
    let now = Vitals::now();
    format!("{done} writes done, {unsure} unsure, {refused} refused, {events} events, {faults} faults; {now}")
}

/// What is used between rounds: what was closed goes in its own time, and only what stays is growth.
async fn settled(first: &Vitals) -> Vitals {
    let start = Instant::now();
    loop {
        ponos_test_support::give_back();
        let now = Vitals::now();
        if now.files <= first.files && now.tasks <= first.tasks || start.elapsed() > PATIENCE {
            return now;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn arguments(words: impl Iterator<Item = String>) -> Result<(Duration, u64), String> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let (mut duration, mut seed) = (Duration::from_secs(3_600), u64::from(since.subsec_nanos()));
    let mut words = words;
    while let Some(word) = words.next() {
        let value = words.next().ok_or_else(|| format!("{word} has no value"))?;
        match word.as_str() {
            "--duration" => duration = time(&value).ok_or_else(|| format!("{value:?} is no time"))?,
            "--seed" => seed = value.parse().map_err(|_| format!("{value:?} is no seed"))?,
            _ => return Err(format!("unknown argument {word:?}")),
        }
    }
    Ok((duration, seed))
}

/// `90s`, `5m` or `1h`.
fn time(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(seconds).map(Duration::from_secs)
}
