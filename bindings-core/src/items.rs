//! What readers and sinks give, and its packed form.
//!
//! An item is, little-endian, `kind u8, flags u8, headers u16, count u32, generation u64, seq u64, at u64, topic length
//! u32, key length u32, length of the headers u32, payload length u32`, a ticket of 32 bytes, then the bytes of topic,
//! key, headers and payload. Flag 1: it is from a sink, and count (how often it has been delivered) and ticket say
//! something. Flag 2: it is of several streams, and count is the number of its stream; flag 4: it came too late to wait
//! for. A key of no bytes is none. Each header is `name length u32, value length u32`, name and value. A gap has the
//! id of the first event that is missing, and in its payload `next.generation, next.seq, count` as u64.

use std::fmt::Write as _;

use ponos::stream::{Event, Gap, Item, Merged, Ticket};
use ponos::{Delivery, EventId};

use crate::packed::length;
use crate::plain::Plain;

/// The size of what stands before an item's bytes.
pub const HEAD: usize = 48 + TICKET;

/// The size of a ticket: its bytes mean something to the core alone.
pub const TICKET: usize = 32;

/// An event as it was given.
#[derive(Clone, Debug)]
pub enum Given {
    /// By a reader.
    Event(Event),
    /// By a sink, to be answered.
    Delivery(Delivery),
}

impl Given {
    /// The event.
    #[must_use]
    pub fn event(&self) -> &Event {
        match self {
            Self::Event(event) => event,
            Self::Delivery(delivery) => delivery.event(),
        }
    }

    /// Of a sink: by which ticket, and for the how manieth time.
    #[must_use]
    pub const fn handed(&self) -> Option<(Ticket, u32)> {
        match self {
            Self::Event(_) => None,
            Self::Delivery(delivery) => Some((delivery.ticket(), delivery.count())),
        }
    }
}

impl From<Event> for Given {
    fn from(event: Event) -> Self {
        Self::Event(event)
    }
}

impl From<Delivery> for Given {
    fn from(delivery: Delivery) -> Self {
        Self::Delivery(delivery)
    }
}

/// The items as they cross.
pub(crate) fn plain<E: Into<Given>>(items: impl IntoIterator<Item = Item<E>>) -> Plain {
    Plain::Items(items.into_iter().map(|item| item.map(Into::into)).collect())
}

impl From<Vec<Item>> for Plain {
    fn from(items: Vec<Item>) -> Self {
        plain(items)
    }
}

impl From<EventId> for Plain {
    fn from(id: EventId) -> Self {
        let mut text = String::with_capacity(32); // what most ids take: a string that grows is allocated twice
        let _ = write!(text, "{id}");
        text.into()
    }
}

/// A ticket as bytes.
#[must_use]
pub fn ticket(Ticket { membership, consumer, place: (lane, seq) }: Ticket) -> [u8; TICKET] {
    let mut bytes = [0; TICKET];
    for (room, number) in bytes.chunks_exact_mut(8).zip([membership, consumer, seq, lane.into()]) {
        room.copy_from_slice(&number.to_le_bytes());
    }
    bytes
}

/// The ticket that these bytes are.
pub(crate) fn as_ticket(bytes: &[u8]) -> Option<Ticket> {
    let mut numbers = bytes.as_chunks().0.iter().map(|number| u64::from_le_bytes(*number));
    let mut next = || numbers.next();
    let (membership, consumer, seq, lane) = (next()?, next()?, next()?, next()?);
    Some(Ticket { membership, consumer, place: (u16::try_from(lane).ok()?, seq) })
}

/// Packs items.
#[must_use]
pub fn pack(items: &[Item<Given>]) -> Vec<u8> {
    let mut out = Vec::with_capacity(items.len() * (HEAD + 64));
    items.iter().for_each(|item| pack_item(&mut out, item));
    out
}

/// Packs items of several streams.
#[must_use]
pub fn pack_merged(items: Vec<Merged>) -> Vec<u8> {
    let mut out = Vec::with_capacity(items.len() * (HEAD + 64));
    for Merged { stream, late, item } in items {
        let at = out.len();
        pack_item(&mut out, &item.map(Given::from));
        out[at + 1] = 2 | u8::from(late) << 2;
        out[at + 4..at + 8].copy_from_slice(&length(stream));
    }
    out
}

fn pack_item(out: &mut Vec<u8>, item: &Item<Given>) {
    match item {
        Item::Event(given) => pack_event(out, given),
        Item::Gap(Gap { first_missing, next, count }) => {
            let numbers = [next.generation, next.seq, *count].map(u64::to_le_bytes);
            let head = Head { kind: 1, id: *first_missing, ..Head::default() };
            head.write(out, ["", ""], &[], numbers.as_flattened());
        }
        _ => Head { kind: 2, ..Head::default() }.write(out, ["", ""], &[], &[]),
    }
}

