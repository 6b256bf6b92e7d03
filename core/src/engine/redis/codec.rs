//! Bytes on the wire and in the server's keys, as the scripts in `lua/` write and read them.
//!
//! All numbers are big-endian. A message is `generation u64, time u64, first revision u64, count u32`, then each
//! change: `length u32, id 16 bytes, matched u8, effects u16` and the effects. An entry is `revision u64,
//! deadline u64, shape u8`, value. Decoders take any bytes and give an error for what is not of this form.

use bytes::Bytes;

use super::args::Args;
use super::resp;
use crate::engine::{Request, Tip};
use crate::error::{Error, Result};
use crate::model::change::{Batch, Change, Effect};
use crate::model::items;
use crate::model::number;
use crate::model::op::{Condition, Op};
use crate::model::txn::{Txn, Write};
use crate::model::value::{Deadline, Entry, Key, OpId, Position, Shape};

/// Adds a write to the arguments of `write.lua`.
pub(super) fn encode_request(request: &Request, args: &mut Args) {
    let id = encode_id(request.id);
    if let Some(after) = request.retry_after {
        args.push_parts(&[b"r", &id]);
        args.push_number(after.generation);
        args.push_number(after.revision);
    }
    let begin = |code: u8, args: &mut Args| match request.retry_after {
        Some(_) => args.push([code]),
        None => args.push_parts(&[&[code], &id]),
    };
    match &request.write {
        Write::One { key, op } => {
            begin(code(op), args);
            encode_op(key, op, args);
        }
        Write::Clear | Write::Destroy => begin(b'C', args),
        Write::Txn(txn) => {
            begin(b't', args);
            encode_txn(txn, args);
        }
    }
}

/// The key and value of a write that sets it whatever it holds, and that is surely not applied yet.
pub(super) fn plain_set(request: &Request) -> Option<(&Key, &Bytes)> {
    match request {
        Request {
            write: Write::One { key, op: Op::Set { value, ttl: None, when: Condition::Always } },
            retry_after: None,
            ..
        } => Some((key, value)),
        _ => None,
    }
}

/// Adds such a write to the arguments of `set.lua`: the key, and its change in two parts.
pub(super) fn encode_set(request: &Request, args: &mut Args) {
    let Some((key, value)) = plain_set(request) else { return };
    let key = key.as_bytes();
    let length = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX).to_be_bytes();
    let change = length(CHANGE + PUT + key.len() + value.len());
    args.push(key);
    let id = encode_id(request.id);
    args.push_parts(&[&change, &id, &[1, 0, 1, b'P'], &length(key.len()), key, &length(value.len())]);
    args.push_parts(&[&[0; 8], &[Shape::Plain as u8], value]);
}

/// What a change takes beside its effects and its length.
const CHANGE: usize = 19;
/// What a put takes beside its key and value.
const PUT: usize = 18;

/// The id as the scripts keep it.
pub(super) fn encode_id(id: OpId) -> [u8; 16] {
    (u128::from(id.writer) << 64 | u128::from(id.seq)).to_be_bytes()
}

fn code(op: &Op) -> u8 {
    match op {
        Op::Set { .. } => b'S',
        Op::Delete { .. } => b'D',
        Op::Incr { .. } => b'I',
        Op::IncrFloat { .. } => b'F',
        Op::Add { .. } => b'A',
        Op::Remove { .. } => b'M',
        Op::Touch { .. } => b'T',
        Op::Expire => b'X',
    }
}

fn encode_op(key: &Key, op: &Op, args: &mut Args) {
    args.push(key.as_bytes());
    match op {
        Op::Set { value, ttl, when } => {
            args.push(value);
            encode_ttl(*ttl, args);
            encode_condition(when, args);
        }
        Op::Delete { when } => encode_condition(when, args),
        Op::Incr { by, min, max } => [by, min, max].into_iter().for_each(|number| args.push_number(*number)),
        Op::IncrFloat { by, min, max } => {
            args.push(number::format_f64(*by));
            for bound in [min, max] {
                args.push(if bound.is_finite() { number::format_f64(*bound) } else { String::new() });
            }
        }
        Op::Add { shape, unique, items } => {
            args.push_number(*shape as u8);
            args.push_number(u8::from(*unique || *shape == Shape::Set));
            args.push(items::join(items));
        }
        Op::Remove { shape, items } => {
            args.push_number(*shape as u8);
            args.push(items::join(items));
        }
        Op::Touch { ttl } => encode_ttl(*ttl, args),
        Op::Expire => {}
    }
}

fn encode_ttl(ttl: Option<u64>, args: &mut Args) {
    args.push(ttl.map(|ttl| ttl.to_string()).unwrap_or_default());
}

