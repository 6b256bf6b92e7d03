//! One round: a new map, some seconds of load and faults, then the question whether everything adds up.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ponos::{Map, MapOptions, Ponos, Result, Snapshot};

use super::check::violations;
use super::dice::Dice;
use super::fault::{Fault, Site};
use super::flow::Flow;
use super::history::{Account, Act, Call, Ending, History, Outcome};
use super::witness::{Witness, items};
use super::writer::{TEMPORARY, Tally, Writer};

/// How long anything may take that must happen.
const PATIENCE: Duration = Duration::from_secs(120);
/// Clients of a round beside the one that lives as long as the run.
const CLIENTS: usize = 4;
const WRITERS: usize = 24;

/// What the rounds of a run share.
#[derive(Debug)]
pub struct Run {
    /// The server and the network.
    pub site: Site,
    /// A client that is not closed between rounds.
    pub veteran: Ponos,
    /// Counts of writes.
    pub tally: Arc<Tally>,
    /// Counts of faults.
    pub faults: AtomicU64,
    /// Counts of events that were published.
    pub events: Arc<AtomicU64>,
}

/// A client with its replica, and who watches there.
struct Node {
    client: Ponos,
    map: Map,
    witness: Witness,
}

async fn within<T>(what: &str, work: impl Future<Output = T>) -> Result<T, String> {
    tokio::time::timeout(PATIENCE, work).await.map_err(|_| format!("{what} does not end"))
}

impl Run {
    /// Plays a round and gives what is wrong, as sentences.
    ///
    /// # Errors
    /// What hangs or fails so that the round cannot be judged.
    pub async fn round(&self, number: u64, length: Duration, mut dice: Dice) -> Result<Vec<String>, String> {
        let name = format!("round {number}");
        let log_len = if dice.below(2) == 0 { 100 } else { 10_000 };
        let nodes = within("opening", self.nodes(&name, log_len)).await?;
        let nodes = nodes.map_err(|error| format!("a client cannot open: {error:?}"))?;
        let clients: Vec<Ponos> = nodes.iter().map(|node| node.client.clone()).collect();
        let direct = format!("{}?timeout=2s", self.site.direct());
        let named = format!("flow {number}");
        let flow = Flow::begin(&clients, &direct, &named, &mut dice, &self.events);
        let flow =
            within("opening", flow).await?.map_err(|error| format!("a stream cannot open: {error:?}"))?;
        let stop = Arc::new(AtomicBool::new(false));
        let writers: Vec<_> = (0..WRITERS)
            .map(|number| {
                let map = nodes[number % nodes.len()].map.clone();
                let writer = Writer { number, map, dice: dice.fork(), calls: Vec::new(), found: Vec::new() };
                tokio::spawn(writer.run(stop.clone(), self.tally.clone()))
            })
            .collect();
        let until = Instant::now() + length;
        while Instant::now() < until {
            within("a fault", self.site.suffer(Fault::roll(&mut dice))).await?;
            self.faults.fetch_add(1, Ordering::Relaxed);
            within("a rest", self.site.suffer(Fault::Rest(dice.between(20, 500)))).await?;
        }
        stop.store(true, Ordering::Release);
        let (mut calls, mut found) = (Vec::new(), Vec::new());
        for writer in writers {
            let ended = within("a writer", writer).await?;
            let (done, surprises): (Vec<Call>, Vec<String>) = ended.map_err(|error| error.to_string())?;
            calls.extend(done);
            found.extend(surprises);
        }
        found.extend(flow.end(PATIENCE).await?);
        let (ending, accounts) = self.settle(&name, nodes, &mut calls, &mut found).await?;
        found.extend(violations(&History { calls, accounts, ending }));
        Ok(found)
    }

    async fn nodes(&self, name: &str, log_len: u64) -> Result<Vec<Node>> {
        let mut nodes = Vec::new();
        for number in 0..=CLIENTS {
            let client = match number {
                0 => self.veteran.clone(),
                1 => Ponos::open(&format!("{}?timeout=2s&log_len={log_len}", self.site.direct())).await?,
                _ => Ponos::open(&format!("{}?timeout=2s&log_len={log_len}", self.site.url())).await?,
            };
            // One watcher falls behind and has its events merged; the others are to see each.
            let merges = number == CLIENTS;
            let queue = if merges { 16 } else { 1_000_000 };
            let map = client.map_with(name, MapOptions::default().watch_queue(queue)).await?;
            let witness = Witness::new(format!("watcher {number}"), &map, merges);
            nodes.push(Node { client, map, witness });
        }
        Ok(nodes)
    }

    /// Waits until every replica is where the server is, compares them, and closes what the round opened.
    async fn settle(
        &self,
        name: &str,
        nodes: Vec<Node>,
        calls: &mut Vec<Call>,
        found: &mut Vec<String>,
    ) -> Result<(Ending, Vec<Account>), String> {
        let fail = |error: ponos::Error| format!("after the faults: {error:?}");
        let client = within("opening", Ponos::open(&self.site.direct())).await?.map_err(fail)?;
        let truth = within("opening", client.map(name)).await?.map_err(fail)?;
        let ending = within("agreement", quiet(&truth, &nodes, calls, found)).await?.map_err(fail)?;
        let mut accounts = Vec::new();
        for (number, node) in nodes.into_iter().enumerate() {
            within("the last event", seen(&node.witness, ending.revision)).await?;
            within("closing", node.map.close()).await?;
            let mut account = within("a watcher", node.witness.account()).await?;
            // A write that was given up may come even now: what is checked ends where all agreed.
            account.sights.retain(|sight| sight.revision() <= ending.revision);
            accounts.push(account);
            if number > 0 {
                within("closing", node.client.close()).await?;
            }
        }
        truth.destroy().await.map_err(fail)?;
        within("closing", client.close()).await?;
        Ok((ending, accounts))
    }
}

/// Compares the replicas with the server once all are at one revision. A write that was given up may still be on
/// its way, so that takes as many looks as it takes; nobody makes new ones.
async fn quiet(
    truth: &Map,
    nodes: &[Node],
    calls: &mut Vec<Call>,
    found: &mut Vec<String>,
) -> Result<Ending> {
    loop {
        // What would expire by itself, at a moment of its own, is replaced.
        for number in 0..TEMPORARY {
            let (token, key) = (format!("end.{}", calls.len()), format!("t{number}"));
            let written = truth.set(&key, token.clone()).await?;
            let outcome = Outcome::Done { revision: written.revision, changed: true, result: 0 };
            calls.push(Call { token, key, act: Act::Set, outcome });
        }
        let whole = truth.snapshot();
        let mut others = Vec::new();
        for node in nodes {
            synced(&node.map).await;
            others.push(node.map.snapshot());
        }
        if others.iter().all(|other| other.position() == whole.position()) {
            let (revision, values) = (whole.position().revision, contents(&whole));
            let strangers = others.iter().enumerate().filter(|(_, other)| contents(other) != values);
            found.extend(
                strangers.map(|(number, _)| format!("replica {number} is not as the server at {revision}")),
            );
            return Ok(Ending { revision, values });
        }
    }
}

/// Syncs until it works: a connection may still be on its way back.
async fn synced(map: &Map) {
    while map.sync().await.is_err() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn seen(witness: &Witness, revision: u64) {
    while witness.revision() < revision {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn contents(snapshot: &Snapshot) -> BTreeMap<String, Vec<String>> {
    snapshot.iter().map(|(key, entry)| (key.to_string(), items(&entry.value, entry.shape))).collect()
}