fn pack_event(out: &mut Vec<u8>, given: &Given) {
    let (event, handed) = (given.event(), given.handed());
    let (mut headers, mut count) = (Vec::new(), 0);
    for (name, value) in event.headers() {
        headers.extend_from_slice(&length(name.len()));
        headers.extend_from_slice(&length(value.len()));
        headers.extend_from_slice(name.as_bytes());
        headers.extend_from_slice(&value);
        count += 1;
    }
    let head = Head { kind: 0, headers: count, id: event.id(), at: event.at(), handed };
    head.write(out, [event.topic(), event.key().unwrap_or_default()], &headers, &event.payload());
}

#[derive(Default)]
struct Head {
    kind: u8,
    headers: u16,
    id: EventId,
    at: u64,
    handed: Option<(Ticket, u32)>,
}

impl Head {
    fn write(&self, out: &mut Vec<u8>, [topic, key]: [&str; 2], headers: &[u8], payload: &[u8]) {
        out.extend_from_slice(&[self.kind, u8::from(self.handed.is_some())]);
        out.extend_from_slice(&self.headers.to_le_bytes());
        out.extend_from_slice(&self.handed.map_or(0, |(_, count)| count).to_le_bytes());
        let numbers = [self.id.generation, self.id.seq, self.at];
        numbers.iter().for_each(|number| out.extend_from_slice(&number.to_le_bytes()));
        let parts = [topic.as_bytes(), key.as_bytes(), headers, payload];
        parts.iter().for_each(|part| out.extend_from_slice(&length(part.len())));
        out.extend_from_slice(&self.handed.map_or([0; TICKET], |(handed, _)| ticket(handed)));
        parts.iter().for_each(|part| out.extend_from_slice(part));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_comes_back_as_it_was() {
        let given = Ticket { membership: 1 << 60, consumer: u64::MAX, place: (513, 7) };
        let bytes = ticket(given);
        assert_eq!(as_ticket(&bytes), Some(given));
        assert_eq!(as_ticket(&bytes[1..]), None);
        let no_lane = [&bytes[..24], &[255; 8]].concat();
        assert_eq!(as_ticket(&no_lane), None);
    }

    #[tokio::test]
    async fn an_item_is_its_head_and_its_bytes() -> ponos::Result<()> {
        let client = ponos::Ponos::open("memory://items").await?;
        let stream = client.stream("s").await?;
        let mut options = ponos::stream::PublishOptions::default().key("ké").header("h", "v");
        options = options.header("g", "");
        let sink = stream.sink("g").await?;
        stream.publish_with("a.b", "payload", options).await?;
        let Some(Ok(item)) = sink.next().await else { panic!("no event") };
        let (id, first_missing) = (EventId { generation: 3, seq: 9 }, EventId { generation: 3, seq: 5 });
        let gap = Item::Gap(Gap { first_missing, next: id, count: 4 });
        let packed = pack(&[item.map(Given::from), gap, Item::Deleted]);
        assert_eq!(packed[..8], [0, 1, 2, 0, 1, 0, 0, 0]);
        assert_eq!(
            (packed[16], &packed[32..48]),
            (1, &[3, 0, 0, 0, 3, 0, 0, 0, 19, 0, 0, 0, 7, 0, 0, 0][..])
        );
        let (headers, rest) = (HEAD + 6, HEAD + 6 + 19);
        assert_eq!(&packed[HEAD..headers], "a.bké".as_bytes());
        assert_eq!(&packed[headers..headers + 10], b"\x01\0\0\0\x01\0\0\0hv");
        assert_eq!(&packed[rest..rest + 7], b"payload");
        let gap = &packed[rest + 7..];
        assert_eq!((gap[0], gap[8], gap[16], gap[44]), (1, 3, 5, 24));
        assert_eq!((gap[HEAD], gap[HEAD + 8], gap[HEAD + 16]), (3, 9, 4));
        assert_eq!((gap[HEAD + 24], gap.len()), (2, 2 * HEAD + 24));
        let late = Merged { stream: 258, late: true, item: Item::Deleted };
        let packed = pack_merged(vec![late.clone(), Merged { late: false, ..late }]);
        assert_eq!(packed[..8], [2, 6, 0, 0, 2, 1, 0, 0]);
        assert_eq!((packed[HEAD], packed[HEAD + 1], packed.len()), (2, 2, 2 * HEAD));
        Ok(())
    }
}
