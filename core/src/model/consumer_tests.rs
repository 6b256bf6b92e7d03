//! How a consumer hands out what it holds, one sentence a test, and the same under random steps.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn consumer(max_in_flight: usize) -> Consumer {
    Consumer::new(Rules { ack_wait: 100, max_in_flight, prefetch: 10 })
}

fn seqs(consumer: &mut Consumer, now: u64) -> Vec<u64> {
    std::iter::from_fn(|| consumer.next(now)).map(|handed| handed.place.1).collect()
}

#[test]
fn no_more_are_out_than_allowed() {
    let mut consumer = consumer(2);
    (1..=4).for_each(|seq| consumer.taken((0, seq), 1, None));
    assert_eq!((seqs(&mut consumer, 0), consumer.in_flight(), consumer.wants()), (vec![1, 2], 2, 8));
    assert!(consumer.settled((0, 1)) && !consumer.settled((0, 1)));
    assert_eq!(seqs(&mut consumer, 0), [3]);
}

#[test]
fn an_event_that_is_not_answered_expires_unless_there_is_progress() {
    let mut consumer = consumer(9);
    (1..=2).for_each(|seq| consumer.taken((0, seq), 3, None));
    seqs(&mut consumer, 0);
    assert_eq!(consumer.deadline(), Some(100));
    assert!(consumer.progress((0, 2), 50));
    assert_eq!(consumer.expired(99), []);
    assert_eq!(consumer.expired(100), [Handed { place: (0, 1), count: 3 }]);
    assert!(!consumer.progress((0, 1), 100), "its time is over");
    assert_eq!(
        (consumer.answered((0, 1)), consumer.answered((0, 2))),
        (Answered::Again, Answered::Counts(3))
    );
    assert_eq!((consumer.deadline(), consumer.in_flight()), (None, 2));
}

#[test]
fn what_is_answered_does_not_expire_and_stays_in_flight_until_it_is_settled() {
    let mut consumer = consumer(1);
    (1..=2).for_each(|seq| consumer.taken((0, seq), 1, None));
    seqs(&mut consumer, 0);
    assert_eq!(consumer.answered((0, 1)), Answered::Counts(1));
    assert_eq!((consumer.answered((0, 1)), consumer.answered((0, 2))), (Answered::Again, Answered::TooLate));
    assert_eq!((consumer.expired(1_000), seqs(&mut consumer, 1_000)), (vec![], vec![]));
    assert!(consumer.settled((0, 1)));
    assert_eq!(seqs(&mut consumer, 1_000), [2]);
}

#[test]
fn progress_postpones_the_end() {
    let mut consumer = consumer(9);
    consumer.taken((0, 2), 3, None);
    seqs(&mut consumer, 0);
    assert!(consumer.progress((0, 2), 50));
    assert_eq!(consumer.expired(150), [Handed { place: (0, 2), count: 3 }]);
    assert_eq!(consumer.deadline(), None);
}

#[test]
fn events_of_a_key_go_one_after_the_other() {
    let mut consumer = consumer(9);
    for (seq, key) in [(1, 7), (2, 8), (3, 7), (4, 7)] {
        consumer.taken((0, seq), 1, Some(key));
    }
    assert_eq!(seqs(&mut consumer, 0), [1, 2]);
    consumer.settled((0, 2));
    assert_eq!(seqs(&mut consumer, 0), [0_u64; 0]);
    consumer.returned((0, 1), Some(7));
    assert_eq!(seqs(&mut consumer, 0), [0_u64; 0], "the first is to come again before the next");
    consumer.taken((0, 1), 2, Some(7));
    assert_eq!(seqs(&mut consumer, 0), [1]);
    consumer.settled((0, 1));
    assert_eq!(seqs(&mut consumer, 0), [3]);
}

#[test]
fn a_lane_that_is_given_up_hands_out_nothing_more() {
    let mut consumer = consumer(9);
    (1..=2).for_each(|seq| consumer.taken((3, seq), 1, Some(seq)));
    consumer.next(0);
    consumer.drain(3);
    assert_eq!((consumer.next(0), consumer.is_busy(3), consumer.is_busy(4)), (None, true, false));
    assert_eq!(consumer.unread(3).collect::<Vec<_>>(), [2]);
    consumer.keep(3);
    assert_eq!(consumer.next(0).map(|handed| handed.place), Some((3, 2)), "it is kept after all");
    consumer.drop_lane(3);
    assert!(!consumer.is_busy(3) && consumer.deadline().is_none());
}

#[test]
fn the_last_pause_is_for_all_that_follow() {
    assert_eq!([1, 2, 3, 9].map(|count| due(&[10, 50], count, 1_000)), [1_010, 1_050, 1_050, 1_050]);
    assert_eq!(due(&[], 1, 1_000), 1_000);
}

proptest! {
    #[test]
    fn of_a_key_the_oldest_unsettled_goes_first(steps in prop::collection::vec((0_u8..5, any::<u64>()), 0..150)) {
        let mut consumer = consumer(4);
        let (mut taken, mut unsettled, mut out) = (0, BTreeMap::new(), BTreeMap::new());
        for (now, (step, pick)) in (0..).step_by(9).zip(steps) {
            let chosen = out.keys().nth(pick as usize % out.len().max(1)).copied();
            match (step, chosen) {
                (0, _) => {
                    taken += 1;
                    unsettled.insert(taken, pick % 3);
                    consumer.taken((0, taken), 1, Some(pick % 3));
                }
                (1, _) => {
                    if let Some(handed) = consumer.next(now) {
                        let seq = handed.place.1;
                        let older = unsettled.range(..seq).any(|(_, key)| *key == unsettled[&seq]);
                        prop_assert!(!older && !out.contains_key(&seq), "{} goes too early", seq);
                        out.insert(seq, now + 100);
                    }
                }
                (2, Some(seq)) => {
                    prop_assert!(consumer.settled((0, seq)));
                    out.remove(&seq);
                    unsettled.remove(&seq);
                }
                (3, Some(seq)) => {
                    out.remove(&seq);
                    consumer.returned((0, seq), Some(unsettled[&seq]));
                    consumer.taken((0, seq), 2, Some(unsettled[&seq]));
                }
                _ => for handed in consumer.expired(now) {
                    let seq = handed.place.1;
                    prop_assert!(out.remove(&seq).is_some_and(|deadline| deadline <= now));
                    consumer.returned((0, seq), Some(unsettled[&seq]));
                    consumer.taken((0, seq), 2, Some(unsettled[&seq]));
                },
            }
            prop_assert_eq!(consumer.in_flight(), out.len());
            prop_assert!(out.len() <= 4);
        }
    }
}
