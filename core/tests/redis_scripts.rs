//! The scripts of the Redis engine against `eval`, the definition of every write: random operations, each decided by
//! both, without a difference in verdict, effects or final state. The seed is printed and `PONOS_SEED` repeats a run.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests have a clock of their own and may panic"
)]

use std::future::Future;
use std::sync::{Arc, Mutex, Weak};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use ponos::engine::redis::Redis;
use ponos::engine::{Engine, MapEngine, MapId, Request, Sink, Source, Verdict};
use ponos::model::change::Batch;
use ponos::model::entries::Entries;
use ponos::model::op::{Condition, Context, Op};
use ponos::model::txn::{self, Txn, Write};
use ponos::model::value::{Key, OpId, Shape};
use ponos::{EngineUrl, Result, Settings};
use ponos_test_support::RedisServer;

const OPERATIONS: usize = 100_000;
const BATCH: usize = 128;
const MAX_VALUE: usize = 600;
/// A time to live that is over before the next batch, and one that outlasts the test.
const SHORT: u64 = 6;
const LONG: u64 = 3_600_000;

#[tokio::test]
async fn the_scripts_decide_as_eval_does() -> Result<()> {
    let seed = std::env::var("PONOS_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(0x5eed);
    println!("PONOS_SEED={seed}");
    let mut chance = Chance(seed);
    let server = RedisServer::start();
    let settings = Settings::parse(&format!("{}?max_value={MAX_VALUE}", server.url()))?;
    let EngineUrl::Redis(url) = &settings.engine else { panic!("not redis") };
    let engine = Redis::open(url, &settings).await?;
    let heard = Arc::new(Heard::default());
    let sink: Arc<dyn Sink> = heard.clone();
    let id = MapId { scope: "s".into(), name: "m".into(), codec: "bytes".into() };
    let link = engine.map(id, Arc::downgrade(&sink) as Weak<dyn Sink>).await?;
    let mut model = Model::default();
    for round in 0..OPERATIONS / BATCH {
        // Calls of nothing but plain sets have a script of their own.
        let plain = round % 4 == 0;
        let requests: Vec<Request> = (0..BATCH)
            .map(|_| if plain { model.plain_set(&mut chance) } else { model.request(&mut chance) })
            .collect();
        // Two writes that change nothing keep the engine busy, so that the others go in one call, at one time.
        let busy = (0..2).map(|_| model.nothing()).collect::<Vec<_>>();
        let sent = busy.iter().chain(&requests).map(|request| link.write(request.clone()));
        let verdicts = all(sent.collect()).await.split_off(busy.len());
        let batches = std::mem::take(&mut *heard.0.lock().unwrap());
        model.compare(&requests, &verdicts, &batches);
        if round % 50 == 0 {
            assert_eq!(scan(&*link).await?, model.entries, "after {} operations", round * BATCH);
        }
        tokio::time::sleep(Duration::from_millis(SHORT + 4)).await;
    }
    assert_eq!(scan(&*link).await?, model.entries);
    assert!(model.applied > OPERATIONS / 4, "only {} were applied", model.applied);
    assert!(model.refused > OPERATIONS / 20, "only {} were refused", model.refused);
    engine.close().await
}

/// Collects the changes in the answers to writes.
#[derive(Default)]
struct Heard(Mutex<Vec<Batch>>);

impl Sink for Heard {
    fn batch(&self, batch: &Batch, source: Source) {
        if source == Source::Reply {
            self.0.lock().unwrap().push(batch.clone());
        }
    }

    fn lost(&self) {}

    fn restored(&self) {}
}

/// What the map must be, by `eval`.
#[derive(Default)]
struct Model {
    entries: Entries,
    revision: u64,
    seq: u64,
    applied: usize,
    refused: usize,
}

impl Model {
    fn request(&mut self, chance: &mut Chance) -> Request {
        self.seq += 1;
        let id = OpId { writer: 7, seq: self.seq };
        let write = match chance.below(100) {
            0 => Write::Clear,
            1..=12 => Write::Txn(Txn {
                compare: (0..chance.below(3)).map(|_| (key(chance), self.condition(chance))).collect(),
                then: (0..chance.below(4)).map(|_| (key(chance), self.op(chance))).collect(),
                otherwise: (0..chance.below(3)).map(|_| (key(chance), self.op(chance))).collect(),
            }),
            _ => Write::One { key: key(chance), op: self.op(chance) },
        };
        Request { id, write, retry_after: None }
    }

    fn plain_set(&mut self, chance: &mut Chance) -> Request {
        let op = Op::Set { value: value(chance), ttl: None, when: Condition::Always };
        self.seq += 1;
        let id = OpId { writer: 7, seq: self.seq };
        Request { id, write: Write::One { key: key(chance), op }, retry_after: None }
    }

    fn nothing(&mut self) -> Request {
        self.seq += 1;
        let write = Write::One { key: "nothing".into(), op: Op::Expire };
        Request { id: OpId { writer: 7, seq: self.seq }, write, retry_after: None }
    }

    fn op(&self, chance: &mut Chance) -> Op {
        let shape = if chance.below(2) == 0 { Shape::List } else { Shape::Set };
        let items = |chance: &mut Chance| (0..=chance.below(3)).map(|_| item(chance)).collect();
        match chance.below(16) {
            0..=4 => Op::Set { value: value(chance), ttl: ttl(chance), when: self.condition(chance) },
            5 | 6 => Op::Delete { when: self.condition(chance) },
            7 | 8 => {
                let (min, max) = match chance.below(3) {
                    0 => (-100, 100),
                    _ => (i64::MIN, i64::MAX),
                };
                Op::Incr { by: integer(chance), min, max }
            }
            9 => {
                let (min, max) = match chance.below(3) {
                    0 => (-1e3, 1e3),
                    1 => (0.0, f64::INFINITY),
                    _ => (f64::NEG_INFINITY, f64::INFINITY),
                };
                Op::IncrFloat { by: float(chance), min, max }
            }
            10..=12 => Op::Add { shape, unique: chance.below(2) == 0, items: items(chance) },
            13 => Op::Remove { shape, items: items(chance) },
            14 => Op::Touch { ttl: ttl(chance) },
            _ => Op::Expire,
        }
    }

    fn condition(&self, chance: &mut Chance) -> Condition {
        match chance.below(12) {
            0 => Condition::Absent,
            1 => Condition::Present,
            2 => Condition::Revision(self.revision.saturating_sub(chance.below(40))),
            3 => Condition::Value(value(chance)),
            4 => {
                let held = self.entries.get(&key(chance)).map(|entry| entry.value.clone());
                Condition::Value(held.unwrap_or_default())
            }
            _ => Condition::Always,
        }
    }

    fn compare(&mut self, requests: &[Request], verdicts: &[Result<Verdict>], batches: &[Batch]) {
        // Without a change the time of the call is not told; then a short life is surely over, a long one not.
        let later = wall_ms() + SHORT;
        let mut changes =
            batches.iter().flat_map(|batch| batch.changes.iter().map(|change| (batch.at, change)));
        let at = batches.first().map_or(later, |batch| batch.at);
        for (request, verdict) in requests.iter().zip(verdicts) {
            let verdict = verdict.as_ref().unwrap();
            let context = Context { now: at, max_value: MAX_VALUE };
            match txn::eval(&request.write, &self.entries, context) {
                Err(refusal) => {
                    assert_eq!(*verdict, Verdict::Refused(refusal), "{request:?}");
                    self.refused += 1;
                }
                Ok(decision) if decision.effects.is_empty() => {
                    assert_eq!(*verdict, Verdict::Unchanged { matched: decision.matched }, "{request:?}");
                }
                Ok(decision) => {
                    let (at, change) = changes.next().unwrap_or_else(|| panic!("no change for {request:?}"));
                    assert_eq!(at, context.now, "the writes were split over two calls");
                    self.revision += 1;
                    assert_eq!(change.effects, decision.effects, "{request:?}");
                    assert_eq!((change.id, change.matched), (request.id, decision.matched));
                    assert_eq!(change.revision, self.revision);
                    let Verdict::Applied { position, matched } = *verdict else {
                        panic!("{verdict:?} {request:?}")
                    };
                    assert_eq!((position.revision, matched), (self.revision, decision.matched));
                    for effect in &decision.effects {
                        self.entries.apply(effect, self.revision);
                    }
                    self.applied += 1;
                }
            }
        }
        assert!(changes.next().is_none(), "a change that nobody asked for");
    }
}

fn wall_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.unwrap().as_millis() as u64
}