fn encode_condition(when: &Condition, args: &mut Args) {
    args.push(match when {
        Condition::Always => "",
        Condition::Absent => "A",
        Condition::Present => "P",
        Condition::Revision(_) => "R",
        Condition::Value(_) => "V",
    });
    match when {
        Condition::Revision(revision) => args.push_number(*revision),
        Condition::Value(value) => args.push(value),
        Condition::Always | Condition::Absent | Condition::Present => args.push(""),
    }
}

fn encode_txn(txn: &Txn, args: &mut Args) {
    args.push_number(txn.compare.len());
    for (key, condition) in &txn.compare {
        args.push(key.as_bytes());
        encode_condition(condition, args);
    }
    for branch in [&txn.then, &txn.otherwise] {
        args.push_number(branch.len());
        for (key, op) in branch {
            args.push([code(op)]);
            encode_op(key, op, args);
        }
    }
}

/// What the values of a message keep in memory.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// Small ones only themselves: they are copied, and neither a big message nor the buffer that it was read with
    /// stays for them.
    Values,
    /// The whole message, and they cost no copy.
    Message,
}

/// Reads bytes from the front.
struct Reader<'a> {
    bytes: &'a Bytes,
    at: usize,
    keep: Keep,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let end = self.at.checked_add(length).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or_else(|| foreign("it ends too soon"))?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        self.take(N)?.try_into().map_err(|_| foreign("it ends too soon"))
    }

    fn u8(&mut self) -> Result<u8> {
        Ok(self.array::<1>()?[0])
    }

    fn u16(&mut self) -> Result<u16> {
        self.array().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Result<u64> {
        self.array().map(u64::from_be_bytes)
    }

    fn id(&mut self) -> Result<OpId> {
        Ok(OpId { writer: self.u64()?, seq: self.u64()? })
    }

    fn shape(&mut self) -> Result<Shape> {
        Shape::from_u8(self.u8()?).ok_or_else(|| foreign("a value has an unknown shape"))
    }

    fn deadline(&mut self) -> Result<Option<Deadline>> {
        self.u64().map(Deadline::new)
    }

    fn key(&mut self) -> Result<Key> {
        let length = self.u32()? as usize;
        key(self.take(length)?)
    }

    /// Bytes with their length.
    fn value(&mut self) -> Result<Bytes> {
        let length = self.u32()? as usize;
        self.bytes(length)
    }

    fn bytes(&mut self, length: usize) -> Result<Bytes> {
        let start = self.at;
        let taken = self.take(length)?;
        let small = resp::is_small(length) || length.saturating_mul(4) < self.bytes.len();
        Ok(if small && self.keep == Keep::Values {
            Bytes::copy_from_slice(taken)
        } else {
            self.bytes.slice(start..start + length)
        })
    }
}

fn foreign(what: &str) -> Error {
    Error::internal(format!("the server holds or sends what ponos did not write: {what}"))
}

/// A key as the server gives it.
pub(super) fn key(bytes: &[u8]) -> Result<Key> {
    std::str::from_utf8(bytes).map(Key::from).map_err(|_| foreign("a key is not utf-8"))
}

/// Reads only which changes a message has: the first, whose it was, and how many.
pub(super) fn decode_head(bytes: &Bytes) -> Option<(Position, OpId, u64)> {
    let mut reader = Reader { bytes, at: 0, keep: Keep::Values };
    let generation = reader.u64().ok()?;
    let _at = reader.u64().ok()?;
    let (revision, count) = (reader.u64().ok()?, reader.u32().ok()?);
    let _length = reader.u32().ok()?;
    Some((Position { generation, revision }, reader.id().ok()?, u64::from(count)))
}

/// Reads a message.
pub(super) fn decode_message(bytes: &Bytes, keep: Keep) -> Result<Batch> {
    let mut reader = Reader { bytes, at: 0, keep };
    let (generation, at, first) = (reader.u64()?, reader.u64()?, reader.u64()?);
    let count = u64::from(reader.u32()?);
    let last = first.checked_add(count).ok_or_else(|| foreign("a revision is out of range"))?;
    let changes: Vec<Change> =
        (first..last).map(|revision| decode_change(&mut reader, revision)).collect::<Result<_>>()?;
    if changes.is_empty() || first == 0 || generation == 0 || reader.at != bytes.len() {
        return Err(foreign("a message has no changes, or bytes behind them"));
    }
    Ok(Batch { generation, at, changes })
}

fn decode_change(reader: &mut Reader<'_>, revision: u64) -> Result<Change> {
    let _length = reader.u32()?;
    let (id, matched, count) = (reader.id()?, reader.u8()? != 0, reader.u16()?);
    // Each effect has a byte at least: room is made for no more than there can be.
    let mut effects = Vec::with_capacity(usize::from(count).min(reader.bytes.len() - reader.at));
    for _ in 0..count {
        effects.push(decode_effect(reader)?);
    }
    Ok(Change { revision, id, matched, effects })
}

