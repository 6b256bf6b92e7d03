//! The parts of a group as the server keeps them: each with a version, which changes with every change.
//!
//! A lane is `cursor u64, owner u64, number u32` and for each event that waits `number u64, count u32, due u64`. A
//! member is `lanes u16`, and for each `lane u16, runs u32`, and for each run `first u64, last u64, count u32, since
//! u64`. All numbers are big-endian.

use std::collections::BTreeMap;

use bytes::{BufMut, Bytes};

use super::notice::{foreign, u32_at, u64_at};
use crate::error::Result;
use crate::model::group::{ConsumerId, Group, Lane, LaneId, Member, Part, Waiting};
use crate::model::spans::{Held, Spans};

/// The version of a part; none if it is not there.
pub(super) type Version = Option<[u8; 8]>;

/// A group with the versions of its parts, as they were at one moment.
#[derive(Clone, Debug)]
pub(super) struct Cells {
    pub(super) group: Group,
    versions: BTreeMap<Part, [u8; 8]>,
}

/// The field of a part.
pub(super) fn field(part: Part) -> String {
    match part {
        Part::Lane(lane) => format!("l{lane}"),
        Part::Member(consumer) => format!("m{}", name(consumer)),
    }
}

/// A consumer's name in fields.
pub(super) fn name(consumer: ConsumerId) -> String {
    format!("{consumer:016x}")
}

impl Cells {
    /// Reads the fields of a group, and until when each of its consumers is a member.
    pub(super) fn read(fields: &[(Bytes, Bytes)], leases: &[(Bytes, u64)], owned: bool) -> Result<Self> {
        let (mut lanes, mut members) = (BTreeMap::<LaneId, Lane>::new(), BTreeMap::new());
        let mut versions = BTreeMap::new();
        for (field, value) in fields {
            let Some((kind, id)) =
                std::str::from_utf8(field).ok().and_then(|field| field.split_at_checked(1))
            else {
                return Err(foreign("a field of a group"));
            };
            let part = match kind {
                "l" => Part::Lane(id.parse().map_err(|_| foreign("a lane of a group"))?),
                "m" => Part::Member(u64::from_str_radix(id, 16).map_err(|_| foreign("a member of a group"))?),
                _ => continue,
            };
            let (version, body) =
                value.split_first_chunk::<8>().ok_or_else(|| foreign("a part of a group"))?;
            versions.insert(part, *version);
            let mut reader = Reader(body);
            match part {
                Part::Lane(lane) => drop(lanes.insert(lane, reader.lane()?)),
                Part::Member(consumer) => drop(members.insert(consumer, reader.member()?)),
            }
        }
        for (consumer, until) in leases {
            let id = std::str::from_utf8(consumer).ok().and_then(|id| u64::from_str_radix(id, 16).ok());
            if let Some(member) = id.and_then(|id| members.get_mut(&id)) {
                member.until = *until;
            }
        }
        if (0..).zip(lanes.keys()).any(|(wanted, lane): (LaneId, _)| wanted != *lane) || lanes.is_empty() {
            return Err(foreign("a group lacks a lane"));
        }
        let group = Group::from_parts(lanes.into_values().collect(), members, owned);
        Ok(Self { group, versions })
    }

    /// The version of a part.
    pub(super) fn version(&self, part: Part) -> Version {
        self.versions.get(&part).copied()
    }

    /// What `group` has of a part, as it is kept, with a new version; `None` if it has none.
    pub(super) fn write(group: &Group, part: Part, version: [u8; 8]) -> Option<Vec<u8>> {
        let mut out = version.to_vec();
        match part {
            Part::Lane(lane) => write_lane(group.lanes().get(usize::from(lane))?, &mut out),
            Part::Member(consumer) => write_member(group.members().get(&consumer)?, &mut out),
        }
        Some(out)
    }

    /// The server has what `group` has of these parts, with this version.
    pub(super) fn wrote(&mut self, group: Group, parts: &[Part], version: [u8; 8]) {
        for part in parts {
            let there = match part {
                Part::Lane(_) => true,
                Part::Member(consumer) => group.members().contains_key(consumer),
            };
            if there {
                self.versions.insert(*part, version);
            } else {
                self.versions.remove(part);
            }
        }
        self.group = group;
    }
}

fn write_lane(lane: &Lane, out: &mut Vec<u8>) {
    out.put_u64(lane.cursor);
    out.put_u64(lane.owner.unwrap_or(0));
    out.put_u32(u32::try_from(lane.waiting.len()).unwrap_or(u32::MAX));
    for (seq, waiting) in &lane.waiting {
        out.put_u64(*seq);
        out.put_u32(waiting.count);
        out.put_u64(waiting.due);
    }
}

