//! What the server sends, as values: the protocol's second and third version (RESP2, RESP3).
//!
//! Guarantees: however the bytes are cut into reads, the same values come out, and no byte is looked at again for
//! that; a string is a slice of what was read, so that it costs no copy and no allocation; bytes that are not of the
//! protocol are an error, and what they claim to be long reserves nothing before it is there.
//!
//! A short string keeps the read buffer that it is a slice of, a long one mostly only itself. Who keeps one for longer
//! than an answer lives takes it [`detached`].

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

/// How much is read at once, if there is as much.
const CHUNK: usize = 64 << 10;
/// For how much of a long string room is made before any of it is there.
const AT_ONCE: usize = 1 << 20;
/// With less room than this a new buffer is begun.
const ROOM: usize = 4 << 10;
/// The longest line: a number, a status or an error.
const LINE: usize = 64 << 10;
/// The longest string: what Redis itself has as its limit.
const STRING: usize = 512 << 20;
/// The most parts of an array.
const PARTS: usize = 1 << 26;
/// For how many of them room is made before any is there.
const PARTS_AT_ONCE: usize = 16 << 10;
/// The most bytes of an answer: nothing that is asked for has nearly as many.
const ANSWER: usize = 1 << 30;
/// How deep arrays may lie in each other.
const DEPTH: usize = 32;

/// One value. What the third version has a name of its own for comes as what it was in the second: a map as an
/// array of keys and values in turn, a set as an array, a long number or a text with a format as a string.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Nil,
    Int(i64),
    Double(f64),
    Bool(bool),
    /// Any bytes.
    Text(Bytes),
    Array(Vec<Self>),
    /// What the server says unasked; its first part says what it is.
    Push(Vec<Self>),
    /// Why the server refuses: a code in capitals, a space and a sentence.
    Error(Bytes),
}

/// Bytes that are not of the protocol: nothing after them can be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// Reads values from a connection.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// What was read and is not part of a value yet.
    buffer: BytesMut,
    /// How far the buffer has been searched for the end of its first line.
    searched: usize,
    /// The string whose length was read, and how long it is.
    string: Option<(Form, usize)>,
    /// What is here of it, if it is long and was not here at once: it has a buffer of its own.
    long: Option<BytesMut>,
    /// The arrays that are not complete yet, each inside the one before.
    open: Vec<Open>,
    /// How many bytes the value has so far.
    taken: usize,
}

/// What is inside a string with a length.
#[derive(Clone, Copy, Debug)]
enum Form {
    Plain,
    /// Behind three letters and a colon.
    Verbatim,
    Error,
}

/// An array that lacks some of its parts.
#[derive(Debug)]
struct Open {
    kind: Kind,
    missing: usize,
    parts: Vec<Value>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Array,
    Push,
    /// What is said about the value behind it, which nobody here asks for.
    Attributes,
}

/// What a line, or a line and its string, is.
enum Piece {
    Whole(Value),
    /// The parts follow.
    Head(Kind, usize),
    /// The string follows.
    Length(Form, usize),
}

impl Reader {
    /// Reads what there is; the number of bytes is 0 at the end of the connection.
    pub(super) async fn fill(&mut self, socket: &mut (impl AsyncRead + Unpin)) -> std::io::Result<usize> {
        match self.long() {
            Some((long, missing)) => socket.read_buf(&mut long.limit(missing)).await,
            None => {
                if self.buffer.capacity() - self.buffer.len() < ROOM {
                    self.buffer.reserve(CHUNK);
                }
                socket.read_buf(&mut self.buffer).await
            }
        }
    }