async fn scan(link: &dyn MapEngine) -> Result<Entries> {
    let mut entries = Entries::default();
    let mut cursor = 0;
    loop {
        let page = link.scan(cursor).await?;
        for entry in page.entries {
            let (key, entry) = entry?;
            entries.insert(key, entry);
        }
        cursor = page.cursor;
        if cursor == 0 {
            return Ok(entries);
        }
    }
}

/// Waits for all, polling them in order so that they are sent in order.
async fn all<T>(futures: Vec<std::pin::Pin<Box<dyn Future<Output = T> + Send + '_>>>) -> Vec<T> {
    let mut slots: Vec<_> = futures.into_iter().map(|future| (Some(future), None)).collect();
    std::future::poll_fn(move |context| {
        for (future, result) in &mut slots {
            if let Some(Poll::Ready(value)) = future.as_mut().map(|future| future.as_mut().poll(context)) {
                (*future, *result) = (None, Some(value));
            }
        }
        if slots.iter().any(|(_, result)| result.is_none()) {
            return Poll::Pending;
        }
        Poll::Ready(slots.iter_mut().filter_map(|(_, result)| result.take()).collect())
    })
    .await
}

/// Xorshift: the same seed, the same run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 8) % limit
    }
}

fn key(chance: &mut Chance) -> Key {
    match chance.below(60) {
        0 => "k".repeat(60_000).into(),
        1 => "ключ\n\0".into(),
        number => format!("key{}", number % 10).into(),
    }
}

