//! Properties of the reader: how the bytes are cut does not matter, the redis crate reads them the same way, and
//! nothing that is sent makes it panic or reserve what is not there.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use proptest::collection::vec;
use proptest::prelude::*;
use tokio::io::ReadBuf;

use super::*;

/// What a server may send, with the names that the third version has.
#[derive(Clone, Debug)]
enum Sent {
    Line(u8, Vec<u8>),
    Int(i64),
    Double(f64),
    Bool(bool),
    Null(&'static str),
    String(u8, Vec<u8>),
    Many(u8, Vec<Self>),
    Attributes(Vec<Self>, Box<Self>),
}

fn write(sent: &Sent, out: &mut Vec<u8>) {
    let head = |kind: u8, number: usize, out: &mut Vec<u8>| {
        out.push(kind);
        out.extend(format!("{number}\r\n").bytes());
    };
    match sent {
        Sent::Line(kind, text) => out.extend([&[*kind][..], text, b"\r\n"].concat()),
        Sent::Int(number) => out.extend(format!(":{number}\r\n").bytes()),
        Sent::Double(number) => out.extend(format!(",{number}\r\n").bytes()),
        Sent::Bool(flag) => out.extend(if *flag { b"#t\r\n" } else { b"#f\r\n" }),
        Sent::Null(text) => out.extend(text.bytes()),
        Sent::String(kind, text) => {
            head(*kind, text.len(), out);
            out.extend([&text[..], b"\r\n"].concat());
        }
        Sent::Many(kind, parts) => {
            head(*kind, if *kind == b'%' { parts.len() / 2 } else { parts.len() }, out);
            parts.iter().for_each(|part| write(part, out));
        }
        Sent::Attributes(parts, value) => {
            head(b'|', parts.len() / 2, out);
            parts.iter().for_each(|part| write(part, out));
            write(value, out);
        }
    }
}

fn bytes(sent: &[Sent]) -> Vec<u8> {
    let mut out = Vec::new();
    sent.iter().for_each(|sent| write(sent, &mut out));
    out
}

fn sent() -> impl Strategy<Value = Sent> {
    let line = || "[a-zA-Z0-9 _.]{0,20}".prop_map(String::into_bytes);
    let leaf = prop_oneof![
        line().prop_map(|text| Sent::Line(b'+', text)),
        ("[A-Z]{3,9}", "( [a-z]{1,9}){0,3}")
            .prop_map(|(code, text)| Sent::Line(b'-', (code + &text).into_bytes())),
        "-?[0-9]{1,40}".prop_map(|text| Sent::Line(b'(', text.into_bytes())),
        any::<i64>().prop_map(Sent::Int),
        any::<f64>().prop_filter("a number", |number| !number.is_nan()).prop_map(Sent::Double),
        any::<bool>().prop_map(Sent::Bool),
        prop_oneof![Just("_\r\n"), Just("$-1\r\n"), Just("*-1\r\n")].prop_map(Sent::Null),
        vec(any::<u8>(), 0..80).prop_map(|text| Sent::String(b'$', text)),
        line().prop_map(|text| Sent::String(b'=', [b"txt:", &text[..]].concat())),
        "[A-Z]{3,9} [a-z ]{1,9}".prop_map(|text| Sent::String(b'!', text.into_bytes())),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        let pairs = || vec((inner.clone(), inner.clone()), 0..4);
        let flat =
            |pairs: Vec<(Sent, Sent)>| pairs.into_iter().flat_map(|(key, value)| [key, value]).collect();
        prop_oneof![
            vec(inner.clone(), 0..7).prop_map(|parts| Sent::Many(b'*', parts)),
            vec(inner.clone(), 0..7).prop_map(|parts| Sent::Many(b'~', parts)),
            pairs().prop_map(move |pairs| Sent::Many(b'%', flat(pairs))),
            vec(inner.clone(), 0..4).prop_map(|mut parts| {
                parts.insert(0, Sent::String(b'$', b"message".to_vec()));
                Sent::Many(b'>', parts)
            }),
            (pairs(), inner.clone())
                .prop_map(move |(pairs, value)| Sent::Attributes(flat(pairs), Box::new(value))),
        ]
    })
}

