//! The events of a stream as they are kept and sent: packed once by who publishes, and never copied again.
//!
//! A record is `id 16 bytes, topic length u8, key length u16, headers length u32`, topic, key, headers, payload; all
//! numbers are big-endian. A header is `name length u8, value length u16`, name, value. A batch is what one step of
//! the engine appended: records with one number after the other and one time.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;

use super::value::OpId;

/// Names an event of a stream: its number among those of one life of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct EventId {
    /// Which life of the stream.
    pub generation: u64,
    /// Counts the events of that life from 1, without holes.
    pub seq: u64,
}

impl fmt::Display for EventId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}-{}", self.generation, self.seq)
    }
}

/// What is no id: it is written `generation-seq`, in decimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAnId;

impl FromStr for EventId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let (generation, seq) = text.split_once('-').ok_or(NotAnId)?;
        let number = |text: &str| match text.bytes().all(|digit| digit.is_ascii_digit()) {
            true => text.parse().map_err(|_| NotAnId),
            false => Err(NotAnId),
        };
        Ok(Self { generation: number(generation)?, seq: number(seq)? })
    }
}

/// The most bytes that share a piece of memory.
const SHARED: usize = 256 << 10;

/// What somebody wants to publish, before it is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Draft<'a> {
    /// Whose publish it is, and which: a retry carries the same.
    pub id: OpId,
    /// Where it belongs; see [`super::topic`].
    pub topic: &'a str,
    /// Events of one key can be had in order; empty for none.
    pub key: &'a str,
    /// What goes along with the payload.
    pub headers: &'a [(String, Bytes)],
    /// The content.
    pub payload: &'a [u8],
}

/// The longest key, in bytes.
pub const MAX_KEY: usize = 1_024;
/// The longest name of a header, in bytes.
pub const MAX_HEADER: usize = 255;
/// The most bytes that all headers take.
pub const MAX_HEADERS: usize = 16 << 10;

const ID: usize = 16;
const HEAD: usize = ID + 1 + 2 + 4;

/// One packed event. A clone shares its memory.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    bytes: Bytes,
    /// Where the key, the headers and the payload begin.
    key: u32,
    headers: u32,
    payload: u32,
}

impl fmt::Debug for Record {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Record({:?}, key {:?}, {} bytes)", self.topic(), self.key(), self.payload().len())
    }
}

impl Draft<'_> {
    /// How many bytes it takes when it is packed.
    #[must_use]
    pub fn size(&self) -> usize {
        let headers: usize = self.headers.iter().map(framed).sum();
        HEAD + self.topic.len() + self.key.len() + headers + self.payload.len()
    }

    /// Packs it behind what is there; where key, headers and payload begin, counted from its own beginning.
    fn write(&self, out: &mut Vec<u8>) -> [u32; 3] {
        let Draft { id, topic, key, headers, payload } = self;
        let short = |length: usize| u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
        let in_headers: usize = headers.iter().map(framed).sum();
        let (key_at, headers_at) = (HEAD + topic.len(), HEAD + topic.len() + key.len());
        out.extend_from_slice(&id.writer.to_be_bytes());
        out.extend_from_slice(&id.seq.to_be_bytes());
        out.push(u8::try_from(topic.len()).unwrap_or(u8::MAX));
        out.extend_from_slice(&short(key.len()));
        out.extend_from_slice(&place(in_headers).to_be_bytes());
        out.extend_from_slice(topic.as_bytes());
        out.extend_from_slice(key.as_bytes());
        for (name, value) in *headers {
            out.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
            out.extend_from_slice(&short(value.len()));
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(value);
        }
        out.extend_from_slice(payload);
        [key_at, headers_at, headers_at + in_headers].map(place)
    }
}

/// How many bytes a header takes.
fn framed((name, value): &(String, Bytes)) -> usize {
    3 + name.len() + value.len()
}

impl Record {
    /// Packs an event whose parts have been checked for their limits.
    #[must_use]
    pub fn pack(draft: Draft<'_>) -> Self {
        let mut out = Vec::with_capacity(draft.size());
        let [key, headers, payload] = draft.write(&mut out);
        Self { bytes: out.into(), key, headers, payload }
    }

