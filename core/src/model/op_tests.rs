//! Tests of `op`: what each operation means, and what no operation may do.

use proptest::prelude::*;

use super::*;
use crate::model::entries::Entries;

const NOW: u64 = 1_000;
const CONTEXT: Context = Context { now: NOW, max_value: 100 };

fn entry(value: &[u8], shape: Shape, deadline: u64) -> Entry {
    Entry { value: Bytes::copy_from_slice(value), revision: 3, deadline: Deadline::new(deadline), shape }
}

fn plain(value: &str) -> Entry {
    entry(value.as_bytes(), Shape::Plain, 0)
}

fn decide(op: &Op, current: Option<&Entry>) -> Outcome {
    eval(&"k".into(), op, current, CONTEXT)
}

fn refused(op: &Op, current: Option<&Entry>) -> Refusal {
    match decide(op, current) {
        Outcome::Refused(refusal) => refusal,
        other => panic!("{op:?} gave {other:?}"),
    }
}

fn stored(op: &Op, current: Option<&Entry>) -> String {
    match decide(op, current) {
        Outcome::Applied(Effect::Put { value, .. }) => String::from_utf8_lossy(&value).into_owned(),
        other => panic!("{op:?} gave {other:?}"),
    }
}

fn set(when: Condition) -> Op {
    Op::Set { value: "new".into(), ttl: None, when }
}

#[test]
fn a_condition_refuses_with_its_reason() {
    let there = plain("v");
    assert_eq!(refused(&set(Condition::Absent), Some(&there)), Refusal::Exists);
    assert_eq!(refused(&set(Condition::Present), None), Refusal::Missing);
    assert_eq!(refused(&set(Condition::Revision(2)), Some(&there)), Refusal::RevisionDiffers);
    assert_eq!(refused(&set(Condition::Revision(2)), None), Refusal::Missing);
    assert_eq!(refused(&set(Condition::Value("w".into())), Some(&there)), Refusal::ValueDiffers);
    assert_eq!(stored(&set(Condition::Revision(3)), Some(&there)), "new");
    assert_eq!(stored(&set(Condition::Value("v".into())), Some(&there)), "new");
}

#[test]
fn an_expired_entry_is_an_absent_one() {
    let expired = entry(b"5", Shape::Plain, NOW);
    assert_eq!(stored(&set(Condition::Absent), Some(&expired)), "new");
    assert_eq!(decide(&Op::Delete { when: Condition::Always }, Some(&expired)), Outcome::Unchanged);
    let incr = Op::Incr { by: 1, min: i64::MIN, max: i64::MAX };
    assert_eq!(stored(&incr, Some(&expired)), "1");
    assert_eq!(decide(&Op::Expire, Some(&expired)), Outcome::Applied(Effect::Expire { key: "k".into() }));
    assert_eq!(decide(&Op::Expire, Some(&entry(b"5", Shape::Plain, NOW + 1))), Outcome::Unchanged);
}

#[test]
fn counting_keeps_the_deadline_and_setting_drops_it() {
    let lasting = entry(b"5", Shape::Plain, NOW + 10);
    let incr = Op::Incr { by: 1, min: i64::MIN, max: i64::MAX };
    let Outcome::Applied(Effect::Put { deadline, .. }) = decide(&incr, Some(&lasting)) else {
        panic!("no put")
    };
    assert_eq!(deadline, lasting.deadline);
    let Outcome::Applied(Effect::Put { deadline, .. }) = decide(&set(Condition::Always), Some(&lasting))
    else {
        panic!("no put")
    };
    assert_eq!(deadline, None);
}

#[test]
fn a_value_of_another_kind_is_refused_by_name() {
    let list = entry(&items::join(["a"]), Shape::List, 0);
    let add = |shape| Op::Add { shape, unique: false, items: vec!["x".into()] };
    assert_eq!(refused(&add(Shape::List), Some(&plain("v"))), Refusal::NotAList);
    assert_eq!(refused(&add(Shape::Set), Some(&list)), Refusal::NotASet);
    assert_eq!(refused(&Op::Incr { by: 1, min: 0, max: 9 }, Some(&list)), Refusal::NotANumber);
    assert_eq!(refused(&Op::Incr { by: 1, min: 0, max: 9 }, Some(&plain("x"))), Refusal::NotANumber);
    let big = Op::Add { shape: Shape::List, unique: false, items: vec![vec![0; 97].into()] };
    assert_eq!(refused(&big, None), Refusal::TooLarge);
}

#[test]
fn what_becomes_empty_is_deleted() {
    let list = entry(&items::join(["a", "a"]), Shape::List, 0);
    let remove = Op::Remove { shape: Shape::List, items: vec!["a".into()] };
    assert_eq!(decide(&remove, Some(&list)), Outcome::Applied(Effect::Delete { key: "k".into() }));
    let other = Op::Remove { shape: Shape::List, items: vec!["b".into()] };
    assert_eq!(decide(&other, Some(&list)), Outcome::Unchanged);
}

proptest! {
    #[test]
    fn a_counter_is_an_integer_that_never_leaves_its_bounds(
        start in any::<i64>(), by in any::<i64>(), min in any::<i64>(), max in any::<i64>()
    ) {
        let current = plain(&start.to_string());
        match decide(&Op::Incr { by, min, max }, Some(&current)) {
            Outcome::Applied(Effect::Put { value, .. }) => {
                let sum = i128::from(start) + i128::from(by);
                prop_assert_eq!(value, Bytes::from(sum.to_string()));
                prop_assert!(i128::from(min) <= sum && sum <= i128::from(max));
            }
            outcome => {
                prop_assert_eq!(outcome, Outcome::Refused(Refusal::OutOfBounds));
                let sum = i128::from(start) + i128::from(by);
                prop_assert!(sum < i128::from(min) || sum > i128::from(max) || i64::try_from(sum).is_err());
            }
        }
    }

    #[test]
    fn a_float_reads_back_as_the_sum(start in -1e300..1e300, by in -1e300..1e300) {
        let current = plain(&number::format_f64(start));
        let op = Op::IncrFloat { by, min: f64::NEG_INFINITY, max: f64::INFINITY };
        prop_assert_eq!(number::parse_f64(stored(&op, Some(&current)).as_bytes()), Some(start + by));
    }

    #[test]
    fn a_set_holds_each_member_once(steps in prop::collection::vec((any::<bool>(), 0_u8..6), 0..40)) {
        let mut entries = Entries::default();
        let mut model = std::collections::BTreeSet::new();
        for (revision, (add, member)) in (1..).zip(steps) {
            let items = vec![Bytes::from(vec![member])];
            let (shape, unique) = (Shape::Set, true);
            let op = if add { Op::Add { shape, unique, items } } else { Op::Remove { shape, items } };
            let changed = if add { model.insert(member) } else { model.remove(&member) };
            let outcome = eval(&"k".into(), &op, entries.get("k"), CONTEXT);
            prop_assert_eq!(changed, outcome != Outcome::Unchanged);
            if let Outcome::Applied(effect) = outcome {
                entries.apply(&effect, revision);
            }
            let held = entries.get("k").and_then(Entry::items).unwrap_or_default();
            let held: Vec<u8> = held.iter().map(|item| item[0]).collect();
            prop_assert_eq!(held.len(), model.len());
            prop_assert!(held.iter().all(|member| model.contains(member)));
        }
    }
}