    /// The buffer of the long string that is being read, with room for more of it, and how much it lacks.
    fn long(&mut self) -> Option<(&mut BytesMut, usize)> {
        let (_, length) = self.string.filter(|(_, length)| !is_small(*length))?;
        let long = self.long.get_or_insert_with(|| {
            let here = self.buffer.split_to(self.buffer.len().min(length));
            let mut long = BytesMut::with_capacity(length.min(AT_ONCE).max(here.len()));
            long.extend_from_slice(&here);
            long
        });
        let missing = length - long.len();
        if missing > 0 && long.len() == long.capacity() {
            // It gets no more room than it has shown to need, doubled each time.
            long.reserve(missing.min(long.len()));
        }
        (missing > 0).then_some((long, missing))
    }

    /// The next value that is complete, if there is one.
    pub(super) fn next(&mut self) -> Result<Option<Value>, Malformed> {
        loop {
            let piece = match self.string {
                Some((form, length)) => self.string(form, length)?,
                None => self.line()?,
            };
            let value = match piece {
                None => return Ok(None),
                Some(Piece::Length(form, length)) => {
                    self.string = Some((form, length));
                    continue;
                }
                Some(Piece::Head(kind, count)) => match self.begin(kind, count)? {
                    Some(empty) => empty,
                    None => continue,
                },
                Some(Piece::Whole(value)) => value,
            };
            if let Some(value) = self.put(value) {
                self.taken = 0;
                return Ok(Some(value));
            }
        }
    }

    /// Begins an array, unless it is complete without parts.
    fn begin(&mut self, kind: Kind, count: usize) -> Result<Option<Value>, Malformed> {
        if count > PARTS || self.open.len() == DEPTH {
            return Err(Malformed);
        }
        if count == 0 {
            return match kind {
                Kind::Array => Ok(Some(Value::Array(Vec::new()))),
                Kind::Attributes => Ok(None),
                Kind::Push => Err(Malformed),
            };
        }
        // Each part takes three bytes at least: room is made for those that may be here already.
        let here = (self.buffer.len() / 3 + 1).min(PARTS_AT_ONCE);
        let parts = Vec::with_capacity(count.min(here));
        self.open.push(Open { kind, missing: count, parts });
        Ok(None)
    }

    /// Puts a value where it belongs; gives it back, or what it makes complete, if that belongs nowhere.
    fn put(&mut self, mut value: Value) -> Option<Value> {
        while let Some(open) = self.open.last_mut() {
            open.missing -= 1;
            if open.kind != Kind::Attributes {
                open.parts.push(value);
            }
            if open.missing > 0 {
                return None;
            }
            let complete = self.open.pop()?;
            value = match complete.kind {
                Kind::Array => Value::Array(complete.parts),
                Kind::Push => Value::Push(complete.parts),
                Kind::Attributes => return None,
            };
        }
        Some(value)
    }

    /// What the next line says.
    fn line(&mut self) -> Result<Option<Piece>, Malformed> {
        let Some(end) = self.line_end()? else { return Ok(None) };
        let (kind, line) = self.buffer[..end].split_first().ok_or(Malformed)?;
        let whole = match kind {
            // These are whole lines, and slices of the buffer.
            b'+' | b'(' => Value::Text,
            b'-' => Value::Error,
            kind => {
                let piece = read_line(*kind, line)?;
                self.skip(end + 2)?;
                return Ok(Some(piece));
            }
        };
        self.skip(1)?;
        let line = self.split(end - 1)?;
        Ok(Some(Piece::Whole(whole(line))))
    }

    /// Where the first line ends, without the two bytes that end it.
    fn line_end(&mut self) -> Result<Option<usize>, Malformed> {
        loop {
            let Some(found) = self.buffer[self.searched..].iter().position(|byte| *byte == b'\n') else {
                self.searched = self.buffer.len();
                return if self.searched > LINE { Err(Malformed) } else { Ok(None) };
            };
            let end = self.searched + found;
            self.searched = end + 1;
            if end > 0 && self.buffer[end - 1] == b'\r' {
                self.searched = 0;
                return Ok(Some(end - 1));
            }
        }
    }