fn decode_effect(reader: &mut Reader<'_>) -> Result<Effect> {
    let code = reader.u8()?;
    if code == b'C' {
        return Ok(Effect::Clear);
    }
    let key = reader.key()?;
    Ok(match code {
        b'P' => {
            let length = reader.u32()? as usize;
            let (deadline, shape) = (reader.deadline()?, reader.shape()?);
            Effect::Put { key, deadline, shape, value: reader.bytes(length)? }
        }
        b'A' => Effect::Append { key, items: reader.value()? },
        b'R' => Effect::Remove { key, items: reader.value()? },
        b'T' => Effect::Touch { key, deadline: reader.deadline()? },
        b'D' => Effect::Delete { key },
        b'E' => Effect::Expire { key },
        _ => return Err(foreign("a change has an unknown effect")),
    })
}

/// What the shape of a list has added if its items are in segments.
const LONG: u8 = 128;

/// An entry as the hash has it.
pub(super) enum Stored {
    Whole(Entry),
    /// A list whose items are in so many segments.
    Long(Entry, u32),
}

/// The name of a segment of a list: no key begins so, because no UTF-8 does.
pub(super) fn segment_name(key: &[u8], number: u32) -> Vec<u8> {
    [&[u8::MAX][..], &number.to_be_bytes(), key].concat()
}

/// Whether a field of the hash is a key's entry.
pub(super) fn is_key(field: &[u8]) -> bool {
    !matches!(field.first(), None | Some(&u8::MAX))
}

/// Reads an entry of the hash.
pub(super) fn decode_entry(bytes: &Bytes) -> Result<Stored> {
    let mut reader = Reader { bytes, at: 0, keep: Keep::Values };
    let (revision, deadline, shape) = (reader.u64()?, reader.deadline()?, reader.u8()?);
    let known = Shape::from_u8(shape % LONG).ok_or_else(|| foreign("a value has an unknown shape"))?;
    let entry = |value| Entry { revision, deadline, shape: known, value };
    if shape < LONG {
        return Ok(Stored::Whole(entry(bytes.slice(reader.at..))));
    }
    Ok(Stored::Long(entry(Bytes::new()), reader.u32()?))
}

/// Reads the hash's field for the map itself.
pub(super) fn decode_tip(bytes: &Bytes) -> Result<Tip> {
    let mut reader = Reader { bytes, at: 0, keep: Keep::Values };
    let position = Position { generation: reader.u64()?, revision: reader.u64()? };
    let id = reader.id()?;
    let (_mean, _segments) = (reader.u32()?, reader.u32()?);
    let codec = String::from_utf8(bytes[reader.at..].to_vec()).map_err(|_| foreign("a codec's name"))?;
    Ok(Tip { position, id, codec })
}

#[cfg(test)]
#[path = "codec_tests.rs"]
mod properties;

#[cfg(test)]
mod tests {
    use super::*;

    /// A message of one change that sets "k" to "v", as write.lua packs it.
    fn message() -> Bytes {
        let mut out = Vec::new();
        for number in [7_u64, 1_000, 3] {
            out.extend(number.to_be_bytes());
        }
        out.extend(1_u32.to_be_bytes());
        out.extend(38_u32.to_be_bytes());
        out.extend(encode_id(OpId { writer: 1, seq: 2 }));
        out.extend([1, 0, 1, b'P', 0, 0, 0, 1, b'k']);
        out.extend([0, 0, 0, 1]);
        out.extend([0; 9]);
        out.extend(b"v");
        out.into()
    }

    #[test]
    fn a_message_is_read_as_it_was_packed() {
        let batch = decode_message(&message(), Keep::Values).expect("a message");
        assert_eq!((batch.generation, batch.at), (7, 1_000));
        let value = Bytes::from("v");
        let put = Effect::Put { key: "k".into(), value, shape: Shape::Plain, deadline: None };
        let id = OpId { writer: 1, seq: 2 };
        assert_eq!(batch.changes, [Change { revision: 3, id, matched: true, effects: vec![put] }]);
    }

    #[test]
    fn torn_and_foreign_messages_are_errors() {
        let whole = message();
        for cut in 0..whole.len() {
            assert!(decode_message(&whole.slice(..cut), Keep::Values).is_err(), "{cut}");
        }
        for at in 0..whole.len() {
            let mut bent = whole.to_vec();
            bent[at] ^= 0xff;
            drop(decode_message(&bent.into(), Keep::Message));
        }
        assert!(decode_message(&[&whole[..], b"x"].concat().into(), Keep::Values).is_err());
        assert!(decode_entry(&Bytes::from("short")).is_err());
        assert!(decode_tip(&Bytes::from("short")).is_err());
    }
}
