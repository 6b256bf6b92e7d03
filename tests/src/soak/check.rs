//! Whether a history could be that of one map that kept its promises.
//!
//! Every write has a token of its own, so what became of it can be told: a write that was acknowledged happened
//! once and at its revision, one that was refused never, one that is unsure at most once.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::history::{Account, Act, Call, History, Outcome, Sight};

/// What is wrong with a history, as sentences; empty if nothing is.
#[must_use]
pub fn violations(history: &History) -> Vec<String> {
    let mut found = Vec::new();
    revisions(history, &mut found);
    tokens(history, &mut found);
    counters(history, &mut found);
    replacements(history, &mut found);
    lists(history, &mut found);
    for account in &history.accounts {
        order(account, history.ending.revision, &mut found);
        copy(account, history, &mut found);
    }
    agreement(&history.accounts, &mut found);
    found
}

/// No revision is given to two writes.
fn revisions(history: &History, found: &mut Vec<String>) {
    let mut taken: HashMap<u64, &Call> = HashMap::new();
    for call in &history.calls {
        let Outcome::Done { revision, changed: true, .. } = call.outcome else { continue };
        if let Some(other) = taken.insert(revision, call) {
            found.push(format!("revision {revision} was given to {} and to {}", other.token, call.token));
        }
        if revision > history.ending.revision {
            found.push(format!("{} was acknowledged at {revision}, after the end", call.token));
        }
    }
}

/// What watchers saw of each write fits what its caller was told.
fn tokens(history: &History, found: &mut Vec<String>) {
    let mut seen: HashMap<&str, BTreeSet<u64>> = HashMap::new();
    for account in &history.accounts {
        for (revision, value) in changes(account) {
            seen.entry(value).or_default().insert(revision);
        }
    }
    for Call { token, act, outcome, .. } in &history.calls {
        if matches!(act, Act::Incr(_) | Act::Delete) {
            continue;
        }
        let at = seen.remove(token.as_str()).unwrap_or_default();
        let fits = match outcome {
            Outcome::Done { revision, changed: true, .. } => at.iter().all(|seen| seen == revision),
            Outcome::Done { changed: false, .. } | Outcome::Refused => at.is_empty(),
            Outcome::Unsure => at.len() <= 1,
        };
        if !fits {
            found.push(format!("{token} was told {outcome:?} and is seen at {at:?}"));
        }
    }
    // Counters show numbers, which are nobody's token.
    let strange = seen.keys().filter(|value| value.parse::<i64>().is_err());
    found.extend(strange.map(|value| format!("nobody wrote {value:?}, and it is seen")));
}

/// The changes of an account that were told one by one: revision and value.
fn changes(account: &Account) -> impl Iterator<Item = (u64, &str)> {
    let mut difference = 0;
    account.sights.iter().filter_map(move |sight| match sight {
        Sight::Resync { to, .. } => {
            difference = *to;
            None
        }
        Sight::Change { revision, value, .. } if *revision != difference => {
            Some((*revision, value.as_deref()?))
        }
        Sight::Change { .. } => None,
    })
}

/// Counters have all that was acknowledged, nothing that was refused, and of the rest no more than there was.
fn counters(history: &History, found: &mut Vec<String>) {
    let mut sums: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
    let mut results: BTreeMap<&str, Vec<(u64, i64, i64)>> = BTreeMap::new();
    for call in &history.calls {
        let Act::Incr(by) = call.act else { continue };
        let (least, most) = sums.entry(&call.key).or_default();
        match call.outcome {
            Outcome::Done { revision, result, .. } => {
                (*least, *most) = (*least + by, *most + by);
                results.entry(&call.key).or_default().push((revision, result, by));
            }
            Outcome::Unsure => *most += by,
            Outcome::Refused => {}
        }
    }
    for (key, (least, most)) in sums {
        let value = history.ending.values.get(key).and_then(|items| items.first()?.parse().ok()).unwrap_or(0);
        if !(least..=most).contains(&value) {
            found.push(format!("the counter {key} is {value}, and must be from {least} to {most}"));
        }
    }
    for (key, mut results) in results {
        results.sort_unstable();
        for pair in results.windows(2) {
            let ((_, before, _), (revision, after, by)) = (pair[0], pair[1]);
            if after < before + by {
                found.push(format!("the counter {key} went from {before} to {after} at {revision} by {by}"));
            }
        }
    }
}

/// A write that was made for one revision of its key found that one: nobody wrote between.
fn replacements(history: &History, found: &mut Vec<String>) {
    let mut writes: HashMap<&str, BTreeSet<u64>> = HashMap::new();
    for call in &history.calls {
        if let Outcome::Done { revision, changed: true, .. } = call.outcome {
            writes.entry(&call.key).or_default().insert(revision);
        }
    }
    for call in &history.calls {
        let (Act::Replace(at), Outcome::Done { revision, .. }) = (call.act, call.outcome) else { continue };
        let between = writes.get(call.key.as_str()).and_then(|writes| writes.range(at + 1..).next());
        if between.is_none_or(|first| *first != revision) {
            let (token, key) = (&call.token, &call.key);
            found.push(format!("{token} replaced {key} of {at} at {revision}, but {between:?} was between"));
        }
    }
}