    /// Packs events that are published together. Small ones share a piece of memory, which is kept as long as any of
    /// them is.
    #[must_use]
    pub fn pack_all<'a>(drafts: impl Iterator<Item = Draft<'a>> + Clone) -> Vec<Self> {
        let size = drafts.clone().map(|draft| draft.size()).sum();
        if size > SHARED {
            return drafts.map(Self::pack).collect();
        }
        let mut out = Vec::with_capacity(size);
        let places: Vec<_> = drafts.map(|draft| (draft.write(&mut out), out.len())).collect();
        let (bytes, mut begin) = (Bytes::from(out), 0);
        let record = |([key, headers, payload], end): ([u32; 3], usize)| {
            let bytes = bytes.slice(std::mem::replace(&mut begin, end)..end);
            Self { bytes, key, headers, payload }
        };
        places.into_iter().map(record).collect()
    }

    /// What stands in the place of an event that was removed: it has no topic.
    #[must_use]
    pub const fn removed() -> Self {
        Self { bytes: Bytes::new(), key: 0, headers: 0, payload: 0 }
    }

    /// Whether it stands for an event that was removed.
    #[must_use]
    pub const fn is_removed(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Reads a packed event; `None` for what is none.
    #[must_use]
    pub fn unpack(bytes: Bytes) -> Option<Self> {
        let head = bytes.get(..HEAD)?;
        let topic = usize::from(head[ID]);
        let key = usize::from(u16::from_be_bytes([head[ID + 1], head[ID + 2]]));
        let headers = u32::from_be_bytes(head[ID + 3..].try_into().ok()?) as usize;
        let (key_at, headers_at) = (HEAD + topic, HEAD + topic + key);
        let payload = headers_at.checked_add(headers)?;
        let text = bytes.get(HEAD..headers_at)?;
        // Both parts and the border between them: one look at the bytes is enough.
        let sound = std::str::from_utf8(text).ok()?.is_char_boundary(topic) && topic > 0;
        if !sound || payload > bytes.len() || u32::try_from(bytes.len()).is_err() {
            return None;
        }
        let short = |at: usize| u32::try_from(at).ok();
        let (key, headers, payload) = (short(key_at)?, short(headers_at)?, short(payload)?);
        let record = Self { bytes, key, headers, payload };
        record.headers_are_sound().then_some(record)
    }

    fn headers_are_sound(&self) -> bool {
        let mut rest = self.part(self.headers, self.payload);
        while !rest.is_empty() {
            let Some((name, _, after)) = header(rest) else { return false };
            if std::str::from_utf8(name).is_err() {
                return false;
            }
            rest = after;
        }
        true
    }

    fn part(&self, from: u32, to: u32) -> &[u8] {
        self.bytes.get(from as usize..to as usize).unwrap_or_default()
    }

    fn text(&self, from: u32, to: u32) -> &str {
        std::str::from_utf8(self.part(from, to)).unwrap_or_default()
    }

    /// The whole of it.
    #[must_use]
    pub const fn packed(&self) -> &Bytes {
        &self.bytes
    }

    /// Whose publish it was, and which.
    #[must_use]
    pub fn id(&self) -> OpId {
        let number = |at: usize| {
            let bytes = self.bytes.get(at..at + 8).and_then(|bytes| bytes.try_into().ok());
            bytes.map_or(0, u64::from_be_bytes)
        };
        OpId { writer: number(0), seq: number(8) }
    }

    /// Where it belongs.
    #[must_use]
    pub fn topic(&self) -> &str {
        self.text(HEAD as u32, self.key)
    }

    /// Its key; empty for none.
    #[must_use]
    pub fn key(&self) -> &str {
        self.text(self.key, self.headers)
    }

    /// What goes along with the payload, in the order in which it was given.
    pub fn headers(&self) -> impl Iterator<Item = (&str, Bytes)> {
        let mut rest = self.part(self.headers, self.payload);
        std::iter::from_fn(move || {
            let (name, value, after) = header(rest)?;
            rest = after;
            Some((std::str::from_utf8(name).unwrap_or_default(), self.bytes.slice_ref(value)))
        })
    }

    /// The content.
    #[must_use]
    pub fn payload(&self) -> Bytes {
        self.bytes.slice(self.payload as usize..)
    }
}

/// A place inside a record, whose parts are limited to far less.
fn place(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// The first header of `rest`: its name, its value, and what comes after it.
fn header(rest: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (head, body) = rest.split_first_chunk::<3>()?;
    let (name, length) = (usize::from(head[0]), usize::from(u16::from_be_bytes([head[1], head[2]])));
    Some((body.get(..name)?, body.get(name..name + length)?, &body[name + length..]))
}

/// Events that an engine appended in one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The life of the stream that they belong to.
    pub generation: u64,
    /// The number of the first.
    pub first: u64,
    /// The engine's clock when they were appended, milliseconds since 1970.
    pub at: u64,
    /// The events.
    pub records: Vec<Record>,
}

impl Batch {
    /// The number of the last.
    #[must_use]
    pub fn last(&self) -> u64 {
        (self.first + self.records.len() as u64).saturating_sub(1)
    }