fn value(chance: &mut Chance) -> Bytes {
    match chance.below(8) {
        0 => integer(chance).to_string().into(),
        1 => ponos::model::number::format_f64(float(chance)).into(),
        2 => {
            let odd =
                ["", "-0", "01", "1.5", "1e5", "+1", "1e999", "nan", "0x1", " 1", "9223372036854775808", "-"];
            odd[chance.below(odd.len() as u64) as usize].into()
        }
        3 => (0..=255_u8).collect::<Vec<_>>().into(),
        _ => (0..chance.below(40)).map(|_| chance.below(256) as u8).collect::<Vec<_>>().into(),
    }
}

fn item(chance: &mut Chance) -> Bytes {
    match chance.below(4) {
        0 => value(chance),
        1 => Bytes::from_static(b"\x01\0\0\0a"),
        _ => format!("item{}", chance.below(6)).into(),
    }
}

fn ttl(chance: &mut Chance) -> Option<u64> {
    [None, None, Some(SHORT), Some(LONG)][chance.below(4) as usize]
}

fn integer(chance: &mut Chance) -> i64 {
    match chance.below(6) {
        0 => i64::MAX - chance.below(3) as i64,
        1 => i64::MIN + chance.below(3) as i64,
        2 => chance.below(u64::MAX) as i64,
        3 => 10_000_000_000 - chance.below(20_000_000_001) as i64,
        _ => 50 - chance.below(101) as i64,
    }
}

fn float(chance: &mut Chance) -> f64 {
    match chance.below(6) {
        0 => f64::MAX / (1 + chance.below(3)) as f64,
        1 => f64::from_bits(chance.below(u64::MAX)).abs().min(1e300) * 1e-200,
        2 => (chance.below(2_000_001) as f64 - 1e6) / 1e3,
        3 => -1e-7,
        4 => 1e17 + chance.below(100) as f64,
        _ => chance.below(10) as f64 / 10.0,
    }
}
