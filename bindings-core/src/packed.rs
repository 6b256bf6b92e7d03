//! Plain values, events and entries as bytes, little-endian.
//!
//! A value is a byte that says what it is, and then: nothing (0 nil, 1 false, 2 true), eight bytes (3 a whole number,
//! also a count or a moment; 4 a float), a `u32` length and that many bytes (5 text, 6 bytes, 7 events, entries and items), a
//! shape and then a length and bytes (8 a value), a `u32` number of values and those (9 a list).
//! An object is a whole number that whoever packs it gives out; among arguments it has a tag of its own, 10. Items of
//! readers and sinks are as [`items`] says.
//!
//! An event is `kind u8, detail u8, old shape u8, flags u8, coalesced u32, revision u64, deadline u64, key length
//! u32, value length u32, old length u32, 0 u32`, then the bytes of key, value and old. `detail` is the value's shape,
//! or the reason of a resync; flag 1: there is an old value. The value of a resync is `from.generation, from.revision,
//! to.generation` as u64. An entry is the event that set it, with its deadline (0: none).

use std::num::NonZeroU64;

use ponos::{Bytes, Entry, Error, Event, Position, Reason, Result};

use crate::items;
use crate::plain::{Object, Plain};

/// The size of what stands before an event's bytes.
pub const HEAD: usize = 40;

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
pub fn events(events: &[Event]) -> Vec<u8> {
    let mut out = Vec::with_capacity(events.len() * (HEAD + 48));
    for event in events {
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
        let flags = [kind(event), detail, event.old_shape() as u8, u8::from(old.is_some())];
        let head = Head { flags, coalesced: event.coalesced(), revision: event.revision(), deadline: 0 };
        head.write(&mut out, [key.as_bytes(), value, old.map_or(&[], |old| old)]);
    }
    out
}

/// Packs entries.
#[must_use]
pub fn entries<'a>(entries: impl IntoIterator<Item = (&'a str, &'a Entry)>) -> Vec<u8> {
    let mut out = Vec::new();
    for (key, entry) in entries {
        let deadline = entry.deadline.map_or(0, NonZeroU64::get);
        let flags = [0, entry.shape as u8, 0, 0];
        let head = Head { flags, coalesced: 1, revision: entry.revision, deadline };
        head.write(&mut out, [key.as_bytes(), &entry.value, &[]]);
    }
    out
}

struct Head {
    flags: [u8; 4],
    coalesced: u32,
    revision: u64,
    deadline: u64,
}

impl Head {
    fn write(&self, out: &mut Vec<u8>, parts: [&[u8]; 3]) {
        out.extend_from_slice(&self.flags);
        out.extend_from_slice(&self.coalesced.to_le_bytes());
        out.extend_from_slice(&self.revision.to_le_bytes());
        out.extend_from_slice(&self.deadline.to_le_bytes());
        parts.iter().for_each(|part| out.extend_from_slice(&length(part.len())));
        out.extend_from_slice(&[0; 4]);
        parts.iter().for_each(|part| out.extend_from_slice(part));
    }
}

/// Keys, values and messages have limits far below 4 GiB.
pub(crate) fn length(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes()
}

fn reason_number(reason: Reason) -> u8 {
    let at = REASONS.iter().position(|name| *name == reason.as_str());
    at.and_then(|at| u8::try_from(at).ok()).unwrap_or(u8::MAX)
}

fn positions(from: Position, to: Position) -> Vec<u8> {
    [from.generation, from.revision, to.generation].iter().flat_map(|number| number.to_le_bytes()).collect()
}

/// Packs a value; `lend` gives a number for each object.
pub fn pack(value: Plain, out: &mut Vec<u8>, lend: &mut impl FnMut(Object) -> u64) {
    match value {
        Plain::Nil => out.push(0),
        Plain::Bool(flag) => out.push(1 + u8::from(flag)),
        // A revision or a counter: its place says whether it has a sign.
        Plain::Int(number) => pack_eight(out, 3, (number as u64).to_le_bytes()),
        Plain::Count(number) => pack_eight(out, 3, (number as u64).to_le_bytes()),
        Plain::Time(ms) => pack_eight(out, 3, ms.to_le_bytes()),
        Plain::Object(object) => pack_eight(out, 3, lend(object).to_le_bytes()),
        Plain::Float(number) => pack_eight(out, 4, number.to_le_bytes()),
        Plain::Text(text) => pack_bytes(out, &[5], text.as_bytes()),
        Plain::Bytes(bytes) => pack_bytes(out, &[6], &bytes),
        Plain::Events(list) => pack_bytes(out, &[7], &events(&list)),
        Plain::Items(list) => pack_bytes(out, &[7], &items::pack(&list)),
        Plain::Merged(list) => pack_bytes(out, &[7], &items::pack_merged(list)),
        Plain::Entries(list) => {
            pack_bytes(out, &[7], &entries(list.iter().map(|(key, entry)| (&**key, entry))));
        }
        Plain::Value(bytes, shape) => pack_bytes(out, &[8, shape as u8], &bytes),
        Plain::List(list) => {
            out.push(9);
            out.extend_from_slice(&length(list.len()));
            list.into_iter().for_each(|each| pack(each, out, lend));
        }
        // Only arguments have names, or have no place.
        Plain::Record(_) | Plain::Other(_) => out.push(0),
    }
}

