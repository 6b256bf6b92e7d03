//! A stream under load in a round: publishers that insist, readers, and three groups: one that answers in all ways, one
//! that counts in the step of its acknowledgement, one with order by key.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use ponos::stream::{
    Delivery, Item, Message, Order, PublishOptions, ReaderOptions, Sink, SinkOptions, Start, StepBuilder,
};
use ponos::{ErrorKind, Map, Ponos, Result, Stream};
use tokio::task::JoinHandle;

use super::dice::Dice;
use super::ledger::{Ledger, Sight};

/// Publishers of a round.
const PUBLISHERS: usize = 4;
/// Keys that events have.
const KEYS: u64 = 8;

/// The stream of a round as one client has it.
#[derive(Clone, Debug)]
struct Place {
    stream: Stream,
    totals: Map,
}

impl Place {
    async fn open(client: &Ponos, name: &str) -> Result<Self> {
        let scope = client.scope(name);
        Ok(Self { stream: scope.stream("events").await?, totals: scope.map("totals").await? })
    }
}

/// The load of a round that is under way.
#[derive(Debug)]
pub struct Flow {
    stop: Arc<AtomicBool>,
    publishers: Vec<JoinHandle<Vec<String>>>,
    others: Vec<JoinHandle<()>>,
    ledger: Arc<Mutex<Ledger>>,
    places: Vec<Place>,
    truth: Place,
    client: Ponos,
}

