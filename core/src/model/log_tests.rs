//! What publishing means, one sentence a test.

use super::super::record::Draft;
use super::*;

fn item(seq: u64) -> Item {
    let draft = Draft { id: OpId { writer: 1, seq }, topic: "t", payload: b"xxxxxxxxxx", ..Draft::default() };
    Item { record: Record::pack(draft), dedup: "".into(), delay: 0 }
}

fn request(seqs: impl IntoIterator<Item = u64>) -> Publish {
    Publish { items: seqs.into_iter().map(item).collect(), ..Publish::default() }
}

fn done(generation: u64, fates: &[Fate]) -> Verdict {
    Verdict::Done { generation, fates: fates.to_vec() }
}

fn keep(max_len: u64, when_behind: WhenBehind) -> Retention {
    Retention { max_len, when_behind, ..Retention::default() }
}

fn plain(log: &mut Log, request: &Publish, now: u64) -> Verdict {
    log.publish(request, &Retention::default(), None, now)
}

#[test]
fn events_are_numbered_from_one_without_holes() {
    let mut log = Log::default();
    assert_eq!(
        plain(&mut log, &request([1, 2]), 1_000),
        done(1_000, &[Fate::Appended(1), Fate::Appended(2)])
    );
    assert_eq!(plain(&mut log, &request([3]), 1_001), done(1_000, &[Fate::Appended(3)]));
    let batches = log.read(2, 10);
    assert_eq!(
        batches.iter().map(|batch| (batch.first, batch.at, batch.last())).collect::<Vec<_>>(),
        [(2, 1_000, 2), (3, 1_001, 3)]
    );
    assert_eq!((log.since(1_001), log.since(9_999)), (3, 4));
}

#[test]
fn a_condition_that_does_not_hold_refuses_the_whole_request() {
    let mut log = Log::default();
    let missing = Publish { if_exists: true, ..request([1]) };
    assert_eq!(plain(&mut log, &missing, 1), Verdict::Refused(Refusal::Missing));
    let expects = |last| Publish { expect_last: Some(last), ..request([1, 2]) };
    assert_eq!(plain(&mut log, &expects(1), 1), Verdict::Refused(Refusal::LastDiffers));
    assert_eq!(log.generation(), 0);
    plain(&mut log, &expects(0), 1);
    assert_eq!(plain(&mut log, &expects(1), 1), Verdict::Refused(Refusal::LastDiffers));
    assert_eq!(log.last(), 2);
}

#[test]
fn an_id_that_was_seen_is_not_appended_again() {
    let mut log = Log::default();
    let with_id =
        |seq| Publish { items: [Item { dedup: "order-7".into(), ..item(seq) }].into(), ..Publish::default() };
    plain(&mut log, &with_id(1), 1);
    assert_eq!(plain(&mut log, &with_id(2), 2), done(1, &[Fate::Duplicate(1)]));
    assert_eq!(
        plain(&mut log, &with_id(3), DEDUP_WINDOW + 1),
        done(1, &[Fate::Duplicate(1)]),
        "within two windows"
    );
    assert_eq!(plain(&mut log, &with_id(4), 4 * DEDUP_WINDOW), done(1, &[Fate::Appended(2)]), "forgotten");
}

#[test]
fn a_request_that_was_done_before_is_not_done_twice() {
    let mut log = Log::default();
    let first = plain(&mut log, &request([1, 2]), 5);
    let again = |after| Publish { retry_after: Some(after), ..request([1, 2]) };
    assert_eq!(plain(&mut log, &again(EventId::default()), 6), first, "it had made the stream");
    plain(&mut log, &request([3]), 7);
    assert_eq!(plain(&mut log, &again(EventId { generation: 5, seq: 0 }), 8), first);
    let new = Publish { retry_after: Some(EventId { generation: 5, seq: 3 }), ..request([4]) };
    assert_eq!(plain(&mut log, &new, 9), done(5, &[Fate::Appended(4)]));
    let other = Publish { retry_after: Some(EventId { generation: 4, seq: 3 }), ..request([5]) };
    assert_eq!(plain(&mut log, &other, 9), Verdict::Refused(Refusal::Unknown), "another life of the stream");
    log.publish(&request([6]), &keep(2, WhenBehind::Skip), None, 10);
    let trimmed = Publish { retry_after: Some(EventId { generation: 5, seq: 0 }), ..request([9]) };
    assert_eq!(
        plain(&mut log, &trimmed, 11),
        Verdict::Refused(Refusal::Unknown),
        "the log does not reach back"
    );
}

