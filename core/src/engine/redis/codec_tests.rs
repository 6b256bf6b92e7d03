//! Properties of the decoders: what was written is read back, and nothing that a server or a stranger on the
//! channel sends makes them panic, or make more of it than it is.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn message(batch: &Batch) -> Vec<u8> {
    let mut out = Vec::new();
    for number in [batch.generation, batch.at, batch.changes[0].revision] {
        out.extend(number.to_be_bytes());
    }
    out.extend((batch.changes.len() as u32).to_be_bytes());
    for change in &batch.changes {
        let mut body = encode_id(change.id).to_vec();
        body.push(u8::from(change.matched));
        body.extend((change.effects.len() as u16).to_be_bytes());
        change.effects.iter().for_each(|effect| pack(effect, &mut body));
        out.extend((body.len() as u32).to_be_bytes());
        out.extend(body);
    }
    out
}

fn pack(effect: &Effect, out: &mut Vec<u8>) {
    let text = |bytes: &[u8], out: &mut Vec<u8>| {
        out.extend((bytes.len() as u32).to_be_bytes());
        out.extend(bytes);
    };
    let time = |deadline: &Option<Deadline>| deadline.map_or(0, Deadline::get).to_be_bytes();
    let code = match effect {
        Effect::Clear => b'C',
        Effect::Put { .. } => b'P',
        Effect::Append { .. } => b'A',
        Effect::Remove { .. } => b'R',
        Effect::Touch { .. } => b'T',
        Effect::Delete { .. } => b'D',
        Effect::Expire { .. } => b'E',
    };
    out.push(code);
    effect.key().inspect(|key| text(key.as_bytes(), out));
    match effect {
        Effect::Put { value, shape, deadline, .. } => {
            out.extend((value.len() as u32).to_be_bytes());
            out.extend(time(deadline));
            out.push(*shape as u8);
            out.extend(value);
        }
        Effect::Append { items, .. } | Effect::Remove { items, .. } => text(items, out),
        Effect::Touch { deadline, .. } => out.extend(time(deadline)),
        Effect::Clear | Effect::Delete { .. } | Effect::Expire { .. } => {}
    }
}

fn bytes() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..40).prop_map(Bytes::from)
}

fn deadline() -> impl Strategy<Value = Option<Deadline>> {
    any::<u64>().prop_map(Deadline::new)
}

fn effect() -> impl Strategy<Value = Effect> {
    let key = || ".{0,8}".prop_map(|text: String| Key::from(text));
    let shape = prop_oneof![Just(Shape::Plain), Just(Shape::List), Just(Shape::Set)];
    prop_oneof![
        Just(Effect::Clear),
        (key(), bytes(), shape, deadline()).prop_map(|(key, value, shape, deadline)| Effect::Put {
            key,
            value,
            shape,
            deadline
        }),
        (key(), bytes()).prop_map(|(key, items)| Effect::Append { key, items }),
        (key(), bytes()).prop_map(|(key, items)| Effect::Remove { key, items }),
        (key(), deadline()).prop_map(|(key, deadline)| Effect::Touch { key, deadline }),
        key().prop_map(|key| Effect::Delete { key }),
        key().prop_map(|key| Effect::Expire { key }),
    ]
}

fn batch() -> impl Strategy<Value = Batch> {
    let change = (any::<u64>(), any::<u64>(), any::<bool>(), vec(effect(), 0..4));
    (1..u64::MAX, any::<u64>(), 1..u64::MAX / 2, vec(change, 1..5)).prop_map(
        |(generation, at, first, changes)| {
            let changes = (first..).zip(changes).map(|(revision, (writer, seq, matched, effects))| Change {
                revision,
                id: OpId { writer, seq },
                matched,
                effects,
            });
            Batch { generation, at, changes: changes.collect() }
        },
    )
}

/// A message's bytes with some of them changed, cut off, doubled or put in.
fn bent() -> impl Strategy<Value = Vec<u8>> {
    let blow = (0..4_u8, any::<prop::sample::Index>(), any::<u8>());
    (batch(), vec(blow, 1..6)).prop_map(|(batch, blows)| {
        let mut bytes = message(&batch);
        for (kind, at, byte) in blows {
            let at = at.index(bytes.len().max(1)).min(bytes.len());
            match kind {
                0 if at < bytes.len() => bytes[at] = byte,
                1 => bytes.truncate(at),
                2 => bytes.extend_from_within(at..),
                _ => bytes.insert(at, byte),
            }
        }
        bytes
    })
}

/// What was made of a message takes no more parts than its bytes can have: a count in it reserves nothing.
fn is_no_more_than(batch: &Batch, bytes: usize) -> bool {
    let effects: usize = batch.changes.iter().map(|change| change.effects.len()).sum();
    let content = |effect: &Effect| match effect {
        Effect::Put { key, value, .. } => key.len() + value.len(),
        Effect::Append { key, items } | Effect::Remove { key, items } => key.len() + items.len(),
        effect => effect.key().map_or(0, |key| key.len()),
    };
    let content: usize = batch.changes.iter().flat_map(|change| &change.effects).map(content).sum();
    28 + batch.changes.len() * 23 + effects + content <= bytes && batch.changes.capacity() * 23 <= 4 * bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn a_message_comes_back_as_it_went_in(batch in batch()) {
        let decoded = decode_message(&message(&batch).into(), Keep::Values);
        prop_assert_eq!(decoded.ok(), Some(batch));
    }

    #[test]
    fn a_bent_message_is_an_error_or_another_message(bytes in bent()) {
        if let Ok(batch) = decode_message(&bytes.clone().into(), Keep::Message) {
            prop_assert!(is_no_more_than(&batch, bytes.len()));
        }
    }

    #[test]
    fn any_bytes_are_decoded_or_refused(bytes in vec(any::<u8>(), 0..300)) {
        let bytes = Bytes::from(bytes);
        if let Ok(batch) = decode_message(&bytes, Keep::Values) {
            prop_assert!(is_no_more_than(&batch, bytes.len()));
        }
        match decode_entry(&bytes) {
            Ok(Stored::Whole(entry)) => prop_assert_eq!(entry.value.len() + 17, bytes.len()),
            Ok(Stored::Long(..)) => prop_assert!(bytes.len() >= 21),
            Err(_) => {}
        }
        if let Ok(tip) = decode_tip(&bytes) {
            prop_assert_eq!(tip.codec.len() + 40, bytes.len());
        }
        prop_assert_eq!(key(&bytes).is_ok(), std::str::from_utf8(&bytes).is_ok());
    }

    #[test]
    fn a_message_of_any_claimed_size_reserves_nothing(head in vec(any::<u8>(), 24), count in any::<u32>()) {
        // Four billion changes are claimed and none follows.
        let bytes = [&head[..], &count.to_be_bytes()].concat();
        prop_assert!(decode_message(&bytes.into(), Keep::Values).is_err());
    }
}