impl Flow {
    /// Begins on these clients; `direct` names the server past the network that fails.
    ///
    /// # Errors
    /// Those of opening.
    pub async fn begin(
        clients: &[Ponos],
        direct: &str,
        name: &str,
        dice: &mut Dice,
        done: &Arc<AtomicU64>,
    ) -> Result<Self> {
        let client = Ponos::open(direct).await?;
        let truth = Place::open(&client, name).await?;
        let (stop, ledger) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Ledger::default())));
        let (mut publishers, mut others, mut places) = (Vec::new(), Vec::new(), Vec::new());
        for (number, client) in clients.iter().enumerate() {
            let place = Place::open(client, name).await?;
            let reader = place.stream.reader_with(ReaderOptions::default().from(Start::First)).await?;
            others.push(tokio::spawn(read(reader, number, ledger.clone())));
            let base = || SinkOptions::default().from(Start::First).prefetch(32);
            let answering = base().ack_wait(Duration::from_millis(700)).backoff([Duration::from_millis(20)]);
            let sink = place.stream.sink_with("answering", answering).await?;
            others.push(tokio::spawn(answer(sink, dice.fork(), ledger.clone())));
            let sink = place.stream.sink_with("counting", base()).await?;
            others.push(tokio::spawn(count(sink, place.totals.clone(), ledger.clone())));
            let keyed = base().order(Order::ByKey(8)).ack_wait(Duration::from_secs(3));
            let sink = place.stream.sink_with("keys", keyed).await?;
            others.push(tokio::spawn(follow_keys(sink, dice.fork(), ledger.clone())));
            places.push(place);
        }
        for number in 0..PUBLISHERS {
            let stream = places[number % places.len()].stream.clone();
            publishers.push(tokio::spawn(publish(stream, number, dice.fork(), stop.clone(), done.clone())));
        }
        Ok(Self { stop, publishers, others, ledger, places, truth, client })
    }

    /// Ends the load, waits until all is settled, and gives what is wrong, as sentences.
    ///
    /// # Errors
    /// What hangs or fails so that the round cannot be judged.
    pub async fn end(self, patience: Duration) -> Result<Vec<String>, String> {
        self.stop.store(true, Ordering::Release);
        let mut acknowledged = Vec::new();
        for publisher in self.publishers {
            let ended =
                tokio::time::timeout(patience, publisher).await.map_err(|_| "a publisher does not end")?;
            acknowledged.extend(ended.map_err(|error| error.to_string())?);
        }
        let (start, place) = (Instant::now(), &self.truth);
        let last = loop {
            let info = place.stream.info().await.map_err(|error| format!("after the faults: {error:?}"))?;
            let last = info.as_ref().and_then(|info| info.last).map_or(0, |id| id.seq);
            let settled = |info: &ponos::stream::StreamInfo| {
                info.groups.iter().all(|it| it.lag == 0 && it.pending == 0)
            };
            if info.as_ref().is_some_and(settled) && self.ledger.lock().all_read(last) {
                break last;
            }
            if start.elapsed() > patience {
                return Err(format!("the stream is not settled: {info:?}, {}", self.ledger.lock()));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        place.totals.sync().await.map_err(|error| format!("after the faults: {error:?}"))?;
        let counted =
            place.totals.get("count").and_then(|count| std::str::from_utf8(&count).ok()?.parse().ok());
        self.others.iter().for_each(JoinHandle::abort);
        for other in self.others {
            drop(other.await);
        }
        for Place { stream, totals } in self.places {
            stream.close().await;
            totals.close().await;
        }
        let found = self.ledger.lock().violations(&acknowledged, last, counted.unwrap_or(0));
        let gone = async {
            place.stream.destroy().await?;
            place.totals.destroy().await
        };
        gone.await.map_err(|error| format!("after the faults: {error:?}"))?;
        self.client.close().await;
        Ok(found)
    }
}

/// Publishes one event after the other, each until it is known to be there: the `dedup_id` makes that safe.
async fn publish(
    stream: Stream,
    number: usize,
    mut dice: Dice,
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
) -> Vec<String> {
    let mut acknowledged = Vec::new();
    while !stop.load(Ordering::Acquire) {
        let count = if dice.below(4) == 0 { dice.between(2, 20) } else { 1 };
        let tokens: Vec<String> =
            (0..count).map(|more| format!("{number}.{}", acknowledged.len() as u64 + more)).collect();
        let message = |token: &String, key: u64| {
            let options = PublishOptions::default().key(&format!("k{key}")).dedup_id(token);
            Message { options, ..Message::new("soak", token.clone()) }
        };
        let keys: Vec<u64> = tokens.iter().map(|_| dice.below(KEYS)).collect();
        loop {
            let batch = tokens.iter().zip(&keys).map(|(token, key)| message(token, *key)).collect();
            match stream.publish_batch(batch).await {
                Ok(_) => break,
                Err(error) if matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout) => {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                Err(error) => panic!("{error:?}"),
            }
        }
        done.fetch_add(count, Ordering::Relaxed);
        acknowledged.extend(tokens);
        tokio::time::sleep(Duration::from_millis(dice.below(4))).await;
    }
    acknowledged
}

async fn read(mut reader: ponos::Reader, number: usize, ledger: Arc<Mutex<Ledger>>) {
    while let Some(item) = reader.next().await {
        match item {
            Ok(Item::Event(event)) => ledger.lock().read(number, event.id().seq, &event.payload()),
            other => ledger.lock().surprise(format!("reader {number} got {other:?}")),
        }
    }
}

/// The next event of a sink; what is no event is a surprise.
async fn next(sink: &Sink, ledger: &Mutex<Ledger>) -> Option<Delivery> {
    loop {
        match sink.next().await? {
            Ok(Item::Event(event)) => return Some(event),
            other => ledger.lock().surprise(format!("{sink:?} got {other:?}")),
        }
    }
}

fn sight(event: &Delivery) -> Sight {
    Sight { seq: event.id().seq, key: event.key().unwrap_or_default().to_owned() }
}

/// Acknowledges most events, refuses or forgets some.
async fn answer(sink: Sink, mut dice: Dice, ledger: Arc<Mutex<Ledger>>) {
    while let Some(event) = next(&sink, &ledger).await {
        ledger.lock().delivered("answering", &sight(&event));
        match dice.below(20) {
            0 => drop(event.nack().await),
            1 => drop(event.nack_after(Duration::from_millis(dice.below(100))).await),
            2 => {} // forgotten
            _ => {
                if event.ack().await.is_ok() {
                    ledger.lock().acknowledged("answering", &sight(&event));
                }
            }
        }
    }
}

async fn count(sink: Sink, totals: Map, ledger: Arc<Mutex<Ledger>>) {
    while let Some(event) = next(&sink, &ledger).await {
        ledger.lock().delivered("counting", &sight(&event));
        match event.ack_with(StepBuilder::new().map(totals.txn().incr("count", 1))).await {
            Ok(()) => ledger.lock().acknowledged("counting", &sight(&event)),
            Err(error) => {
                let passes = matches!(
                    error.kind(),
                    ErrorKind::Unavailable
                        | ErrorKind::Timeout
                        | ErrorKind::Fenced
                        | ErrorKind::Conflict
                        | ErrorKind::Closed
                );
                if !passes {
                    ledger.lock().surprise(format!("counting: {error:?}"));
                }
            }
        }
    }
}

async fn follow_keys(sink: Sink, mut dice: Dice, ledger: Arc<Mutex<Ledger>>) {
    while let Some(event) = next(&sink, &ledger).await {
        ledger.lock().delivered("keys", &sight(&event));
        if dice.below(30) == 0 {
            drop(event.nack().await);
        } else if event.ack().await.is_ok() {
            ledger.lock().acknowledged("keys", &sight(&event));
        }
    }
}
