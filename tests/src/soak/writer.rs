//! A writer: does all kinds of writes and keeps what it was told of each.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use ponos::{Condition, ErrorKind, Map, Result, SetOptions};

use super::dice::Dice;
use super::history::{Act, Call, Outcome};

/// How many keys have a time to live.
pub const TEMPORARY: u64 = 10;

/// What all writers of a run share.
#[derive(Debug, Default)]
pub struct Tally {
    /// Writes that were acknowledged.
    pub done: AtomicU64,
    /// Writes of which nobody knows.
    pub unsure: AtomicU64,
    /// Writes that surely did not happen.
    pub refused: AtomicU64,
}

/// One writer.
#[derive(Debug)]
pub struct Writer {
    /// Its number.
    pub number: usize,
    /// Through whose replica it writes.
    pub map: Map,
    /// What it rolls.
    pub dice: Dice,
    /// What it was told.
    pub calls: Vec<Call>,
    /// What surprised it.
    pub found: Vec<String>,
}

impl Writer {
    /// Writes until `stop`, and gives its calls and what surprised it.
    pub async fn run(mut self, stop: Arc<AtomicBool>, tally: Arc<Tally>) -> (Vec<Call>, Vec<String>) {
        while !stop.load(Ordering::Acquire) {
            self.write(&tally).await;
            self.read();
            // Now and then many at once, mostly one by one.
            if self.dice.below(200) >= 150 {
                tokio::time::sleep(Duration::from_millis(self.dice.between(1, 30))).await;
            }
        }
        (self.calls, self.found)
    }

    async fn write(&mut self, tally: &Tally) {
        let token = format!("w{}.{}", self.number, self.calls.len());
        let (key, act) = self.choose();
        let work = perform(&self.map, &key, act, &token);
        let result = if self.dice.below(100) == 0 {
            // It is given up on its way: it may have happened.
            let patience = Duration::from_micros(self.dice.between(1, 2_000));
            tokio::time::timeout(patience, work).await.ok()
        } else {
            Some(work.await)
        };
        let outcome = self.judge(&token, result);
        let count = match outcome {
            Outcome::Done { .. } => &tally.done,
            Outcome::Unsure => &tally.unsure,
            Outcome::Refused => &tally.refused,
        };
        count.fetch_add(1, Ordering::Relaxed);
        self.calls.push(Call { token, key, act, outcome });
    }

    fn choose(&mut self) -> (String, Act) {
        let kind = self.dice.below(10);
        let turn = self.calls.len() / 100 % 20;
        match kind {
            0 | 1 => (format!("k{}", self.dice.below(50)), Act::Set),
            2 => (format!("k{}", self.dice.below(50)), Act::Delete),
            3 => (format!("t{}", self.dice.below(TEMPORARY)), Act::Set),
            4 | 5 => (format!("n{}", self.dice.below(5)), Act::Incr(self.dice.below(3) as i64 + 1)),
            6 => (format!("l{turn}"), Act::Append),
            7 => (format!("a{}", self.dice.below(5)), Act::Pair),
            _ => {
                let key = format!("c{}", self.dice.below(5));
                let at = self.map.entry(&key).map_or(0, |entry| entry.revision);
                (key, Act::Replace(at))
            }
        }
    }

    fn judge(&mut self, token: &str, result: Option<Result<(u64, bool, i64)>>) -> Outcome {
        let Some(result) = result else { return Outcome::Unsure };
        match result {
            Ok((revision, changed, result)) => {
                if self.map.revision() < revision {
                    let now = self.map.revision();
                    self.found.push(format!("{token} returned at {revision}, and its replica is at {now}"));
                }
                Outcome::Done { revision, changed, result }
            }
            Err(error) => {
                let known = [ErrorKind::Conflict, ErrorKind::Timeout, ErrorKind::Unavailable];
                if !known.contains(&error.kind()) {
                    self.found.push(format!("{token} failed with {error:?}"));
                }
                if error.maybe_applied() { Outcome::Unsure } else { Outcome::Refused }
            }
        }
    }

    /// The two keys of a pair are written in one transaction: no reader sees one without the other.
    fn read(&mut self) {
        let number = self.dice.below(5);
        let snapshot = self.map.snapshot();
        let twins = [snapshot.get(&format!("a{number}")), snapshot.get(&format!("b{number}"))];
        if twins[0] != twins[1] {
            self.found.push(format!("a snapshot shows half of a transaction: {twins:?}"));
        }
    }
}

/// Does it, and gives the revision, whether anything changed, and a counter's value or a list's length.
async fn perform(map: &Map, key: &str, act: Act, token: &str) -> Result<(u64, bool, i64)> {
    let value = token.to_owned();
    let plain = |written: ponos::map::Written| (written.revision, written.changed, 0);
    match act {
        Act::Set if key.starts_with('t') => {
            let ttl = Duration::from_millis(50 + 10 * (token.len() as u64 % 30));
            map.set_with(key, value, SetOptions::default().ttl(ttl)).await.map(plain)
        }
        Act::Set => map.set(key, value).await.map(plain),
        Act::Delete => map.delete(key).await.map(plain),
        Act::Incr(by) => {
            let counted = map.incr(key, by).await?;
            Ok((counted.revision, true, counted.value))
        }
        Act::Append => {
            let edited = map.list_append(key, vec![value.into()]).await?;
            Ok((edited.revision, edited.changed, edited.len as i64))
        }
        Act::Replace(at) => {
            let when = if at == 0 { Condition::Absent } else { Condition::Revision(at) };
            map.set_with(key, value, SetOptions { when, ttl: None }).await.map(plain)
        }
        Act::Pair => {
            let twin = key.replacen('a', "b", 1);
            let done = map.txn().set(key, value.clone()).set(&twin, value).commit().await?;
            Ok((done.revision, done.changed, 0))
        }
    }
}