/// Gives bytes in pieces of these sizes.
struct Pieces<'a> {
    rest: &'a [u8],
    sizes: std::iter::Cycle<std::slice::Iter<'a, usize>>,
}

impl AsyncRead for Pieces<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let size = self.sizes.next().map_or(1, |size| *size).min(out.remaining()).min(self.rest.len());
        let (piece, rest) = self.rest.split_at(size);
        out.put_slice(piece);
        self.rest = rest;
        Poll::Ready(Ok(()))
    }
}

/// All values in these bytes, read in pieces of these sizes.
fn read(bytes: &[u8], sizes: &[usize]) -> Result<Vec<Value>, Malformed> {
    let mut socket = Pieces { rest: bytes, sizes: sizes.iter().cycle() };
    let mut reader = Reader::default();
    let mut values = Vec::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        loop {
            while let Some(value) = reader.next()? {
                values.push(value);
            }
            if reader.fill(&mut socket).await.expect("it cannot fail") == 0 {
                return Ok(values);
            }
            assert!(reader.buffer.capacity() <= 2 * CHUNK);
            // Twice what is there, beside what may be there soon.
            assert!(reader.long.as_ref().is_none_or(|long| long.capacity() <= AT_ONCE.max(2 * long.len())));
        }
    })
}

/// What the redis crate has read, as it would be here.
fn theirs(value: redis::Value) -> Value {
    let text = |text: String| Value::Text(text.into());
    let all = |parts: Vec<redis::Value>| parts.into_iter().map(theirs).collect::<Vec<_>>();
    match value {
        redis::Value::Nil => Value::Nil,
        redis::Value::Int(number) => Value::Int(number),
        redis::Value::Double(number) => Value::Double(number),
        redis::Value::Boolean(flag) => Value::Bool(flag),
        redis::Value::Okay => Value::Text("OK".into()),
        redis::Value::SimpleString(line) => text(line),
        redis::Value::VerbatimString { text: inside, .. } => text(inside),
        redis::Value::BulkString(bytes) | redis::Value::BigNumber(bytes) => Value::Text(bytes.into()),
        redis::Value::Array(parts) | redis::Value::Set(parts) => Value::Array(all(parts)),
        redis::Value::Map(pairs) => {
            Value::Array(pairs.into_iter().flat_map(|(key, value)| [theirs(key), theirs(value)]).collect())
        }
        redis::Value::Attribute { data, .. } => theirs(*data),
        redis::Value::Push { kind, data } => {
            assert_eq!(kind, redis::PushKind::Message);
            Value::Push([vec![Value::Text("message".into())], all(data)].concat())
        }
        redis::Value::ServerError(error) => {
            let detail = error.details().map(|detail| format!(" {detail}")).unwrap_or_default();
            Value::Error(format!("{}{detail}", error.code()).into())
        }
        other => panic!("{other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn however_the_bytes_are_cut_the_values_are_the_same(
        sent in vec(sent(), 0..6),
        sizes in vec(prop_oneof![1..4_usize, 1..200_usize], 1..20),
    ) {
        let bytes = bytes(&sent);
        let whole = read(&bytes, &[bytes.len().max(1)]);
        prop_assert_eq!(whole.as_ref().map(Vec::len), Ok(sent.len()));
        prop_assert_eq!(read(&bytes, &sizes), whole.clone());
        prop_assert_eq!(read(&bytes, &[1]), whole);
    }

    #[test]
    fn the_redis_crate_reads_the_same(sent in sent()) {
        let bytes = bytes(&[sent]);
        let theirs = redis::parse_redis_value(&bytes).map(|value| vec![theirs(value)]);
        prop_assert_eq!(read(&bytes, &[bytes.len()]).ok(), theirs.ok());
    }

    #[test]
    fn what_is_cut_short_or_bent_is_an_error_or_other_values(
        sent in vec(sent(), 1..4),
        blows in vec((0..4_u8, any::<prop::sample::Index>(), any::<u8>()), 1..6),
        sizes in vec(1..100_usize, 1..10),
    ) {
        let mut bytes = bytes(&sent);
        for (kind, at, byte) in blows {
            let at = at.index(bytes.len().max(1)).min(bytes.len());
            match kind {
                0 if at < bytes.len() => bytes[at] = byte,
                1 => bytes.truncate(at),
                2 => bytes.extend_from_within(at..),
                _ => bytes.insert(at, byte),
            }
        }
        prop_assert_eq!(read(&bytes, &sizes), read(&bytes, &[bytes.len().max(1)]));
    }

    #[test]
    fn any_bytes_are_values_or_an_error(bytes in vec(prop_oneof![
        any::<u8>(),
        prop::sample::select(&b"+-:$*_,#!=(>%~|0123456789\r\n\r\n\r\n"[..]),
    ], 0..200)) {
        drop(read(&bytes, &[7, 1, 64]));
    }
}

#[test]
fn a_length_alone_reserves_nothing() {
    for head in ["$536870912\r\n", "*67108864\r\n", "%33554432\r\n", ">67108864\r\n"] {
        let mut reader = Reader { buffer: head.as_bytes().into(), ..Reader::default() };
        assert_eq!(reader.next(), Ok(None), "{head}");
        assert!(reader.long().is_none_or(|(long, _)| long.capacity() <= AT_ONCE), "{head}");
        assert!(reader.open.iter().all(|open| open.parts.capacity() <= 8), "{head}");
    }
    for head in
        ["$536870913\r\n", "*67108865\r\n", "$-2\r\n", "*9223372036854775808\r\n", "%9223372036854775807\r\n"]
    {
        assert_eq!(read(head.as_bytes(), &[100]), Err(Malformed), "{head}");
    }
}

#[test]
fn arrays_lie_in_each_other_so_deep_and_no_deeper() {
    let nested = |depth: usize| ["*1\r\n".repeat(depth), ":1\r\n".to_owned()].concat().into_bytes();
    assert_eq!(read(&nested(DEPTH), &[9]).map(|values| values.len()), Ok(1));
    assert_eq!(read(&nested(DEPTH + 1), &[9]), Err(Malformed));
}

#[test]
fn a_line_without_an_end_is_not_waited_for() {
    let line = [&b"+"[..], &[b'x'; 2 * LINE]].concat();
    assert_eq!(read(&line, &[1_000]), Err(Malformed));
}

#[test]
fn a_long_answer_in_small_reads_takes_no_longer_than_its_bytes() {
    // Were it read from its start each time, this would take hours.
    let parts = vec![Sent::String(b'$', b"value".to_vec()); 100_000];
    let values = read(&bytes(&[Sent::Many(b'*', parts)]), &[3]).expect("an array");
    assert!(matches!(&values[..], [Value::Array(parts)] if parts.len() == 100_000));
}

#[test]
fn a_long_string_is_read_in_any_pieces() {
    let long = |length: usize| Sent::String(b'$', (0..length).map(|at| at as u8).collect());
    let sent = [long(5 * CHUNK), Sent::Int(1), long(CHUNK / 4), long(2 * AT_ONCE + 7), long(3), long(CHUNK)];
    let sent = bytes(&sent);
    let whole = read(&sent, &[100 * CHUNK]).expect("values");
    assert_eq!(whole.len(), 6);
    for sizes in [&[CHUNK - 1, 1][..], &[3 * CHUNK], &[1_000, 70_000, 3]] {
        assert_eq!(read(&sent, sizes).expect("values"), whole);
    }
}

#[test]
fn what_is_kept_does_not_keep_the_buffer() {
    let text = Bytes::from(vec![b'x'; CHUNK]);
    assert_ne!(detached(text.slice(..10)).as_ptr(), text.as_ptr());
    assert_eq!(detached(text.slice(..CHUNK / 2)).as_ptr(), text.as_ptr());
}
