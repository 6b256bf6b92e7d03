//! What a group promises, one sentence a test, and the same under random requests.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

const A: ConsumerId = 1;
const B: ConsumerId = 2;

fn group(ordered: Option<LaneId>) -> Group {
    let mut group = Group::new(0, ordered);
    for consumer in [A, B] {
        assert_eq!(group.apply(consumer, &Request::Join { until: 100 }, 0), Answer::Done);
    }
    group
}

fn take(from: u64, to: u64) -> Request {
    Request::Take(vec![Taking { from, to, fresh: vec![(from + 1, to)], ..Taking::default() }])
}

fn again(cursor: u64, seqs: &[u64]) -> Request {
    Request::Take(vec![Taking { from: cursor, to: cursor, again: seqs.to_vec(), ..Taking::default() }])
}

fn settle(done: &[Run], back: &[(u64, u64)], unread: &[Run]) -> Request {
    let (done, back, unread) = (done.to_vec(), back.to_vec(), unread.to_vec());
    Request::Settle { parts: vec![Settling { lane: 0, done, back, unread }], whole: false }
}

fn held(group: &Group, consumer: ConsumerId) -> Vec<(u64, u32)> {
    let spans = group.members()[&consumer].held.get(&0);
    spans.into_iter().flat_map(Spans::iter).map(|(seq, held)| (seq, held.count)).collect()
}

#[test]
fn two_consumers_never_take_the_same_event() {
    let mut group = group(None);
    assert_eq!(group.apply(A, &take(0, 5), 1), Answer::Done);
    assert_eq!(group.apply(B, &take(0, 5), 1), Answer::Moved(vec![(0, 5)]));
    assert_eq!(group.apply(B, &take(5, 6), 1), Answer::Done);
    assert_eq!((held(&group, A).len(), held(&group, B)), (5, vec![(6, 1)]));
    assert_eq!((group.floor(), group.pending(), group.oldest()), (0, 6, Some(1)));
}

#[test]
fn what_comes_back_is_delivered_again_when_it_is_due_and_counted() {
    let mut group = group(None);
    group.apply(A, &take(0, 3), 1);
    assert_eq!(group.apply(A, &settle(&[(1, 1)], &[(2, 50)], &[(3, 3)]), 2), Answer::Done);
    assert_eq!(group.floor(), 1);
    assert_eq!(group.apply(B, &again(3, &[2]), 49), Answer::Moved(vec![(0, 3)]), "not due");
    assert_eq!(group.apply(B, &again(3, &[2, 3]), 50), Answer::Done);
    assert_eq!(held(&group, B), [(2, 2), (3, 1)], "what nobody had seen counts as new");
}

#[test]
fn acknowledging_twice_or_what_one_does_not_hold_is_told() {
    let mut group = group(None);
    group.apply(A, &take(0, 3), 1);
    assert_eq!(group.apply(A, &settle(&[(1, 2)], &[], &[]), 1), Answer::Done);
    assert_eq!(group.apply(A, &settle(&[(2, 3)], &[], &[]), 1), Answer::Lost(vec![(0, 2)]));
    assert_eq!(group.floor(), 3, "what it held is settled all the same");
    assert_eq!(group.apply(B, &settle(&[], &[(3, 0)], &[]), 1), Answer::Lost(vec![(0, 3)]));
}

#[test]
fn a_whole_settlement_is_done_or_not_at_all() {
    let mut group = group(None);
    group.apply(A, &take(0, 3), 1);
    let before = group.clone();
    let part = Settling { done: vec![(3, 4)], back: vec![(1, 9)], ..Settling::default() };
    let request = Request::Settle { parts: vec![part], whole: true };
    assert_eq!(group.apply(A, &request, 1), Answer::Lost(vec![(0, 4)]));
    assert_eq!(group, before);
}

#[test]
fn a_dead_consumer_loses_what_it_holds_and_cannot_come_back_for_it() {
    let mut group = group(None);
    group.apply(A, &take(0, 2), 1);
    assert_eq!(group.apply(B, &Request::Evict(A), 99), Answer::Done);
    assert_eq!(held(&group, A).len(), 2, "its time is not over");
    assert_eq!(group.overdue(100).collect::<Vec<_>>(), [A, B]);
    assert_eq!(group.apply(B, &Request::Evict(A), 100), Answer::Done);
    assert_eq!(group.apply(A, &settle(&[(1, 2)], &[], &[]), 101), Answer::Fenced);
    assert_eq!(group.apply(B, &again(2, &[1, 2]), 101), Answer::Done);
    assert_eq!(held(&group, B), [(1, 2), (2, 2)]);
}

#[test]
fn a_lane_with_order_has_one_owner() {
    let mut group = group(Some(2));
    assert_eq!(group.apply(A, &take(0, 1), 1), Answer::Fenced, "unclaimed");
    assert_eq!(group.apply(A, &Request::Claim(0), 1), Answer::Done);
    assert_eq!(group.apply(B, &Request::Claim(0), 1), Answer::Fenced);
    assert_eq!(group.apply(A, &take(0, 2), 1), Answer::Done);
    assert_eq!(group.apply(B, &take(2, 3), 1), Answer::Fenced);
    assert_eq!(group.apply(A, &Request::Release(0), 2), Answer::Done);
    assert_eq!(group.apply(A, &settle(&[(1, 1)], &[], &[]), 2), Answer::Lost(vec![(0, 1)]));
    assert_eq!(group.apply(B, &Request::Claim(0), 2), Answer::Done);
    assert_eq!(group.apply(B, &again(2, &[1, 2]), 2), Answer::Done);
    assert_eq!(group.apply(B, &Request::Leave, 3), Answer::Done);
    assert_eq!(group.apply(A, &Request::Claim(0), 3), Answer::Done, "a lane is free when its owner is gone");
}

