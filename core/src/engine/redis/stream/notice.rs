//! What the server holds and says of streams, as bytes: entries of the log, and messages on the channel.
//!
//! All numbers are big-endian. A message begins with a letter: `e` and a batch (as `lua/stream/begin.lua` has it), `z`
//! and when a delayed event is due, `x` and the generation and number of an event that was removed, `g` and the name
//! of a group that has changed, `d` for the end of the stream. Decoders take any bytes and give an error for what is
//! not of this form.

use std::sync::Arc;

use bytes::Bytes;

use crate::engine::stream::{StreamSink, Tail};
use crate::error::{Error, Result};
use crate::model::record::{Batch, EventId, Record};

/// The bytes of a batch before its events.
const HEAD: usize = 37;

/// Hands a message to those who hear the stream.
pub(in crate::engine::redis) fn tell(sinks: &[Arc<dyn StreamSink>], message: &Bytes) -> Result<()> {
    let number = |at: usize| u64_at(message, at).ok_or_else(|| foreign("a message ends too soon"));
    match message.first() {
        Some(b'e') if !sinks.iter().any(|sink| sink.wants_events()) => {
            let last = last(message).ok_or_else(|| foreign("a message ends too soon"))?;
            sinks.iter().for_each(|sink| sink.grown(last));
        }
        Some(b'e') => {
            let (batch, _) = batch(message)?;
            sinks.iter().for_each(|sink| sink.appended(&batch));
        }
        Some(b'z') => {
            let due = number(1)?;
            sinks.iter().for_each(|sink| sink.delayed(due));
        }
        Some(b'x') => {
            let id = EventId { generation: number(1)?, seq: number(9)? };
            sinks.iter().for_each(|sink| sink.removed(id));
        }
        Some(b'g') => {
            let name = std::str::from_utf8(&message[1..]).map_err(|_| foreign("a group's name"))?;
            sinks.iter().for_each(|sink| sink.regrouped(name));
        }
        Some(b'd') => sinks.iter().for_each(|sink| sink.grown(EventId::default())),
        _ => return Err(foreign("a message of an unknown kind")),
    }
    Ok(())
}

/// Reads a batch, and how many bytes of events were appended before it.
pub(super) fn batch(bytes: &Bytes) -> Result<(Batch, u64)> {
    let (id, at, before) = head(bytes).ok_or_else(|| foreign("an entry ends too soon"))?;
    let count = u32_at(bytes, HEAD - 4).unwrap_or(0);
    let fits = id.generation > 0 && id.seq > 0 && id.seq.checked_add(u64::from(count)).is_some();
    let mut records = Vec::with_capacity((count as usize).min(bytes.len() / 4));
    let mut from = HEAD;
    for _ in 0..count {
        let length = u32_at(bytes, from).ok_or_else(|| foreign("an entry ends too soon"))? as usize;
        let end = (from + 4).checked_add(length).filter(|end| *end <= bytes.len());
        let end = end.ok_or_else(|| foreign("an entry ends too soon"))?;
        let record = Record::unpack(bytes.slice(from + 4..end));
        records.push(record.ok_or_else(|| foreign("an event of no known form"))?);
        from = end;
    }
    if !fits || records.is_empty() || from != bytes.len() {
        return Err(foreign("an entry has no events, or bytes behind them"));
    }
    Ok((Batch { generation: id.generation, first: id.seq, at, records }, before))
}

/// The first event of a batch, its time, and how many bytes of events were appended before it.
fn head(bytes: &Bytes) -> Option<(EventId, u64, u64)> {
    if bytes.len() < HEAD || bytes[0] != b'e' {
        return None;
    }
    let id = EventId { generation: u64_at(bytes, 1)?, seq: u64_at(bytes, 9)? };
    Some((id, u64_at(bytes, 17)?, u64_at(bytes, 25)?))
}

/// The last event of a batch.
fn last(bytes: &Bytes) -> Option<EventId> {
    let (first, ..) = head(bytes)?;
    let count = u64::from(u32_at(bytes, HEAD - 4)?);
    Some(EventId { seq: first.seq.checked_add(count.checked_sub(1)?)?, ..first })
}

/// Where a stream is, from its own field, the head of its first entry, and when the next delayed event is due.
pub(super) fn tail(meta: &Bytes, first: &Bytes, due: Option<u64>) -> Result<Tail> {
    let number = |at: usize| u64_at(meta, at).ok_or_else(|| foreign("its info ends too soon"));
    let last = EventId { generation: number(0)?, seq: number(8)? };
    let total = number(16)?;
    let codec = meta.get(64..).and_then(|codec| std::str::from_utf8(codec).ok());
    let codec = codec.ok_or_else(|| foreign("a codec's name"))?.to_owned();
    let (first, before) = match head(first) {
        // One of an older life is as good as none.
        Some((id, _, before)) if id.generation == last.generation => (id.seq, before),
        _ => (last.seq.saturating_add(1), total),
    };
    Ok(Tail { last, first, bytes: total.saturating_sub(before), due, codec })
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?))
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

pub(super) fn foreign(what: &str) -> Error {
    Error::internal(format!("the server holds or sends what ponos did not write: {what}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::record::Draft;

    fn packed(count: usize) -> Bytes {
        let mut out = vec![b'e'];
        for number in [7_u64, 3, 1_000, 50] {
            out.extend(number.to_be_bytes());
        }
        out.extend(u32::try_from(count).expect("few").to_be_bytes());
        for number in 0..count {
            let topic = format!("t{number}");
            let record = Record::pack(Draft { topic: &topic, payload: b"payload", ..Draft::default() });
            out.extend(u32::try_from(record.packed().len()).expect("short").to_be_bytes());
            out.extend(record.packed());
        }
        out.into()
    }

    #[test]
    fn a_batch_is_read_as_it_was_packed() {
        let (batch, before) = batch(&packed(3)).expect("a batch");
        assert_eq!((batch.generation, batch.first, batch.at, before), (7, 3, 1_000, 50));
        assert_eq!(batch.records.iter().map(Record::topic).collect::<Vec<_>>(), ["t0", "t1", "t2"]);
    }

    proptest! {
        #[test]
        fn torn_and_bent_batches_are_errors_or_batches(at in any::<prop::sample::Index>(), bent in any::<u8>()) {
            let whole = packed(3);
            let cut = at.index(whole.len());
            prop_assert!(batch(&whole.slice(..cut)).is_err());
            let mut bytes = whole.to_vec();
            bytes[cut] = bent;
            if let Ok((batch, _)) = batch(&bytes.into()) {
                prop_assert!(batch.records.len() <= 3);
            }
        }

        #[test]
        fn any_message_is_told_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = tell(&[], &bytes.clone().into());
            let _ = tail(&bytes.clone().into(), &bytes.into(), None);
        }
    }
}
