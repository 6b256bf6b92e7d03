//! The cases for streams and steps, in the order of the rules they try. What the model defines is tried with random
//! requests, each decided by the engine and by the model beside it.

use std::sync::Arc;

use parking_lot::Mutex;

use super::{Bench, Case};
use crate::engine::stream::{
    GroupEngine, Outcome, Settlement, Step, StreamEngine, StreamId, StreamSink, Tail,
};
use crate::engine::{MapId, Request as MapRequest, Verdict as MapVerdict};
use crate::error::{ErrorKind, Result};
use crate::model::group::{Answer, Group, LaneId, Request, Run, Settling, Taking};
use crate::model::hash;
use crate::model::log::{Item, Log, Publish, Refusal, Retention, Verdict, WhenBehind};
use crate::model::op::{Condition, Op};
use crate::model::record::{Batch, Draft, EventId, Record};
use crate::model::settings::{Order, Settings, Start};
use crate::model::txn::{Txn, Write};
use crate::model::value::OpId;

/// Every case with its name.
pub(super) const ALL: &[Case] = &[
    ("publishing is as the model has it", |bench| Box::pin(publishing(bench))),
    ("every sink hears how far a stream goes", |bench| Box::pin(told(bench))),
    ("a read begins with what is still there", |bench| Box::pin(kept(bench))),
    ("a group is as the model has it", |bench| Box::pin(groups(bench, None))),
    ("a group with order is as the model has it", |bench| Box::pin(groups(bench, Some(3)))),
    ("a group begins where it is told and has one set of settings", |bench| Box::pin(founding(bench))),
    ("a step is whole", |bench| Box::pin(steps(bench))),
    ("a stream lives anew with a higher generation", |bench| Box::pin(lives(bench))),
];

/// A sink that remembers how far the stream goes.
#[derive(Default)]
struct Heard(Mutex<EventId>);

impl StreamSink for Heard {
    fn appended(&self, batch: &Batch) {
        self.grown(EventId { generation: batch.generation, seq: batch.last() });
    }

    fn grown(&self, last: EventId) {
        let mut known = self.0.lock();
        *known = (*known).max(last);
    }

    fn removed(&self, _id: EventId) {}

    fn delayed(&self, _due: u64) {}

    fn regrouped(&self, _group: &str) {}

    fn lost(&self) {}

    fn restored(&self) {}
}

struct Opened {
    link: Arc<dyn StreamEngine>,
    heard: Arc<Heard>,
}

impl Bench<'_> {
    fn stream_id(&self, name: &str) -> StreamId {
        StreamId { scope: self.name.clone(), name: name.to_owned(), codec: "bytes".into() }
    }

    async fn stream(&self, name: &str) -> Result<Opened> {
        let heard = Arc::new(Heard::default());
        let sink: Arc<dyn StreamSink> = heard.clone();
        let link = self.engine.stream(self.stream_id(name), Arc::downgrade(&sink)).await?;
        link.listen().await?;
        Ok(Opened { link, heard })
    }
}

/// Numbers that are as good as chance, the same in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(1);
        hash::mix(self.0) % end
    }
}

fn item(seq: u64) -> Item {
    let payload = vec![b'p'; usize::try_from(seq % 90).unwrap_or(0)];
    let draft = Draft { id: OpId { writer: 9, seq }, topic: "a.b", payload: &payload, ..Draft::default() };
    Item { record: Record::pack(draft), dedup: "".into(), delay: 0 }
}

fn plain(seqs: impl IntoIterator<Item = u64>) -> Publish {
    Publish { items: seqs.into_iter().map(item).collect(), ..Publish::default() }
}

/// Everything of a log, one record after the other.
async fn records(link: &dyn StreamEngine) -> Result<Vec<(u64, OpId)>> {
    let mut records = Vec::new();
    let mut from = 1;
    loop {
        let page = link.read(from, 100).await?;
        let Some(last) = page.last().map(Batch::last) else { return Ok(records) };
        records
            .extend(page.iter().flat_map(|batch| batch.from(from)).map(|(seq, record)| (seq, record.id())));
        if last < from {
            return Ok(records);
        }
        from = last + 1;
    }
}