/// One random request, as far as it makes sense.
fn request(group: &Group, consumer: ConsumerId, kind: u8, pick: u64, now: u64) -> Request {
    let lane = LaneId::try_from(pick % group.lanes().len() as u64).expect("a lane");
    let state = &group.lanes()[usize::from(lane)];
    let mine = group.members().get(&consumer).and_then(|member| member.held.get(&lane));
    let mine: Vec<u64> = mine.into_iter().flat_map(Spans::iter).map(|(seq, _)| seq).collect();
    let some: Vec<u64> = mine.iter().copied().filter(|seq| (*seq ^ pick).is_multiple_of(2)).collect();
    let runs = |seqs: &[u64]| seqs.iter().map(|seq| (*seq, *seq)).collect::<Vec<Run>>();
    let settle = |part, whole| Request::Settle { parts: vec![Settling { lane, ..part }], whole };
    match kind {
        0 => Request::Join { until: now + 20 },
        1 => {
            let (from, to) = (state.cursor, state.cursor + pick % 5);
            let fresh = (from + 1..=to).filter(|seq| seq % 3 != 0).map(|seq| (seq, seq)).collect();
            let due = state.waiting.iter().filter(|(_, waiting)| waiting.due <= now);
            let again = due.map(|(seq, _)| *seq).take(2).collect();
            Request::Take(vec![Taking { lane, from, to, fresh, again }])
        }
        2 => settle(Settling { done: runs(&some), ..Settling::default() }, pick.is_multiple_of(2)),
        3 => {
            let back = some.iter().map(|seq| (*seq, now + pick % 7)).collect();
            let done = runs(&[pick % 40]);
            settle(Settling { done, back, ..Settling::default() }, pick.is_multiple_of(3))
        }
        4 => settle(Settling { unread: runs(&some), ..Settling::default() }, false),
        5 => Request::Claim(lane),
        6 => Request::Release(lane),
        7 => Request::Evict(consumer % 3 + 1),
        _ => Request::Leave,
    }
}

/// Where every event is: in its one place, or nowhere.
fn places(group: &Group) -> BTreeMap<(LaneId, u64), u32> {
    let mut places = BTreeMap::new();
    let held = group.members().values().flat_map(|member| &member.held);
    let held = held.flat_map(|(lane, spans)| spans.iter().map(|(seq, held)| (*lane, seq, held.count)));
    let waiting = (0..).zip(group.lanes());
    let waiting =
        waiting.flat_map(|(id, lane)| lane.waiting.iter().map(move |(seq, it)| (id, *seq, it.count)));
    for (lane, seq, count) in held.chain(waiting) {
        assert!(places.insert((lane, seq), count).is_none(), "{lane}/{seq} is in two places");
    }
    places
}

proptest! {
    #[test]
    fn no_event_is_lost_doubled_or_moved_behind_the_floor(
        ordered in prop::option::of(1_u16..4),
        steps in prop::collection::vec((1_u64..4, 0_u8..9, any::<u64>()), 0..120),
    ) {
        let mut group = Group::new(0, ordered);
        let mut settled = BTreeSet::new();
        for (now, (consumer, kind, pick)) in (0..).zip(steps) {
            let request = request(&group, consumer, kind, pick, now);
            let (before, touched) = (group.clone(), group.touches(consumer, &request));
            let answer = group.apply(consumer, &request, now);
            let (was, is) = (places(&before), places(&group));
            if matches!(answer, Answer::Moved(_) | Answer::Fenced) {
                prop_assert_eq!(&group, &before, "a refused request changes nothing");
            }
            for place in was.keys().filter(|place| !is.contains_key(*place)) {
                let Request::Settle { parts, .. } = &request else { panic!("{place:?} is lost") };
                let done = numbers(&parts[0].done).any(|seq| (parts[0].lane, seq) == *place);
                prop_assert!(done, "{:?} is lost", place);
                settled.insert(*place);
            }
            for place in is.keys() {
                prop_assert!(!settled.contains(place), "{:?} is delivered again after it was settled", place);
                prop_assert!(group.floor() < place.1, "{:?} is behind the floor", place);
            }
            prop_assert!(group.floor() >= before.floor(), "the floor goes back");
            prop_assert_eq!(group.pending(), is.len() as u64);
            // An engine writes back only what an operation is said to touch.
            let mut rebuilt = before;
            for part in touched {
                match part {
                    Part::Lane(id) => rebuilt.set_lane(id, group.lanes()[usize::from(id)].clone()),
                    Part::Member(id) => rebuilt.set_member(id, group.members().get(&id).cloned()),
                }
            }
            prop_assert_eq!(&rebuilt, &group, "{:?} touches more than it says", request);
        }
    }
}
