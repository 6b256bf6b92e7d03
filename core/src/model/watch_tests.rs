//! Tests of `watch`: nothing is lost, however slow the watcher is.

use bytes::Bytes;
use proptest::prelude::*;
use std::collections::BTreeMap;

use super::*;
use crate::model::value::Shape;

fn set(key: &str, value: u64, old: Option<u64>, revision: u64) -> Event {
    let bytes = |number: u64| Bytes::from(number.to_string());
    let (key, value, old) = (key.into(), bytes(value), old.map(bytes));
    let (shape, old_shape) = (Shape::Plain, Shape::Plain);
    Event::Set { key, value, shape, old, old_shape, revision, coalesced: 1 }
}

#[test]
fn up_to_the_limit_events_stay_apart() {
    let mut queue = Queue::new(Filter::All, 3);
    for revision in 1..=3 {
        queue.push(&set("a", revision, None, revision));
    }
    assert_eq!(queue.len(), 3);
    assert!((1..=3).all(|revision| queue.pop().is_some_and(|event| event.revision() == revision)));
    assert!(queue.pop().is_none());
}

#[test]
fn beyond_it_a_key_has_one_event_with_the_first_old_and_the_last_value() {
    let mut queue = Queue::new(Filter::All, 1);
    queue.push(&set("a", 1, None, 1));
    queue.push(&set("b", 2, None, 2));
    queue.push(&set("a", 3, Some(1), 3));
    assert_eq!(queue.pop(), Some(set("b", 2, None, 2)));
    let Some(Event::Set { value, old, revision, coalesced, .. }) = queue.pop() else { panic!("no set") };
    assert_eq!((value, old, revision, coalesced), ("3".into(), None, 3, 2));
    assert!(queue.is_empty());
}

#[test]
fn a_clear_stands_for_what_it_made_pointless() {
    let mut queue = Queue::new(Filter::All, 1);
    queue.push(&set("a", 1, None, 1));
    queue.push(&set("b", 2, None, 2));
    queue.push(&Event::Clear { revision: 3, coalesced: 1 });
    assert_eq!(queue.pop(), Some(Event::Clear { revision: 3, coalesced: 3 }));
}

#[test]
fn keys_that_are_not_wanted_take_no_room() {
    let mut queue = Queue::new(Filter::Prefix("a".into()), 10);
    queue.push(&set("b", 1, None, 1));
    assert!(queue.is_empty());
    queue.push(&Event::Clear { revision: 2, coalesced: 1 });
    assert_eq!(queue.len(), 1);
}

proptest! {
    #[test]
    fn whoever_folds_the_events_knows_the_map(
        steps in prop::collection::vec((0_u8..5, 0_u8..8), 1..200),
        limit in 1_usize..20,
        patience in 1_usize..30,
    ) {
        let mut queue = Queue::new(Filter::All, limit);
        let (mut truth, mut copy) = (BTreeMap::new(), BTreeMap::new());
        let (mut counted, mut last) = (0, 0);
        let mut drain = |queue: &mut Queue, copy: &mut BTreeMap<String, Bytes>, most: usize| -> Result<(), TestCaseError> {
            for _ in 0..most {
                let Some(event) = queue.pop() else { break };
                prop_assert!(event.revision() > last);
                last = event.revision();
                counted += u64::from(event.coalesced());
                match event {
                    Event::Set { key, value, old, .. } => prop_assert_eq!(copy.insert(key.to_string(), value), old),
                    Event::Delete { key, old, .. } => prop_assert_eq!(copy.remove(&*key), old),
                    _ => copy.clear(),
                }
            }
            Ok(())
        };
        for (number, (key, what)) in (1_u64..).zip(&steps) {
            let (key, revision) = (key.to_string(), number);
            let (shape, old_shape) = (Shape::Plain, Shape::Plain);
            let event = match what {
                0 => { truth.clear(); Event::Clear { revision, coalesced: 1 } }
                1 | 2 => {
                    let (key, old) = (key.as_str().into(), truth.remove(&key));
                    Event::Delete { key, old, old_shape, revision, coalesced: 1 }
                }
                _ => {
                    let value = Bytes::from(number.to_string());
                    let old = truth.insert(key.clone(), value.clone());
                    let key = key.as_str().into();
                    Event::Set { key, value, shape, old, old_shape, revision, coalesced: 1 }
                }
            };
            queue.push(&event);
            prop_assert!(queue.len() <= limit + 6);
            if number % patience as u64 == 0 {
                drain(&mut queue, &mut copy, 3)?;
            }
        }
        drain(&mut queue, &mut copy, usize::MAX)?;
        prop_assert_eq!(copy, truth);
        prop_assert_eq!(counted, steps.len() as u64);
    }
}