async fn publishing(bench: &Bench<'_>) -> Result<()> {
    let opened = bench.stream("publishing").await?;
    let (mut model, mut chance, mut next) = (Log::default(), Chance(1), 0);
    let mut before = Vec::new();
    let keep = Retention { max_len: 1_000_000, ..Retention::default() };
    for round in 0..400 {
        let mut items = Vec::new();
        for _ in 0..=chance.below(3) {
            next += 1;
            let dedup = if chance.below(3) == 0 { format!("id-{}", chance.below(40)) } else { String::new() };
            let delay = if chance.below(10) == 0 { 3_600_000 } else { 0 };
            items.push(Item { dedup: dedup.into(), delay, ..item(next) });
        }
        let mut request = Publish { items: items.into(), ..Publish::default() };
        if chance.below(5) == 0 {
            request.expect_last = Some(model.last().saturating_sub(chance.below(2)));
        }
        request.if_exists = round == 0 || chance.below(10) == 0;
        let sent_after = EventId { generation: model.generation(), seq: model.last() };
        if chance.below(8) == 0
            && let Some((old, after)) = before.get(chance.below(before.len().max(1) as u64) as usize).cloned()
        {
            request = Publish { retry_after: Some(after), ..old };
        }
        let verdict = opened.link.publish(&request, keep).await?;
        let generation = opened.link.tail().await?.map_or(0, |tail| tail.last.generation);
        if model.generation() == 0 && generation != 0 {
            model.create(generation);
        }
        let wanted = model.publish(&request, &keep, None, generation);
        assert_eq!(verdict, wanted, "round {round}: {request:?}");
        if matches!(verdict, Verdict::Done { .. }) && request.retry_after.is_none() {
            before.push((request, sent_after));
        }
    }
    let wanted: Vec<_> = model
        .read(1, usize::MAX)
        .iter()
        .flat_map(|batch| batch.from(0))
        .map(|(seq, record)| (seq, record.id()))
        .collect();
    assert_eq!(records(&*opened.link).await?, wanted);
    assert!(wanted.len() > 300, "only {} were appended", wanted.len());
    let tail = opened.link.tail().await?;
    assert_eq!(tail.as_ref().map(|tail| tail.bytes), Some(model.bytes()));
    assert!(tail.is_some_and(|tail| tail.due.is_some()), "delayed events are waiting");
    Ok(())
}

async fn told(bench: &Bench<'_>) -> Result<()> {
    let (left, right) = (bench.stream("told").await?, bench.stream("told").await?);
    for seq in 1..=20 {
        left.link.publish(&plain([seq]), Retention::default()).await?;
    }
    let deadline = crate::time::now() + std::time::Duration::from_secs(10);
    for opened in [&left, &right] {
        while opened.heard.0.lock().seq < 20 {
            assert!(crate::time::now() < deadline, "the end is not heard of");
            tokio::task::yield_now().await;
        }
    }
    Ok(())
}

