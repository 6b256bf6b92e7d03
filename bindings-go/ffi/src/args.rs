//! Arguments as bytes: little-endian numbers, and bytes behind their length as a `u32`.

use std::time::Duration;

use ponos::{Bytes, Condition, Error, Filter, From, Result};

/// Reads arguments in the order in which Go wrote them.
pub(crate) struct Args<'a>(pub(crate) &'a [u8]);

impl<'a> Args<'a> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk().ok_or_else(torn)?;
        self.0 = rest;
        Ok(*head)
    }

    pub(crate) fn u8(&mut self) -> Result<u8> {
        self.take::<1>().map(|[byte]| byte)
    }

    pub(crate) fn flag(&mut self) -> Result<bool> {
        self.u8().map(|byte| byte != 0)
    }

    pub(crate) fn u32(&mut self) -> Result<u32> {
        self.take().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64> {
        self.take().map(u64::from_le_bytes)
    }

    pub(crate) fn i64(&mut self) -> Result<i64> {
        self.take().map(i64::from_le_bytes)
    }

    pub(crate) fn f64(&mut self) -> Result<f64> {
        self.take().map(f64::from_le_bytes)
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8]> {
        let length = self.u32()? as usize;
        let (head, rest) = self.0.split_at_checked(length).ok_or_else(torn)?;
        self.0 = rest;
        Ok(head)
    }

    pub(crate) fn text(&mut self) -> Result<String> {
        text(self.bytes()?)
    }

    /// As many as their number before them says.
    pub(crate) fn list<T>(&mut self, mut read: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let count = self.u32()?;
        (0..count).map(|_| read(self)).collect()
    }

    pub(crate) fn items(&mut self) -> Result<Vec<Bytes>> {
        self.list(|args| args.bytes().map(Bytes::copy_from_slice))
    }

    /// No arguments left: always.
    pub(crate) fn condition(&mut self) -> Result<Condition> {
        if self.0.is_empty() {
            return Ok(Condition::Always);
        }
        Ok(match self.u8()? {
            0 => Condition::Always,
            1 => Condition::Absent,
            2 => Condition::Present,
            3 => Condition::Revision(self.u64()?),
            4 => Condition::Value(Bytes::copy_from_slice(self.bytes()?)),
            _ => return Err(torn()),
        })
    }

    /// Nanoseconds; the most there can be, or no arguments left, is for ever. The least is looked at here too,
    /// because a transaction counts milliseconds.
    pub(crate) fn ttl(&mut self) -> Result<Option<Duration>> {
        if self.0.is_empty() {
            return Ok(None);
        }
        match self.i64()? {
            i64::MAX => Ok(None),
            nanos => match u64::try_from(nanos) {
                Ok(nanos) if nanos >= 1_000_000 => Ok(Some(Duration::from_nanos(nanos))),
                _ => {
                    let message = format!("the time to live is {nanos} ns and must be at least 1 ms");
                    Err(Error::invalid(message))
                }
            },
        }
    }

    /// The patterns of which a key has to match one; none lets every key pass.
    pub(crate) fn filter(&mut self) -> Result<Filter> {
        let mut filters = self.list(|args| args.text().map(|pattern| Filter::from(pattern.as_str())))?;
        Ok(match filters.len() {
            0 => Filter::All,
            1 => filters.remove(0),
            _ => Filter::Any(filters),
        })
    }

    pub(crate) fn start(&mut self) -> Result<From> {
        Ok(match self.u8()? {
            0 => From::Now,
            1 => From::Snapshot,
            2 => From::Revision(self.u64()?),
            _ => return Err(torn()),
        })
    }
}

/// Text, which Go does not promise to be UTF-8.
pub(crate) fn text(bytes: &[u8]) -> Result<String> {
    let text = std::str::from_utf8(bytes).map(str::to_owned);
    text.map_err(|_| Error::invalid(format!("{:?} is not UTF-8", String::from_utf8_lossy(bytes))))
}

fn torn() -> Error {
    Error::internal("the arguments are not as this version of the core reads them")
}
