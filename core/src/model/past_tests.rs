//! Tests of `past`: the events of the log lead where the changes led.

use proptest::prelude::*;

use super::*;
use crate::model::op::{Condition, Context, Op};
use crate::model::txn::{self, Write};
use crate::model::value::OpId;

fn item() -> impl Strategy<Value = Bytes> {
    "[a-c]{1,2}".prop_map(Bytes::from)
}

fn write() -> impl Strategy<Value = Write> {
    let shape = prop_oneof![Just(Shape::List), Just(Shape::Set)];
    let items = || prop::collection::vec(item(), 1..3);
    let op = prop_oneof![
        item().prop_map(|value| Op::Set { value, ttl: None, when: Condition::Always }),
        (shape.clone(), items()).prop_map(|(shape, items)| Op::Add { shape, unique: false, items }),
        (shape, items()).prop_map(|(shape, items)| Op::Remove { shape, items }),
        Just(Op::Delete { when: Condition::Always }),
        Just(Op::Touch { ttl: Some(1_000_000) }),
    ];
    let key = "[x-z]".prop_map(|key: String| Key::from(key));
    prop_oneof![20 => (key, op).prop_map(|(key, op)| Write::One { key, op }), 1 => Just(Write::Clear)]
}

/// What a watcher knows of a map, after an event.
fn follow(state: &mut HashMap<Key, (Bytes, Shape)>, event: &Event) {
    match event {
        Event::Set { key, value, shape, .. } => {
            state.insert(key.clone(), (value.clone(), *shape));
        }
        Event::Clear { .. } => state.clear(),
        event => drop(event.key().and_then(|key| state.remove(key))),
    }
}

fn values(entries: &Entries) -> HashMap<Key, (Bytes, Shape)> {
    entries.iter().map(|(key, entry)| (key.clone(), (entry.value.clone(), entry.shape))).collect()
}

proptest! {
    #[test]
    fn the_events_of_the_log_lead_where_the_changes_led(
        writes in prop::collection::vec(write(), 1..60),
        from in 0_usize..30,
    ) {
        let (mut entries, mut past, mut told) = (Entries::default(), Past::default(), 0);
        let mut state = HashMap::new();
        for (index, write) in writes.iter().enumerate() {
            if index == from {
                state = values(&entries);
            }
            let context = Context { now: 1, max_value: 1_000 };
            let effects = txn::eval(write, &entries, context).map(|decision| decision.effects).unwrap_or_default();
            let change = Change { revision: index as u64 + 1, id: OpId::default(), matched: true, effects };
            change.effects.iter().for_each(|effect| drop(entries.apply(effect, change.revision)));
            if index >= from {
                past.push(&change);
                told += change.effects.iter().filter(|effect| !matches!(effect, Effect::Touch { .. })).count();
            }
        }
        prop_assume!(from < writes.len());
        let events = past.finish(&entries, 1);
        events.iter().for_each(|event| follow(&mut state, event));
        prop_assert_eq!(state, values(&entries));
        prop_assert_eq!(events.iter().map(|event| event.coalesced() as usize).sum::<usize>(), told);
        prop_assert!(events.is_sorted_by_key(Event::revision));
    }
}