async fn kept(bench: &Bench<'_>) -> Result<()> {
    let opened = bench.stream("kept").await?;
    let keep = Retention { max_len: 10, when_behind: WhenBehind::Skip, ..Retention::default() };
    for seq in 1..=30 {
        opened.link.publish(&plain([seq]), keep).await?;
    }
    let first = |pages: Vec<Batch>| pages.first().map(|page| page.first);
    assert_eq!(first(opened.link.read(1, 5).await?), Some(21), "what is gone is passed over");
    assert_eq!(first(opened.link.read(25, 5).await?), Some(25));
    assert_eq!(opened.link.read(31, 5).await?, []);
    let Some(Tail { last, first, .. }) = opened.link.tail().await? else { panic!("no tail") };
    assert_eq!((last.seq, first), (30, 21));
    let at = |pages: &[Batch], seq| {
        pages.iter().find(|page| page.from(seq).next().is_some()).map_or(0, |page| page.at)
    };
    let pages = opened.link.read(1, 100).await?;
    for seq in [21, 25, 30] {
        let since = opened.link.since(at(&pages, seq)).await?;
        assert!(since <= seq && at(&pages, since) == at(&pages, seq), "{since} for {seq}");
    }
    assert_eq!(opened.link.since(u64::MAX >> 12).await?, 31);
    assert!(opened.link.remove(EventId { seq: 25, ..last }).await?);
    assert!(!opened.link.remove(EventId { seq: 25, ..last }).await?);
    assert!(!opened.link.remove(EventId { seq: 5, ..last }).await?);
    let removed: Vec<u64> = opened
        .link
        .read(1, 100)
        .await?
        .iter()
        .flat_map(|page| page.from(0))
        .filter(|(_, record)| record.is_removed())
        .map(|(seq, _)| seq)
        .collect();
    assert_eq!(removed, [25]);
    let big = Retention { max_bytes: 2_000, when_behind: WhenBehind::Skip, ..Retention::default() };
    for seq in 31..=200 {
        opened.link.publish(&plain([seq]), big).await?;
    }
    let bytes = opened.link.tail().await?.map_or(0, |tail| tail.bytes);
    assert!((500..=2_200).contains(&bytes), "{bytes} bytes are kept, of 2,000");
    Ok(())
}

/// One random request, as far as it makes sense.
fn request(model: &Group, consumers: &[u64], at: usize, chance: &mut Chance, now: u64) -> Request {
    let consumer = consumers[at];
    let lane = LaneId::try_from(chance.below(model.lanes().len() as u64)).unwrap_or(0);
    let state = &model.lanes()[usize::from(lane)];
    let mine = model.members().get(&consumer).and_then(|member| member.held.get(&lane));
    let mine: Vec<u64> = mine.map(|spans| spans.iter().map(|(seq, _)| seq).collect()).unwrap_or_default();
    let some: Vec<u64> = mine.into_iter().filter(|_| chance.below(2) == 0).collect();
    let runs = |seqs: &[u64]| seqs.iter().map(|seq| (*seq, *seq)).collect::<Vec<Run>>();
    let settle = |part| Request::Settle {
        parts: vec![Settling { lane, ..part }],
        whole: some.len().is_multiple_of(2),
    };
    match chance.below(8) {
        0 | 1 => {
            let (from, to) = (state.cursor, state.cursor + chance.below(4));
            let again = state.waiting.iter().filter(|(_, waiting)| waiting.due <= now).map(|(seq, _)| *seq);
            let again = again.take(2).collect();
            Request::Take(vec![Taking {
                lane,
                from,
                to,
                fresh: (from + 1..=to).map(|seq| (seq, seq)).collect(),
                again,
            }])
        }
        2 => settle(Settling { done: runs(&some), ..Settling::default() }),
        3 => settle(Settling { back: some.iter().map(|seq| (*seq, 0)).collect(), ..Settling::default() }),
        4 => settle(Settling { unread: runs(&some), ..Settling::default() }),
        5 => settle(Settling { done: vec![(chance.below(30), 30)], ..Settling::default() }),
        6 => Request::Claim(lane),
        _ => Request::Release(lane),
    }
}

