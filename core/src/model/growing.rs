//! Long lists that grow: an append writes into room behind what older views see, and costs what it adds.
//!
//! Guarantees: a value that was given out never changes, and what is given out is one piece. Relies on: one owner
//! appends (a replica, or an engine's state), and says when a key's value became something else.

use std::collections::BTreeMap;

use append_only_bytes::{AppendOnlyBytes, BytesSlice};
use bytes::Bytes;

use super::items;
use super::value::Key;

/// Shorter lists are copied: that takes less than to look for their room.
const LONG: usize = 4 << 10;

/// The room behind the long lists of a map. Each may have as much of it as the list itself takes.
#[derive(Default)]
pub(super) struct Growing(BTreeMap<Key, List>);

struct List {
    bytes: AppendOnlyBytes,
    /// How many items it has.
    count: usize,
}

/// What was given out, as the owner of a [`Bytes`].
struct View(BytesSlice);

impl AsRef<[u8]> for View {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Growing {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Growing({} lists)", self.0.len())
    }
}

impl Growing {
    /// The value of `key` with the framed items of `more` behind it, and how many items that are.
    pub(super) fn append(&mut self, key: &Key, value: &Bytes, more: &Bytes) -> (Bytes, usize) {
        if value.len() + more.len() < LONG {
            let value = items::concat(value, more);
            let count = items::count(&value);
            return (value, count);
        }
        if !self.0.get(key).is_some_and(|list| list.is(value)) {
            let mut bytes = AppendOnlyBytes::with_capacity((value.len() + more.len()).next_power_of_two());
            bytes.push_slice(value);
            self.0.insert(key.clone(), List { bytes, count: items::count(value) });
        }
        let Some(list) = self.0.get_mut(key) else { return (items::concat(value, more), 0) };
        list.bytes.push_slice(more);
        list.count += items::count(more);
        (Bytes::from_owner(View(list.bytes.slice(..))), list.count)
    }

    /// The value of `key` is another now, or none.
    pub(super) fn forget(&mut self, key: &Key) {
        if !self.0.is_empty() {
            self.0.remove(key);
        }
    }
}

impl List {
    /// Whether this is all of it: not what it was before, nor another value that is alike.
    fn is(&self, value: &Bytes) -> bool {
        std::ptr::eq(self.bytes.as_bytes(), &value[..])
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn item(length: usize) -> Bytes {
        items::join([vec![b'i'; length]])
    }

    #[test]
    fn an_append_to_a_long_list_does_not_move_it() {
        let mut growing = Growing::default();
        let key = Key::from("l");
        let (first, _) = growing.append(&key, &items::join([vec![0; 9_000]]), &item(10));
        let (second, count) = growing.append(&key, &first, &item(10));
        assert_eq!((first.as_ptr(), count), (second.as_ptr(), 3));
        growing.forget(&key);
        assert_ne!(growing.append(&key, &second, &item(10)).0.as_ptr(), second.as_ptr());
    }

    proptest! {
        /// Whatever is appended to which earlier value, each is what it was.
        #[test]
        fn old_values_never_change(steps in vec((any::<prop::sample::Index>(), 0_usize..3_000, any::<bool>()), 1..60)) {
            let mut growing = Growing::default();
            let key = Key::from("l");
            let mut values = vec![(Bytes::new(), Vec::new(), 0)];
            for (at, length, last) in steps {
                let at = if last { values.len() - 1 } else { at.index(values.len()) };
                let (value, model, items) = values[at].clone();
                let more = item(length);
                let (grown, count) = growing.append(&key, &value, &more);
                values.push((grown, [&model[..], &more].concat(), items + 1));
                prop_assert_eq!(count, items + 1);
            }
            for (value, model, _) in values {
                prop_assert_eq!(&value[..], &model[..]);
            }
        }
    }
}
