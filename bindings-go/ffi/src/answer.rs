//! Answers as bytes: 0, then what the operation returns; or 1, then an error.

use ponos::{Entry, Error, Result};
use ponos_bindings_core::log::Record;
use ponos_bindings_core::{Answer, packed};

use crate::handle::{self, Object};

/// An answer being written.
#[derive(Debug)]
pub(crate) struct Out(pub(crate) Vec<u8>);

impl Out {
    /// The answer of a success.
    pub(crate) fn ok() -> Self {
        let mut bytes = Vec::with_capacity(64);
        bytes.push(0);
        Self(bytes)
    }

    pub(crate) fn flag(mut self, flag: bool) -> Self {
        self.0.push(u8::from(flag));
        self
    }

    pub(crate) fn u64(mut self, number: u64) -> Self {
        self.0.extend_from_slice(&number.to_le_bytes());
        self
    }

    pub(crate) fn rest(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(crate) fn bytes(mut self, bytes: &[u8]) -> Self {
        // Keys, values and messages have limits far below 4 GiB.
        self.0.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
        self.rest(bytes)
    }

    /// Revision, deadline (0: none) and shape, then the value behind its length.
    pub(crate) fn entry(self, entry: &Entry) -> Self {
        let deadline = entry.deadline.map_or(0, |deadline| deadline.get());
        self.u64(entry.revision).u64(deadline).flag_of(entry.shape as u8).bytes(&entry.value)
    }

    pub(crate) fn object(self, object: Object) -> Self {
        self.u64(handle::lend(object) as u64)
    }

    fn flag_of(mut self, number: u8) -> Self {
        self.0.push(number);
        self
    }
}

/// Packs a result.
pub(crate) fn pack(result: Result<Answer>) -> Vec<u8> {
    match result {
        Ok(answer) => pack_answer(answer).0,
        Err(error) => pack_error(&error),
    }
}

fn pack_answer(answer: Answer) -> Out {
    let out = Out::ok();
    match answer {
        Answer::Nothing => out,
        Answer::Client(client) => out.object(Object::Client(client)),
        Answer::Map(map) => out.object(Object::Map(map)),
        Answer::Written(written) => {
            let out = out.u64(written.revision).flag(written.changed).flag(written.previous.is_some());
            out.rest(written.previous.as_deref().unwrap_or_default())
        }
        Answer::Counted(counted) => out.u64(counted.revision).u64(counted.value.cast_unsigned()),
        Answer::CountedFloat(counted) => out.u64(counted.revision).u64(counted.value.to_bits()),
        Answer::Edited(edited) => out.u64(edited.revision).flag(edited.changed).u64(edited.len as u64),
        Answer::Txn(done) => out.u64(done.revision).flag(done.matched).flag(done.changed),
        Answer::Entry(None) => out.flag(false),
        Answer::Entry(Some(entry)) => out.flag(true).entry(&entry),
        Answer::Revision(revision) => out.u64(revision),
        Answer::Events(events) => out.rest(&packed::pack(&events)),
    }
}

/// Packs an error: whether the write may have been applied, then kind, operation, object, message and causes.
pub(crate) fn pack_error(error: &Error) -> Vec<u8> {
    let mut causes = String::new();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let between = if causes.is_empty() { "" } else { ": " };
        causes = format!("{causes}{between}{cause}");
        source = cause.source();
    }
    let texts = [error.kind().as_str(), error.operation(), error.object(), error.message(), &causes];
    let out = Out(vec![1]).flag(error.maybe_applied());
    texts.iter().fold(out, |out, text| out.bytes(text.as_bytes())).0
}

/// Packs a log record: level, target and message.
pub(crate) fn pack_record(record: &Record) -> Vec<u8> {
    let texts = [record.level, record.target, &record.message];
    texts.iter().fold(Out(Vec::new()), |out, text| out.bytes(text.as_bytes())).0
}