async fn groups(bench: &Bench<'_>, ordered: Option<LaneId>) -> Result<()> {
    let name = format!("groups-{}", ordered.is_some());
    let opened = bench.stream(&name).await?;
    opened.link.publish(&plain(1..=500), Retention::default()).await?;
    let order = ordered.map_or(Order::None, Order::ByKey);
    let settings = Settings { order, ..Settings::default() };
    let mut model = Group::new(0, ordered);
    let mut members: Vec<Arc<dyn GroupEngine>> = Vec::new();
    for _ in 0..3 {
        let member = opened.link.join("g".into(), settings.clone(), Start::First).await?;
        assert_eq!(model.apply(member.consumer(), &Request::Join { until: u64::MAX }, 0), Answer::Done);
        members.push(member);
    }
    let consumers: Vec<u64> = members.iter().map(|member| member.consumer()).collect();
    let mut chance = Chance(7);
    for round in 0..300 {
        let at = chance.below(3) as usize;
        let now = bench.engine.now();
        let request = request(&model, &consumers, at, &mut chance, now);
        let answer = members[at].apply(request.clone()).await?;
        assert_eq!(answer, model.apply(consumers[at], &request, now + 1_000), "round {round}: {request:?}");
    }
    let state = members[0].state().await?;
    let state = state.as_deref().map(|group| (group.pending(), group.floor(), group.lanes().len()));
    assert_eq!(state, Some((model.pending(), model.floor(), model.lanes().len())));
    assert!(
        model.pending() > 0 && model.lanes().iter().any(|lane| lane.cursor > 10),
        "nothing much was done"
    );
    assert_eq!(members[2].apply(Request::Leave).await?, Answer::Done);
    assert_eq!(members[2].apply(Request::Take(vec![])).await?, Answer::Fenced, "who has left is no member");
    model.apply(consumers[2], &Request::Leave, 0);
    let listed = opened.link.groups().await?;
    let listed: Vec<_> =
        listed.iter().map(|(name, group)| (&**name, group.pending(), group.members().len())).collect();
    assert_eq!(listed, [("g", model.pending(), 2)]);
    Ok(())
}

async fn founding(bench: &Bench<'_>) -> Result<()> {
    let opened = bench.stream("founding").await?;
    let last = opened.link.publish(&plain(1..=10), Retention::default()).await?;
    let Verdict::Done { generation, .. } = last else { panic!("{last:?}") };
    let id = |seq| EventId { generation, seq };
    let starts = [
        (Start::First, 0),
        (Start::End, 10),
        (Start::Last(3), 7),
        (Start::Behind(id(4)), 4),
        (Start::Time(0), 0),
        (Start::Time(u64::MAX >> 12), 10),
    ];
    for (number, (start, cursor)) in starts.into_iter().enumerate() {
        let member = opened.link.join(format!("g{number}"), Settings::default(), start).await?;
        let state = member.state().await?;
        assert_eq!(state.map(|group| group.lanes()[0].cursor), Some(cursor), "{start:?}");
    }
    let other = Settings { ack_wait: 1, ..Settings::default() };
    let refused = opened.link.join("g0".into(), other, Start::End).await.map(drop);
    assert_eq!(refused.map_err(|error| error.kind()), Err(ErrorKind::Invalid));
    let ended = EventId { generation: 1, seq: 1 };
    let refused = opened.link.join("g9".into(), Settings::default(), Start::Behind(ended)).await.map(drop);
    assert_eq!(refused.map_err(|error| error.kind()), Err(ErrorKind::NotFound));
    assert!(opened.link.disband("g0".into()).await? && !opened.link.disband("g0".into()).await?);
    let keep = Retention { max_len: 5, when_behind: WhenBehind::Reject, ..Retention::default() };
    let full = opened.link.publish(&plain([11]), keep).await?;
    assert_eq!(full, Verdict::Refused(Refusal::Full), "a group has settled nothing");
    for number in 1..starts.len() {
        opened.link.disband(format!("g{number}")).await?;
    }
    assert!(matches!(opened.link.publish(&plain([12]), keep).await?, Verdict::Done { .. }));
    Ok(())
}