    /// The records from `seq` on, with their numbers.
    pub fn from(&self, seq: u64) -> impl Iterator<Item = (u64, &Record)> {
        let skip = usize::try_from(seq.saturating_sub(self.first)).unwrap_or(usize::MAX);
        (self.first..).zip(&self.records).skip(skip)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A draft that owns its parts.
    #[derive(Clone, Debug)]
    struct Parts {
        id: OpId,
        topic: String,
        key: String,
        headers: Vec<(String, Bytes)>,
        payload: Vec<u8>,
    }

    impl Parts {
        fn draft(&self) -> Draft<'_> {
            let Self { id, topic, key, headers, payload } = self;
            Draft { id: *id, topic, key, headers, payload }
        }

        fn pack(&self) -> Record {
            Record::pack(self.draft())
        }
    }

    fn drafts() -> impl Strategy<Value = Parts> {
        let headers = prop::collection::vec((".{1,9}", prop::collection::vec(any::<u8>(), 0..40)), 0..4);
        let payload = prop::collection::vec(any::<u8>(), 0..200);
        (any::<(u64, u64)>(), "[a-zé]{1,20}", ".{0,20}", headers, payload).prop_map(
            |((writer, seq), topic, key, headers, payload)| {
                let headers = headers.into_iter().map(|(name, value)| (name, value.into())).collect();
                Parts { id: OpId { writer, seq }, topic, key, headers, payload }
            },
        )
    }

    proptest! {
        #[test]
        fn events_that_are_packed_together_are_as_if_each_was_packed_alone(
            parts in prop::collection::vec(drafts(), 0..20),
            large in any::<bool>(),
        ) {
            let filler = vec![7; if large { SHARED } else { 0 }];
            let drafts = || parts.iter().map(Parts::draft).chain([Draft { topic: "t", payload: &filler, ..Draft::default() }]);
            let alone: Vec<Record> = drafts().map(Record::pack).collect();
            let sizes = |record: &Record| record.packed().len();
            prop_assert!(drafts().map(|draft| draft.size()).eq(alone.iter().map(sizes)));
            prop_assert_eq!(Record::pack_all(drafts()), alone);
        }

        #[test]
        fn a_record_is_read_as_it_was_packed(draft in drafts()) {
            let record = Record::unpack(draft.pack().packed().clone()).expect("a record");
            prop_assert_eq!(&record, &draft.pack());
            prop_assert_eq!(record.id(), draft.id);
            prop_assert_eq!(record.topic(), &draft.topic);
            prop_assert_eq!(record.key(), &draft.key);
            prop_assert_eq!(&record.payload()[..], &draft.payload[..]);
            let headers: Vec<_> = record.headers().map(|(name, value)| (name.to_owned(), value)).collect();
            prop_assert_eq!(headers, draft.headers);
        }

        #[test]
        fn what_is_bent_or_torn_is_none_or_readable(
            draft in drafts(), cut in any::<prop::sample::Index>(), bent in any::<prop::sample::Index>(),
        ) {
            let whole = draft.pack().packed().to_vec();
            let mut bytes = whole.clone();
            bytes[bent.index(whole.len())] ^= 0xff;
            bytes.truncate(cut.index(whole.len() + 1));
            if let Some(record) = Record::unpack(bytes.into()) {
                let _ = (record.id(), record.topic(), record.key(), record.payload());
                prop_assert!(record.headers().count() <= whole.len());
            }
        }
    }

    #[test]
    fn an_id_is_read_as_it_is_written() {
        let id = EventId { generation: 1_700_000_000_000, seq: 42 };
        assert_eq!(id.to_string().parse(), Ok(id));
        for text in ["", "1", "1-", "-1", "1-2-3", "a-1", "1-+2", "1-99999999999999999999"] {
            assert_eq!(text.parse::<EventId>(), Err(NotAnId), "{text}");
        }
    }

    #[test]
    fn a_batch_gives_its_records_by_number() {
        let record =
            |seq| Record::pack(Draft { id: OpId { writer: 1, seq }, topic: "t", ..Draft::default() });
        let batch = Batch { generation: 1, first: 5, at: 0, records: (0..3).map(record).collect() };
        assert_eq!(batch.last(), 7);
        let numbers = |from| batch.from(from).map(|(seq, record)| (seq, record.id().seq)).collect::<Vec<_>>();
        assert_eq!(numbers(0), [(5, 0), (6, 1), (7, 2)]);
        assert_eq!(numbers(7), [(7, 2)]);
        assert_eq!(numbers(8), []);
    }
}