    /// A string whose length is known.
    fn string(&mut self, form: Form, length: usize) -> Result<Option<Piece>, Malformed> {
        let long = match &self.long {
            Some(long) if long.len() < length => return Ok(None),
            long => long.is_some(),
        };
        let rest = if long { 0 } else { length };
        match self.buffer.get(rest..rest + 2) {
            None => return Ok(None),
            Some(b"\r\n") => self.string = None,
            Some(_) => return Err(Malformed),
        }
        let mut text = self.split(rest)?;
        if let Some(long) = self.long.take() {
            self.taken += long.len();
            text = long.freeze();
        }
        Ok(Some(Piece::Whole(match form {
            Form::Plain => Value::Text(text),
            Form::Error => Value::Error(text),
            Form::Verbatim if text.get(3) == Some(&b':') => {
                text.advance(4);
                Value::Text(text)
            }
            Form::Verbatim => return Err(Malformed),
        })))
    }

    /// Takes bytes that two more end.
    fn split(&mut self, length: usize) -> Result<Bytes, Malformed> {
        let text = self.buffer.split_to(length).freeze();
        self.taken += length;
        self.skip(2)?;
        Ok(text)
    }

    fn skip(&mut self, count: usize) -> Result<(), Malformed> {
        self.buffer.advance(count);
        self.taken += count;
        if self.taken > ANSWER { Err(Malformed) } else { Ok(()) }
    }
}

/// Reads a line that is a small value, or the head of a longer one.
fn read_line(kind: u8, line: &[u8]) -> Result<Piece, Malformed> {
    let size = || usize::try_from(integer(line)?).map_err(|_| Malformed);
    let length = |form| match size()? {
        length if length <= STRING => Ok(Piece::Length(form, length)),
        _ => Err(Malformed),
    };
    Ok(match kind {
        b'$' | b'*' if line == b"-1" => Piece::Whole(Value::Nil),
        b'$' => length(Form::Plain)?,
        b'=' => length(Form::Verbatim)?,
        b'!' => length(Form::Error)?,
        b'*' | b'~' => Piece::Head(Kind::Array, size()?),
        b'>' => Piece::Head(Kind::Push, size()?),
        b'%' => Piece::Head(Kind::Array, size()?.checked_mul(2).ok_or(Malformed)?),
        b'|' => Piece::Head(Kind::Attributes, size()?.checked_mul(2).ok_or(Malformed)?),
        b':' => Piece::Whole(Value::Int(integer(line)?)),
        b',' => Piece::Whole(Value::Double(double(line).ok_or(Malformed)?)),
        b'_' if line.is_empty() => Piece::Whole(Value::Nil),
        b'#' if line == b"t" => Piece::Whole(Value::Bool(true)),
        b'#' if line == b"f" => Piece::Whole(Value::Bool(false)),
        _ => return Err(Malformed),
    })
}

/// A decimal number: most lines are one, and short.
fn integer(text: &[u8]) -> Result<i64, Malformed> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() {
        return Err(Malformed);
    }
    // It is counted downwards, because there is one number more below zero than above.
    let below = digits.iter().try_fold(0_i64, |number, digit| {
        let digit = digit.wrapping_sub(b'0');
        (digit <= 9).then(|| number.checked_mul(10)?.checked_sub(i64::from(digit)))?
    });
    let number = if negative { below } else { below.and_then(i64::checked_neg) };
    number.ok_or(Malformed)
}

fn double(text: &[u8]) -> Option<f64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// The same bytes, for who keeps them: short ones without the read buffer that they are a slice of. Longer ones keep
/// four times their size at most.
pub(super) fn detached(bytes: Bytes) -> Bytes {
    if is_small(bytes.len()) { Bytes::copy_from_slice(&bytes) } else { bytes }
}

/// Whether so many bytes are little beside a read buffer.
pub(super) const fn is_small(length: usize) -> bool {
    length < CHUNK / 4
}

#[cfg(test)]
#[path = "resp_tests.rs"]
mod tests;
