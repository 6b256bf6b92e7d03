//! Tests of `join`: a scan that overlaps writes, and the changes since its start, give the truth.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::model::op::{self, Condition, Context, Op, Outcome};
use crate::model::value::Shape;

const GENERATION: u64 = 4;

fn batch(change: &Change) -> Batch {
    Batch { generation: GENERATION, at: 0, changes: vec![change.clone()] }
}

#[test]
fn a_missing_or_foreign_change_breaks_it() {
    let id = OpId::default();
    let mut join = Join::start(Position { generation: GENERATION, revision: 5 }, id);
    let change = |revision| Change { revision, id, matched: true, effects: Vec::new() };
    assert_eq!(join.catch_up(batch(&change(5))), Ok(()));
    assert_eq!(join.catch_up(batch(&change(6))), Ok(()));
    assert_eq!(join.catch_up(batch(&change(8))), Err(Broken));
    let foreign = Batch { generation: GENERATION + 1, ..batch(&change(7)) };
    assert_eq!(join.catch_up(foreign), Err(Broken));
}

fn any_op() -> impl Strategy<Value = Option<Op>> {
    let items = || {
        prop::collection::vec(0_u8..4, 1..3)
            .prop_map(|items| items.iter().map(|item| Bytes::from(vec![*item])).collect())
    };
    let shape = Shape::List;
    prop_oneof![
        4 => (0_u8..255).prop_map(|value| Some(Op::Set { value: vec![value].into(), ttl: None, when: Condition::Always })),
        2 => Just(Some(Op::Delete { when: Condition::Always })),
        4 => items().prop_map(move |items| Some(Op::Add { shape, unique: false, items })),
        2 => items().prop_map(move |items| Some(Op::Remove { shape, items })),
        1 => Just(None), // clear
    ]
}

proptest! {
    /// Between any two writes some keys are scanned, some twice, in any order.
    #[test]
    fn a_scan_under_writes_and_the_log_give_the_truth(
        steps in prop::collection::vec((0_u8..6, any_op(), prop::collection::vec(0_u8..6, 0..4)), 1..60),
        start in 0_usize..30,
    ) {
        let mut entries = Entries::default();
        let mut log = Vec::new();
        let mut join = None;
        let mut seen = std::collections::BTreeSet::new();
        for (number, (key, op, scanned)) in steps.into_iter().enumerate() {
            let key: Key = key.to_string().into();
            let context = Context { now: 0, max_value: 1_000 };
            let effect = match op {
                None => Some(Effect::Clear),
                Some(op) => match op::eval(&key, &op, entries.get(&key), context) {
                    Outcome::Applied(effect) => Some(effect),
                    _ => None,
                },
            };
            if let Some(effect) = effect {
                let revision = log.len() as u64 + 1;
                entries.apply(&effect, revision);
                let id = OpId { writer: 1, seq: revision };
                log.push(Change { revision, id, matched: true, effects: vec![effect] });
            }
            if number >= start && join.is_none() {
                let position = Position { generation: GENERATION, revision: log.len() as u64 };
                join = Some(Join::start(position, OpId::default()));
            }
            if let Some(join) = &mut join {
                for key in scanned {
                    let key: Key = key.to_string().into();
                    seen.insert(key.clone());
                    join.page(entries.get(&key).map(|entry| (key.clone(), entry.clone())));
                }
            }
        }
        let Some(mut join) = join else { return Ok(()) };
        let rest: Vec<_> = entries.iter().filter(|(key, _)| !seen.contains(*key)).map(|(key, entry)| (key.clone(), entry.clone())).collect();
        join.page(rest);
        for change in &log {
            prop_assert_eq!(join.catch_up(batch(change)), Ok(()));
        }
        let snapshot = join.finish();
        prop_assert_eq!(snapshot.position.revision, log.len() as u64);
        prop_assert_eq!(snapshot.entries, entries);
    }
}
