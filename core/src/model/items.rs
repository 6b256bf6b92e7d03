//! Lists and sets as bytes: each item behind its length, a little-endian `u32`.
//!
//! The frame lets an engine append without reading the rest, and keeps items with any bytes in them apart.

use bytes::{BufMut, Bytes, BytesMut};

const FRAME: usize = 4;

/// Frames `items` one behind the other.
#[must_use]
pub fn join<T: AsRef<[u8]>>(items: impl IntoIterator<Item = T>) -> Bytes {
    let mut out = BytesMut::new();
    for item in items {
        push(&mut out, item.as_ref());
    }
    out.freeze()
}

/// Frames one more item behind `out`.
pub fn push(out: &mut BytesMut, item: &[u8]) {
    out.reserve(FRAME + item.len());
    out.put_u32_le(u32::try_from(item.len()).unwrap_or(u32::MAX));
    out.put_slice(item);
}

/// The items framed in `value`, sharing its memory; stops at a torn frame.
pub fn split(value: &Bytes) -> impl Iterator<Item = Bytes> + '_ {
    let mut rest = value.clone();
    std::iter::from_fn(move || {
        let length = u32::from_le_bytes(rest.get(..FRAME)?.try_into().ok()?) as usize;
        if rest.len() < FRAME + length {
            return None;
        }
        let item = rest.slice(FRAME..FRAME + length);
        rest = rest.slice(FRAME + length..);
        Some(item)
    })
}

/// How many items `value` holds.
#[must_use]
pub fn count(value: &[u8]) -> usize {
    let (mut rest, mut count) = (value, 0);
    while let Some((frame, after)) = rest.split_first_chunk::<FRAME>() {
        let length = u32::from_le_bytes(*frame) as usize;
        let Some(next) = after.get(length..) else { break };
        (rest, count) = (next, count + 1);
    }
    count
}

/// `value` without any item that stands in `gone`.
#[must_use]
pub fn without(value: &Bytes, gone: &Bytes) -> Bytes {
    let gone: Vec<Bytes> = split(gone).collect();
    join(split(value).filter(|item| !gone.contains(item)))
}

/// `value` with the framed items of `more` behind it.
#[must_use]
pub fn concat(value: &Bytes, more: &Bytes) -> Bytes {
    let mut out = BytesMut::with_capacity(value.len() + more.len());
    out.extend_from_slice(value);
    out.extend_from_slice(more);
    out.freeze()
}

/// Those of `items` that `value` does not hold yet, each once, framed.
#[must_use]
pub fn fresh(value: &Bytes, items: &[Bytes]) -> Bytes {
    let held: Vec<Bytes> = split(value).collect();
    let mut out: Vec<&Bytes> = Vec::new();
    for item in items {
        if !held.contains(item) && !out.contains(&item) {
            out.push(item);
        }
    }
    join(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_with_any_bytes_come_back_as_they_went_in() {
        let items = [Bytes::from_static(b""), Bytes::from_static(b"\x00\xff"), Bytes::from_static(b"a,b")];
        let value = join(&items);
        assert_eq!(split(&value).collect::<Vec<_>>(), items);
        assert_eq!(count(&value), 3);
    }

    #[test]
    fn a_torn_frame_ends_the_list_and_does_not_panic() {
        let value = join(["one", "two"]);
        for cut in 0..value.len() {
            assert!(count(&value[..cut]) < 2);
        }
    }

    #[test]
    fn removing_takes_every_occurrence_and_fresh_gives_each_item_once() {
        let value = join(["a", "b", "a"]);
        assert_eq!(without(&value, &join(["a"])), join(["b"]));
        let wanted = ["a", "c", "c"].map(Bytes::from);
        assert_eq!(fresh(&value, &wanted), join(["c"]));
    }
}
