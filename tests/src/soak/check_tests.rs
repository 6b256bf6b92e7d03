//! The checker finds what is wrong with a history, and nothing in a good one.

use super::*;
use crate::soak::history::Ending;

fn call(token: &str, key: &str, act: Act, outcome: Outcome) -> Call {
    Call { token: token.to_owned(), key: key.to_owned(), act, outcome }
}

const fn done(revision: u64, result: i64) -> Outcome {
    Outcome::Done { revision, changed: true, result }
}

fn change(revision: u64, key: &str, value: &str, old: Option<&str>) -> Sight {
    let (value, old) = (Some(value.to_owned()), old.map(str::to_owned));
    Sight::Change { revision, key: key.to_owned(), value, old }
}

/// Two sets, an append, two increments and a replacement, seen by two watchers.
fn good() -> History {
    let calls = vec![
        call("w1", "k", Act::Set, done(1, 0)),
        call("w2", "k", Act::Replace(1), done(2, 0)),
        call("w3", "l", Act::Append, done(3, 1)),
        call("w4", "n", Act::Incr(2), done(4, 2)),
        call("w5", "n", Act::Incr(3), Outcome::Unsure),
        call("w6", "k", Act::Set, Outcome::Refused),
        call("w7", "l", Act::Append, Outcome::Unsure),
    ];
    let sights = vec![
        change(1, "k", "w1", None),
        change(2, "k", "w2", Some("w1")),
        change(3, "l", "w3", None),
        change(4, "n", "2", None),
        change(5, "n", "5", Some("2")),
    ];
    let account = |name: &str| Account { name: name.to_owned(), merges: false, sights: sights.clone() };
    let values = [("k", "w2"), ("l", "w3"), ("n", "5")];
    let values = values.map(|(key, value)| (key.to_owned(), vec![value.to_owned()])).into();
    History {
        calls,
        accounts: vec![account("left"), account("right")],
        ending: Ending { revision: 5, values },
    }
}

/// Breaks the good history and tells what the checker says about it.
fn broken(how: impl FnOnce(&mut History)) -> String {
    let mut history = good();
    how(&mut history);
    violations(&history).join("\n")
}

fn end(history: &mut History, key: &str, items: &[&str]) {
    history.ending.values.insert(key.to_owned(), items.iter().map(|item| (*item).to_owned()).collect());
}

#[test]
fn a_good_history_is_good() {
    assert_eq!(violations(&good()), Vec::<String>::new());
}

#[test]
fn an_increment_that_is_lost_or_counted_twice_is_found() {
    assert!(
        broken(|history| end(history, "n", &["1"])).contains("the counter n is 1, and must be from 2 to 5")
    );
    assert!(broken(|history| end(history, "n", &["7"])).contains("must be from 2 to 5"));
    let repeated = broken(|history| history.calls[4].outcome = done(5, 4));
    assert!(repeated.contains("went from 2 to 4"), "{repeated}");
}

#[test]
fn two_writes_at_one_revision_are_found() {
    let twice = broken(|history| history.calls[3].outcome = done(3, 2));
    assert!(twice.contains("revision 3 was given to w3 and to w4"), "{twice}");
    assert!(broken(|history| history.ending.revision = 3).contains("after the end"));
}

#[test]
fn a_replacement_of_what_was_no_longer_there_is_found() {
    let stale = broken(|history| history.calls[1].act = Act::Replace(0));
    assert!(stale.contains("w2 replaced k of 0 at 2, but Some(1) was between"), "{stale}");
}

#[test]
fn a_write_that_was_refused_and_is_seen_is_found() {
    let seen = broken(|history| history.calls[1].outcome = Outcome::Refused);
    assert!(seen.contains("w2 was told Refused and is seen at {2}"), "{seen}");
    let elsewhere = broken(|history| history.calls[0].outcome = done(9, 0));
    assert!(elsewhere.contains("w1 was told"), "{elsewhere}");
    assert!(broken(|history| drop(history.calls.remove(0))).contains("nobody wrote \"w1\""));
}

#[test]
fn a_list_with_too_much_or_too_little_is_found() {
    assert!(broken(|history| end(history, "l", &[])).contains("w3 in the list l"));
    assert!(broken(|history| end(history, "l", &["w3", "w7", "w3"])).contains("is at [0, 2]"));
    assert!(broken(|history| end(history, "l", &["w7", "w3"])).contains("w3 in the list l"));
    assert!(broken(|history| end(history, "l", &["w3", "w7", "w7"])).contains("w7 in the list l"));
}

#[test]
fn a_watcher_that_misses_repeats_or_swaps_is_found() {
    let missed = broken(|history| drop(history.accounts[1].sights.remove(2)));
    assert!(missed.contains("right saw revision 4 after 2"), "{missed}");
    let late = broken(|history| drop(history.accounts[1].sights.pop()));
    assert!(late.contains("right ended at 4, not at 5"), "{late}");
    let twice = broken(|history| history.accounts[0].sights.insert(1, change(1, "k", "w1", Some("w1"))));
    assert!(twice.contains("left saw k of revision 1 twice"), "{twice}");
    let swapped = broken(|history| history.accounts[0].sights.swap(0, 1));
    assert!(swapped.contains("left saw revision 1 after 2"), "{swapped}");
}

#[test]
fn a_watcher_whose_values_are_wrong_is_found() {
    let other = broken(|history| history.accounts[1].sights[1] = change(2, "k", "w6", Some("w1")));
    assert!(other.contains("left saw k as Some(\"w2\") at 2, right as Some(\"w6\")"), "{other}");
    assert!(other.contains("right ended with another copy"), "{other}");
    let old = broken(|history| history.accounts[1].sights[1] = change(2, "k", "w2", None));
    assert!(old.contains("right: k was Some(\"w1\") before 2"), "{old}");
}

#[test]
fn a_resync_excuses_a_gap_but_no_loss() {
    let resynced = |lost: bool| {
        broken(|history| {
            let sights = &mut history.accounts[1].sights;
            sights.splice(1..3, [Sight::Resync { to: 3, lost }]);
            sights.insert(2, change(3, "k", "w2", Some("w1")));
            sights.insert(3, change(3, "l", "w3", None));
        })
    };
    assert_eq!(resynced(false), "");
    assert!(resynced(true).contains("right was told of a loss that was none"));
}

#[test]
fn a_watcher_that_merges_may_skip_but_not_go_back() {
    let skipping = |swap: bool| {
        broken(|history| {
            let account = &mut history.accounts[1];
            account.merges = true;
            account.sights.splice(0..2, [change(2, "k", "w2", None)]);
            if swap {
                account.sights.swap(0, 1);
            }
        })
    };
    assert_eq!(skipping(false), "");
    assert!(skipping(true).contains("right saw revision 2 after 3"));
}
