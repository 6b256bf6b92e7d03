//! Events as one buffer.
//!
//! Little-endian, one behind the other: `kind u8, detail u8, flags u8, 0 u8, coalesced u32, revision u64,
//! key length u32, value length u32, old length u32, 0 u32`, then the bytes of key, value and old. `detail` is the
//! value's shape, or the reason of a resync; flag 1: there is an old value. The value of a resync is
//! `from.generation, from.revision, to.generation` as u64.

use ponos::{Event, Position, Reason};

/// The size of what stands before an event's bytes.
pub const HEAD: usize = 32;

/// The number of an event's kind.
#[must_use]
pub const fn kind(event: &Event) -> u8 {
    match event {
        Event::Set { .. } => 0,
        Event::Delete { .. } => 1,
        Event::Expire { .. } => 2,
        Event::Clear { .. } => 3,
        Event::Synced { .. } => 4,
        _ => 5,
    }
}

/// The names of the kinds, by number.
pub const KINDS: [&str; 6] = ["set", "delete", "expire", "clear", "synced", "resynced"];

/// The names of the reasons of a resync, by number.
pub const REASONS: [&str; 3] =
    [Reason::Trimmed.as_str(), Reason::Forked.as_str(), Reason::NewGeneration.as_str()];

/// Packs events.
#[must_use]
pub fn pack(events: &[Event]) -> Vec<u8> {
    let mut out = Vec::with_capacity(events.len() * (HEAD + 48));
    for event in events {
        pack_one(event, &mut out);
    }
    out
}

fn pack_one(event: &Event, out: &mut Vec<u8>) {
    let resync;
    let (detail, value): (u8, &[u8]) = match event {
        Event::Set { shape, value, .. } => (*shape as u8, value),
        Event::Resynced { reason, from, to } => {
            resync = positions(*from, *to);
            (reason_number(*reason), &resync)
        }
        _ => (0, &[]),
    };
    let key = event.key().map_or("", |key| key);
    let old = event.old();
    out.extend_from_slice(&[kind(event), detail, u8::from(old.is_some()), 0]);
    out.extend_from_slice(&event.coalesced().to_le_bytes());
    out.extend_from_slice(&event.revision().to_le_bytes());
    let old = old.map_or(&[][..], |old| old);
    for length in [key.len(), value.len(), old.len(), 0] {
        // Keys and values have limits far below 4 GiB.
        out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
    }
    for bytes in [key.as_bytes(), value, old] {
        out.extend_from_slice(bytes);
    }
}

fn reason_number(reason: Reason) -> u8 {
    let at = REASONS.iter().position(|name| *name == reason.as_str());
    at.and_then(|at| u8::try_from(at).ok()).unwrap_or(u8::MAX)
}

fn positions(from: Position, to: Position) -> Vec<u8> {
    [from.generation, from.revision, to.generation].iter().flat_map(|number| number.to_le_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ponos::Shape;

    #[test]
    fn an_event_is_its_head_and_its_bytes() {
        let (value, old) = ("value".into(), Some("old".into()));
        let event =
            Event::Set { key: "kéy".into(), value, shape: Shape::List, old, revision: 7, coalesced: 2 };
        let packed = pack(&[event, Event::Synced { revision: 8 }]);
        assert_eq!(&packed[..8], &[0, 1, 1, 0, 2, 0, 0, 0]);
        assert_eq!(&packed[HEAD..HEAD + 12], "kéyvalueold".as_bytes());
        assert_eq!(packed.len(), 2 * HEAD + 12);
        assert_eq!(packed[HEAD + 12], 4);
    }
}
