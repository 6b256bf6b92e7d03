//! Tests of `replica`: whatever the way of the changes, the copy is a prefix of the history or says that it is not.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::model::value::Shape;

const GENERATION: u64 = 9;

fn change(revision: u64, key: &str, value: &str) -> Change {
    let (key, value) = (key.into(), Bytes::copy_from_slice(value.as_bytes()));
    let put = Effect::Put { key, value, shape: Shape::Plain, deadline: None };
    Change { revision, id: OpId { writer: 1, seq: revision }, matched: true, effects: vec![put] }
}

fn offer(replica: &mut Replica, change: &Change, source: Source) -> Step {
    replica.offer(GENERATION, 0, change, source, &mut Vec::new())
}

#[test]
fn a_hole_in_the_pushes_is_reported_and_filled_by_what_was_missing() {
    let mut replica = Replica::default();
    assert_eq!(offer(&mut replica, &change(1, "a", "1"), Source::Push), Step::Applied);
    assert_eq!(offer(&mut replica, &change(3, "a", "3"), Source::Push), Step::Hole);
    assert_eq!(replica.position().revision, 1);
    assert_eq!(offer(&mut replica, &change(2, "a", "2"), Source::Push), Step::Applied);
    assert_eq!(replica.position().revision, 3);
}

#[test]
fn an_answer_that_overtakes_waits_and_is_no_hole() {
    let mut replica = Replica::default();
    assert_eq!(
        offer(&mut replica, &change(2, "a", "2"), Source::Reply),
        Step::Hole,
        "of a map unknown so far"
    );
    assert_eq!(offer(&mut replica, &change(1, "a", "1"), Source::Push), Step::Applied);
    assert_eq!(offer(&mut replica, &change(3, "a", "3"), Source::Reply), Step::Early);
    assert!(replica.waits() && replica.position().revision == 1);
    assert_eq!(offer(&mut replica, &change(2, "a", "2"), Source::Push), Step::Applied);
    assert_eq!(offer(&mut replica, &change(3, "a", "3"), Source::Push), Step::Duplicate);
    assert!(!replica.waits());
}

#[test]
fn the_same_revision_by_another_write_is_a_fork() {
    let mut replica = Replica::default();
    for revision in 1..=5 {
        offer(&mut replica, &change(revision, "a", "x"), Source::Push);
    }
    let mut foreign = change(3, "a", "y");
    foreign.id.writer = 2;
    assert_eq!(offer(&mut replica, &foreign, Source::Push), Step::Forked);
    let last = Position { generation: GENERATION, revision: 5 };
    let standing = |tip: u64, writer: u64| {
        let tip = Position { generation: GENERATION, revision: tip };
        replica.standing(last, Some((tip, OpId { writer, seq: tip.revision })))
    };
    assert_eq!(standing(5, 1), Standing::Current);
    assert_eq!(standing(5, 2), Standing::Forked);
    assert_eq!(standing(4, 1), Standing::Forked);
    assert_eq!(standing(6, 1), Standing::Behind);
    assert_eq!(replica.standing(last, None), Standing::NewGeneration);
}

#[test]
fn another_generation_is_never_mixed_in() {
    let mut replica = Replica::default();
    offer(&mut replica, &change(1, "a", "1"), Source::Push);
    let out = &mut Vec::new();
    assert_eq!(
        replica.offer(GENERATION + 1, 0, &change(2, "b", "2"), Source::Push, out),
        Step::NewGeneration
    );
    assert_eq!(replica.offer(GENERATION - 1, 0, &change(2, "b", "2"), Source::Push, out), Step::Duplicate);
    assert!(out.is_empty() && replica.entries().len() == 1);
}

#[test]
fn installing_tells_the_difference_by_key() {
    let mut replica = Replica::default();
    for (revision, key) in [(1, "same"), (2, "changed"), (3, "gone")] {
        offer(&mut replica, &change(revision, key, "old"), Source::Push);
    }
    let mut other = Replica::default();
    for (revision, key, value) in [(1, "same", "old"), (2, "changed", "new"), (3, "added", "new")] {
        offer(&mut other, &change(revision, key, value), Source::Push);
    }
    let position = Position { generation: GENERATION + 1, revision: 3 };
    let snapshot =
        Snapshot { position, id: OpId::default(), entries: other.entries().clone(), deadlines: false };
    let mut told = Vec::new();
    replica.install(snapshot, Some(Reason::NewGeneration), |event| told.push(event));
    let keys: Vec<_> = told.iter().map(|event| event.key().map(ToString::to_string)).collect();
    assert_eq!(keys, [None, Some("added".into()), Some("changed".into()), Some("gone".into())]);
    assert!(matches!(told[3], Event::Delete { .. }));
    assert_eq!(replica.entries(), other.entries());
}

proptest! {
    /// Pushes are lost, answers overtake, everything may come twice; holes are repaired from the log.
    #[test]
    fn every_way_of_the_changes_leads_to_the_same_copy(
        keys in prop::collection::vec(0_u8..5, 1..60),
        ways in prop::collection::vec((0_usize..60, 0_u8..4), 0..200),
    ) {
        let log: Vec<Change> = (1..).zip(&keys).map(|(revision, key)| change(revision, &key.to_string(), &revision.to_string())).collect();
        let mut replica = Replica::default();
        let mut out = Vec::new();
        let mut pushed = 0;
        let mut lagging = Entries::default();
        for (at, way) in ways {
            let (change, source) = match way {
                0 => (&log[at % log.len()], Source::Reply),
                1 => { pushed += 1; continue } // lost
                _ => { pushed += 1; match log.get(pushed - 1) { Some(change) => (change, Source::Push), None => break } }
            };
            let before = out.len();
            let step = replica.offer(GENERATION, 0, change, source, &mut out);
            prop_assert_ne!(step, Step::Forked);
            let shown = replica.entries().clone();
            replica.take_over(std::mem::take(&mut lagging), &out[before..]);
            prop_assert_eq!(replica.entries(), &shown);
            lagging = shown;
            if step == Step::Hole {
                let from = usize::try_from(replica.position().revision).unwrap_or(0);
                for change in &log[from..] {
                    replica.offer(GENERATION, 0, change, Source::Push, &mut out);
                }
                lagging = replica.entries().clone();
            }
        }
        let mut direct = Entries::default();
        let reached = usize::try_from(replica.position().revision).unwrap_or(0);
        for change in &log[..reached] {
            change.effects.iter().for_each(|effect| drop(direct.apply(effect, change.revision)));
        }
        prop_assert_eq!(replica.entries(), &direct);
        let revisions: Vec<u64> = out.iter().map(|applied| applied.revision).collect();
        prop_assert_eq!(revisions, (1..=replica.position().revision).collect::<Vec<_>>());
    }
}