fn write_member(member: &Member, out: &mut Vec<u8>) {
    out.put_u16(u16::try_from(member.held.len()).unwrap_or(u16::MAX));
    for (lane, spans) in &member.held {
        out.put_u16(*lane);
        out.put_u32(u32::try_from(spans.runs().count()).unwrap_or(u32::MAX));
        for (first, last, held) in spans.runs() {
            out.put_u64(first);
            out.put_u64(last);
            out.put_u32(held.count);
            out.put_u64(held.since);
        }
    }
}

/// Reads from the front.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn u16(&mut self) -> Result<u16> {
        let (number, rest) = self.0.split_first_chunk().ok_or_else(torn)?;
        self.0 = rest;
        Ok(u16::from_be_bytes(*number))
    }

    fn u32(&mut self) -> Result<u32> {
        let number = u32_at(self.0, 0).ok_or_else(torn)?;
        self.0 = &self.0[4..];
        Ok(number)
    }

    fn u64(&mut self) -> Result<u64> {
        let number = u64_at(self.0, 0).ok_or_else(torn)?;
        self.0 = &self.0[8..];
        Ok(number)
    }

    fn lane(&mut self) -> Result<Lane> {
        let (cursor, owner, count) = (self.u64()?, self.u64()?, self.u32()?);
        let mut waiting = BTreeMap::new();
        for _ in 0..count {
            let seq = self.u64()?;
            waiting.insert(seq, Waiting { count: self.u32()?, due: self.u64()? });
        }
        Ok(Lane { cursor, owner: Some(owner).filter(|owner| *owner != 0), waiting })
    }

    fn member(&mut self) -> Result<Member> {
        let mut member = Member::default();
        for _ in 0..self.u16()? {
            let (lane, runs) = (self.u16()?, self.u32()?);
            let mut spans = Spans::default();
            let mut behind = 0;
            for _ in 0..runs {
                let (first, last) = (self.u64()?, self.u64()?);
                if first <= behind || last < first || last >= 1 << 53 {
                    return Err(foreign("a member holds an event twice"));
                }
                behind = last;
                spans.insert(first, last, Held { count: self.u32()?, since: self.u64()? });
            }
            member.held.insert(lane, spans);
        }
        Ok(member)
    }
}

fn torn() -> crate::error::Error {
    foreign("a part of a group ends too soon")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::group::{Answer, Request, Settling, Taking};

    fn group() -> Group {
        let mut group = Group::new(5, Some(2));
        for consumer in [1, u64::MAX] {
            assert_eq!(group.apply(consumer, &Request::Join { until: 0 }, 0), Answer::Done);
        }
        group.apply(1, &Request::Claim(1), 0);
        let fresh = vec![(6, 9), (12, 12)];
        group.apply(1, &Request::Take(vec![Taking { lane: 1, from: 5, to: 13, fresh, again: vec![] }]), 7);
        let part = Settling { lane: 1, back: vec![(7, 99)], ..Settling::default() };
        group.apply(1, &Request::Settle { parts: vec![part], whole: false }, 8);
        group
    }

    fn fields(group: &Group) -> Vec<(Bytes, Bytes)> {
        let parts = [Part::Lane(0), Part::Lane(1), Part::Member(1), Part::Member(u64::MAX)];
        let write =
            |part| (field(part).into(), Cells::write(group, part, *b"version1").expect("a part").into());
        parts.into_iter().map(write).chain([("o".into(), "settings".into())]).collect()
    }

    #[test]
    fn a_group_is_read_as_it_was_written() {
        let group = group();
        let cells = Cells::read(&fields(&group), &[], true).expect("a group");
        assert_eq!(cells.group, group);
        assert_eq!(cells.version(Part::Lane(1)), Some(*b"version1"));
        assert_eq!(cells.version(Part::Member(2)), None);
    }

    proptest! {
        #[test]
        fn torn_and_bent_groups_are_errors_or_groups(which in 0_usize..4, at in any::<prop::sample::Index>(), bent in any::<u8>()) {
            let mut fields = fields(&group());
            let mut value = fields[which].1.to_vec();
            let cut = at.index(value.len());
            value[cut] = bent;
            fields[which].1 = value.clone().into();
            let _ = Cells::read(&fields, &[], true);
            value.truncate(cut);
            fields[which].1 = value.into();
            prop_assert!(Cells::read(&fields, &[], true).is_err());
        }
    }
}