#[test]
fn a_log_keeps_as_much_as_it_is_told() {
    let mut log = Log::default();
    for now in 1..=10 {
        log.publish(&request([now]), &keep(4, WhenBehind::Keep), None, now);
    }
    assert_eq!((log.first(), log.last()), (7, 10));
    let size = item(1).record.packed().len() as u64;
    let bytes = Retention { max_bytes: 2 * size, ..Retention::default() };
    log.publish(&request([11]), &bytes, None, 11);
    assert_eq!((log.first(), log.bytes()), (10, 2 * size));
    log.publish(&request([12]), &Retention { max_age: 5, ..Retention::default() }, None, 16);
    assert_eq!(log.first(), 11);
}

#[test]
fn what_a_group_has_not_settled_is_kept_skipped_or_refused() {
    for (when, fits, first) in
        [(WhenBehind::Keep, 8, 1), (WhenBehind::Reject, 2, 1), (WhenBehind::Skip, 20, 19)]
    {
        let mut log = Log::default();
        let mut accepted = 0;
        for now in 1..=20 {
            let verdict = log.publish(&request([now]), &keep(2, when), Some(0), now);
            accepted += u64::from(verdict != Verdict::Refused(Refusal::Full));
        }
        assert_eq!((accepted, log.first()), (fits, first), "{when:?}");
        let floor = Some(log.last());
        assert!(
            matches!(log.publish(&request([21]), &keep(2, when), floor, 21), Verdict::Done { .. }),
            "{when:?}"
        );
        assert_eq!(log.last() + 1 - log.first(), 2, "{when:?}: what is settled makes room");
    }
}

#[test]
fn a_delayed_event_is_appended_when_it_is_due() {
    let mut log = Log::default();
    let late = |seq, delay, dedup: &str| Item { delay, dedup: dedup.into(), ..item(seq) };
    let batch = Publish { items: [late(1, 50, "a"), item(2), late(3, 20, "")].into(), ..Publish::default() };
    assert_eq!(plain(&mut log, &batch, 1), done(1, &[Fate::Delayed, Fate::Appended(1), Fate::Delayed]));
    assert_eq!(log.due(), Some(21));
    let same = Publish { items: [late(4, 0, "a")].into(), ..Publish::default() };
    assert_eq!(
        plain(&mut log, &same, 2),
        done(1, &[Fate::Duplicate(0)]),
        "it is known before it is in the log"
    );
    assert_eq!(log.release(&Retention::default(), None, 20, 10), 0);
    assert_eq!(log.release(&Retention::default(), None, 60, 10), 2);
    let order: Vec<u64> =
        log.read(1, 10).iter().flat_map(|batch| &batch.records).map(|it| it.id().seq).collect();
    assert_eq!(order, [2, 3, 1]);
    assert_eq!(plain(&mut log, &same, 61), done(1, &[Fate::Duplicate(3)]));
}

#[test]
fn what_was_removed_leaves_its_number() {
    let mut log = Log::default();
    plain(&mut log, &request([1, 2, 3]), 1);
    assert!(log.remove(2) && !log.remove(2) && !log.remove(4));
    let records: Vec<bool> = log.read(1, 10)[0].records.iter().map(Record::is_removed).collect();
    assert_eq!(records, [false, true, false]);
}

#[test]
fn a_new_life_has_a_higher_generation_even_if_the_clock_goes_back() {
    let mut log = Log::default();
    assert!(!log.destroy());
    plain(&mut log, &request([1]), 100);
    assert!(log.destroy());
    assert_eq!((log.generation(), log.last()), (0, 0));
    assert_eq!(plain(&mut log, &request([2]), 50), done(101, &[Fate::Appended(1)]));
}