async fn steps(bench: &Bench<'_>) -> Result<()> {
    let (input, output) = (bench.stream("in").await?, bench.stream("out").await?);
    let sink: Arc<dyn crate::engine::Sink> = Arc::new(super::Heard::default());
    let map_id = MapId { scope: bench.name.clone(), name: "m".into(), codec: "bytes".into() };
    let map = bench.engine.map(map_id.clone(), Arc::downgrade(&sink)).await?;
    input.link.publish(&plain(1..=3), Retention::default()).await?;
    let member = input.link.join("g".into(), Settings::default(), Start::First).await?;
    let taking = Taking { from: 0, to: 3, fresh: vec![(1, 3)], ..Taking::default() };
    assert_eq!(member.apply(Request::Take(vec![taking])).await?, Answer::Done);
    let step = |seq: u64, op: Op, publish: Publish| {
        let part = Settling { done: vec![(seq, seq)], ..Settling::default() };
        let settle = Settlement {
            stream: "in".into(),
            group: "g".into(),
            consumer: member.consumer(),
            request: Request::Settle { parts: vec![part], whole: true },
        };
        let compare = vec![("stop".into(), Condition::Absent)];
        let write = Write::Txn(Txn { compare, then: vec![("n".into(), op)], otherwise: Vec::new() });
        let request = MapRequest { id: OpId { writer: 5, seq }, write, retry_after: None };
        Step {
            scope: bench.name.clone(),
            settle: Some(settle),
            maps: vec![(map_id.clone(), request)],
            publishes: vec![(bench.stream_id("out"), publish, Retention::default())],
        }
    };
    let incr = || Op::Incr { by: 1, min: 0, max: 2 };
    let done = bench.engine.step(step(1, incr(), plain([100]))).await?;
    let Outcome::Done { maps, publishes } = done else { panic!("{done:?}") };
    assert!(matches!(&maps[..], [MapVerdict::Applied { matched: true, .. }]), "{maps:?}");
    assert!(matches!(&publishes[..], [Verdict::Done { .. }]), "{publishes:?}");
    let again = bench.engine.step(step(1, incr(), plain([101]))).await?;
    assert_eq!(again, Outcome::GroupRefuses(Answer::Lost(vec![(0, 1)])));
    let far = Op::Incr { by: 5, min: 0, max: 2 };
    let refused = bench.engine.step(step(2, far, plain([102]))).await?;
    assert_eq!(refused, Outcome::MapRefuses(crate::model::op::Refusal::OutOfBounds));
    let expects = Publish { expect_last: Some(9), ..plain([103]) };
    let refused = bench.engine.step(step(2, incr(), expects)).await?;
    assert_eq!(refused, Outcome::StreamRefuses(Refusal::LastDiffers));
    let stop = Write::One {
        key: "stop".into(),
        op: Op::Set { value: "x".into(), ttl: None, when: Condition::Always },
    };
    map.write(MapRequest { id: OpId { writer: 6, seq: 1 }, write: stop, retry_after: None }).await?;
    assert_eq!(bench.engine.step(step(2, incr(), plain([104]))).await?, Outcome::Unmatched);
    let pending = member.state().await?.map(|group| group.pending());
    let value = map.read("n".into()).await?.map(|entry| entry.value);
    assert_eq!((pending, value), (Some(2), Some("1".into())), "what is refused leaves nothing");
    assert_eq!(records(&*output.link).await?, [(1, OpId { writer: 9, seq: 100 })]);
    let alone = Step { settle: None, ..step(9, incr(), plain([105])) };
    let alone = Step { maps: Vec::new(), ..alone };
    assert!(matches!(bench.engine.step(alone).await?, Outcome::Done { .. }));
    Ok(())
}

async fn lives(bench: &Bench<'_>) -> Result<()> {
    let opened = bench.stream("lives").await?;
    assert_eq!(opened.link.tail().await?, None);
    assert!(!opened.link.destroy().await?);
    let mut last = 0;
    for _ in 0..3 {
        let member = opened.link.join("g".into(), Settings::default(), Start::End).await?;
        let verdict = opened.link.publish(&plain([1]), Retention::default()).await?;
        let Verdict::Done { generation, .. } = verdict else { panic!("{verdict:?}") };
        assert!(generation > last && generation == member.generation());
        last = generation;
        assert!(opened.link.destroy().await?);
        assert_eq!(member.apply(Request::Take(vec![])).await?, Answer::Fenced);
        assert_eq!(member.state().await?, None);
        assert_eq!((opened.link.tail().await?, opened.link.read(1, 10).await?), (None, vec![]));
    }
    Ok(())
}