fn pack_eight(out: &mut Vec<u8>, tag: u8, bytes: [u8; 8]) {
    out.push(tag);
    out.extend_from_slice(&bytes);
}

fn pack_bytes(out: &mut Vec<u8>, tag: &[u8], bytes: &[u8]) {
    out.extend_from_slice(tag);
    out.extend_from_slice(&length(bytes.len()));
    out.extend_from_slice(bytes);
}

/// Reads values one behind the other, as a caller packs its arguments. Whole numbers are signed, but for tag 7,
/// which is one that is not. `object` gives the object for a number.
///
/// # Errors
/// `Invalid` for text that is not UTF-8, `Internal` for anything that is not packed as said.
pub fn unpack(mut bytes: &[u8], object: impl Fn(u64) -> Object) -> Result<Vec<Plain>> {
    let mut values = Vec::with_capacity(4);
    while !bytes.is_empty() {
        values.push(unpack_one(&mut bytes, &object, 0)?);
    }
    Ok(values)
}

/// How deep lists are in lists at most: a header of a message of a step.
const DEEP: u8 = 8;

fn unpack_one(bytes: &mut &[u8], object: &impl Fn(u64) -> Object, depth: u8) -> Result<Plain> {
    let [tag] = take(bytes)?;
    Ok(match tag {
        0 => Plain::Nil,
        1 | 2 => Plain::Bool(tag == 2),
        3 => Plain::Int(i64::from_le_bytes(take(bytes)?).into()),
        4 => Plain::Float(f64::from_le_bytes(take(bytes)?)),
        5 => Plain::Text(text(take_bytes(bytes)?)?.into()),
        6 => Plain::Bytes(Bytes::copy_from_slice(take_bytes(bytes)?)),
        7 => Plain::Int(u64::from_le_bytes(take(bytes)?).into()),
        9 if depth < DEEP => {
            let count = u32::from_le_bytes(take(bytes)?);
            Plain::List((0..count).map(|_| unpack_one(bytes, object, depth + 1)).collect::<Result<_>>()?)
        }
        10 => Plain::Object(object(u64::from_le_bytes(take(bytes)?))),
        _ => return Err(torn()),
    })
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N]> {
    let (head, rest) = bytes.split_first_chunk().ok_or_else(torn)?;
    *bytes = rest;
    Ok(*head)
}

fn take_bytes<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8]> {
    let length = u32::from_le_bytes(take(bytes)?) as usize;
    let (head, rest) = bytes.split_at_checked(length).ok_or_else(torn)?;
    *bytes = rest;
    Ok(head)
}

fn text(bytes: &[u8]) -> Result<String> {
    let text = std::str::from_utf8(bytes).map(str::to_owned);
    text.map_err(|_| Error::invalid(format!("{:?} is not UTF-8", String::from_utf8_lossy(bytes))))
}

fn torn() -> Error {
    Error::internal("the arguments are not as this version of the core reads them")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ponos::Shape;

    fn none(_: u64) -> Object {
        Object::Nothing
    }

    #[test]
    fn an_event_is_its_head_and_its_bytes() {
        let (value, old, shape) = ("value".into(), Some("old".into()), Shape::List);
        let (key, old_shape) = ("kéy".into(), Shape::Set);
        let event = Event::Set { key, value, shape, old, old_shape, revision: 7, coalesced: 2 };
        let packed = events(&[event, Event::Synced { revision: 8 }]);
        assert_eq!(&packed[..8], &[0, 1, 2, 1, 2, 0, 0, 0]);
        assert_eq!(&packed[HEAD..HEAD + 12], "kéyvalueold".as_bytes());
        assert_eq!(packed.len(), 2 * HEAD + 12);
        assert_eq!(packed[HEAD + 12], 4);
    }

    #[test]
    fn an_entry_is_the_event_that_set_it() {
        let (value, deadline) = ("value".into(), NonZeroU64::new(9));
        let entry = Entry { value, revision: 7, deadline, shape: Shape::Plain };
        let packed = entries([("k", &entry)]);
        assert_eq!((packed[8], packed[16], packed[24]), (7, 9, 1));
        assert_eq!(&packed[HEAD..], b"kvalue");
    }

    #[test]
    fn arguments_come_out_as_they_went_in() {
        let list = Plain::List(vec![Plain::Bytes("b".into()), Plain::Float(0.5), Plain::Nil]);
        let mut packed = Vec::new();
        for value in [list, Plain::Int(-7), true.into(), "text".into()] {
            pack(value, &mut packed, &mut |_| 0);
        }
        let shown = format!("{:?}", unpack(&packed, none).expect("as packed"));
        assert_eq!(shown, r#"[List([Bytes(b"b"), Float(0.5), Nil]), Int(-7), Bool(true), Text("text")]"#);
    }

    #[test]
    fn what_is_torn_or_no_text_is_an_error() {
        for torn in [&[3, 0][..], &[5, 9, 0, 0, 0], &[42], &[9, 255, 255, 255, 255]] {
            assert_eq!(unpack(torn, none).expect_err("torn").kind(), ponos::ErrorKind::Internal, "{torn:?}");
        }
        let deep = [9, 1, 0, 0, 0].repeat(9);
        assert_eq!(unpack(&deep, none).expect_err("deep").kind(), ponos::ErrorKind::Internal);
        assert!(unpack(&[5, 1, 0, 0, 0, 255], none).expect_err("no text").message().contains("UTF-8"));
    }
}