/// Lists hold what was acknowledged once and where the answer said, the unsure at most once, the refused never.
fn lists(history: &History, found: &mut Vec<String>) {
    let mut places: HashMap<(&str, &str), Vec<usize>> = HashMap::new();
    for (key, items) in &history.ending.values {
        for (place, item) in items.iter().enumerate() {
            places.entry((key, item)).or_default().push(place);
        }
    }
    // Who was loaded anew while it wrote was told the length of what it loaded.
    let resynced = |sight: &Sight| matches!(sight, Sight::Resync { .. });
    let resynced = history.accounts.iter().any(|account| account.sights.iter().any(resynced));
    for call in history.calls.iter().filter(|call| call.act == Act::Append) {
        let at = places.get(&(call.key.as_str(), call.token.as_str())).map_or(&[][..], Vec::as_slice);
        let fits = match call.outcome {
            Outcome::Done { result, .. } => {
                at.len() == 1
                    && at.iter().all(|place| {
                        let length = *place as i64 + 1;
                        length == result || resynced && length < result
                    })
            }
            Outcome::Unsure => at.len() <= 1,
            Outcome::Refused => at.is_empty(),
        };
        if !fits {
            let Call { token, key, outcome, .. } = call;
            found.push(format!("{token} in the list {key} was told {outcome:?} and is at {at:?}"));
        }
    }
}

/// Every revision was seen, each once and in order, unless a resync or the merging says otherwise.
fn order(account: &Account, end: u64, found: &mut Vec<String>) {
    let (mut last, mut keys) = (0, BTreeSet::new());
    for sight in &account.sights {
        match sight {
            Sight::Resync { to, lost } => {
                if *lost || *to < last {
                    found.push(format!("{} was told of a loss that was none: {last} to {to}", account.name));
                }
                (last, keys) = (*to, BTreeSet::new());
            }
            Sight::Change { revision, key, value, .. } => {
                let follows =
                    *revision == last || *revision == last + 1 || account.merges && *revision > last;
                if !follows {
                    found.push(format!("{} saw revision {revision} after {last}", account.name));
                }
                if *revision != last {
                    keys.clear();
                }
                last = *revision;
                if !keys.insert((key, value)) && !account.merges {
                    found.push(format!("{} saw {key} of revision {revision} twice", account.name));
                }
            }
        }
    }
    if last != end {
        found.push(format!("{} ended at {last}, not at {end}", account.name));
    }
}

/// A copy that is kept from the events alone fits their old values, and in the end what the server holds.
fn copy(account: &Account, history: &History, found: &mut Vec<String>) {
    let mut copy: BTreeMap<&str, &str> = BTreeMap::new();
    for sight in &account.sights {
        let Sight::Change { revision, key, value, old } = sight else { continue };
        let before = match value {
            Some(value) => copy.insert(key, value),
            None => copy.remove(key.as_str()),
        };
        if before != old.as_deref() {
            let name = &account.name;
            found.push(format!(
                "{name}: {key} was {before:?} before {revision}, and is said to have been {old:?}"
            ));
        }
    }
    let ending = history.ending.values.iter();
    let ending = ending.filter_map(|(key, items)| Some((key.as_str(), items.last()?.as_str()))).collect();
    if copy != ending {
        let different = copy.iter().find(|(key, value)| ending.get(*key) != Some(value));
        found.push(format!("{} ended with another copy than the server: {different:?}", account.name));
    }
}

/// All watchers that saw a revision one by one saw the same.
fn agreement(accounts: &[Account], found: &mut Vec<String>) {
    let mut told: HashMap<(u64, &str), (&str, &Option<String>)> = HashMap::new();
    for account in accounts.iter().filter(|account| !account.merges) {
        let mut difference = 0;
        let mut last_of: HashMap<(u64, &str), &Option<String>> = HashMap::new();
        for sight in &account.sights {
            match sight {
                Sight::Resync { to, .. } => difference = *to,
                Sight::Change { revision, key, value, .. } if *revision != difference => {
                    last_of.insert((*revision, key), value);
                }
                Sight::Change { .. } => {}
            }
        }
        for (place, value) in last_of {
            let (first, other) = told.entry(place).or_insert((&account.name, value));
            if *other != value {
                let (name, (revision, key)) = (&account.name, place);
                found.push(format!("{first} saw {key} as {other:?} at {revision}, {name} as {value:?}"));
            }
        }
    }
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
