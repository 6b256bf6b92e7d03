//! The entries of a map as a persistent hash trie: O(1) snapshots, and a whole batch becomes visible at once.

use std::sync::Arc;

use foldhash::fast::RandomState;
use imbl::shared_ptr::DefaultSharedPtr;

use super::change::Effect;
use super::growing::Growing;
use super::items;
use super::value::{Entry, Key};

/// All entries of a map. A clone is O(1) and shares what does not change.
#[derive(Debug, Default)]
pub struct Entries {
    map: Trie,
    growing: Growing,
}

/// The room behind long lists stays with the one that changes.
impl Clone for Entries {
    fn clone(&self) -> Self {
        Self { map: self.map.clone(), growing: Growing::default() }
    }
}

/// Seeded by chance against keys chosen to collide; nothing depends on the order. Entries are shared, because a write
/// copies the nodes on its way if a reader holds them, and a counter is cheaper to copy than an entry.
type Trie = imbl::GenericHashMap<Key, Arc<Entry>, RandomState, DefaultSharedPtr>;

/// What an effect did to one entry.
#[derive(Debug)]
pub struct Touched {
    /// The entry before.
    pub old: Option<Arc<Entry>>,
    /// The entry after.
    pub new: Option<Arc<Entry>>,
    /// How many items the list or set has after an append.
    pub count: Option<usize>,
}

impl PartialEq for Entries {
    fn eq(&self, other: &Self) -> bool {
        self.map == other.map
    }
}

impl Entries {
    /// The entry of `key`, expired or not.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Entry> {
        self.map.get(key).map(|entry| &**entry)
    }

    /// The key as it is stored, with its entry.
    #[must_use]
    pub fn get_key_value(&self, key: &str) -> Option<(&Key, &Entry)> {
        self.map.get_key_value(key).map(|(key, entry)| (key, &**entry))
    }

    /// How many there are, expired ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// All of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&Key, &Entry)> {
        self.map.iter().map(|(key, entry)| (key, &**entry))
    }

    /// Stores one entry as it is: for loading, not for changes.
    pub fn insert(&mut self, key: Key, entry: Entry) -> Option<Arc<Entry>> {
        self.map.insert(key, Arc::new(entry))
    }

    /// Makes the entry of `key` this one, or none.
    pub(super) fn put(&mut self, key: &Key, entry: Option<Arc<Entry>>) {
        match entry {
            Some(entry) => self.map.insert(key.clone(), entry),
            None => self.map.remove(key),
        };
    }

    /// Goes on as another copy, with the room behind the long lists that both have.
    pub(super) fn become_copy(&mut self, copy: Self) {
        self.map = copy.map;
    }

    /// Does what `effect` says, as part of `revision`. [`Effect::Clear`] touches no entry by name: the
    /// caller who wants the old ones takes a clone first.
    pub fn apply(&mut self, effect: &Effect, revision: u64) -> Option<Touched> {
        match effect {
            Effect::Put { key, value, shape, deadline } => {
                let (value, shape, deadline) = (value.clone(), *shape, *deadline);
                self.growing.forget(key);
                Some(self.replace(key, Entry { value, revision, deadline, shape }))
            }
            Effect::Append { key, items } => {
                let (value, count) = self.growing.append(key, &self.map.get(key)?.value, items);
                let touched = self.edit(key, revision, |entry| entry.value = value)?;
                Some(Touched { count: Some(count), ..touched })
            }
            Effect::Remove { key, items } => {
                self.growing.forget(key);
                self.edit(key, revision, |entry| entry.value = items::without(&entry.value, items))
            }
            Effect::Touch { key, deadline } => self.edit(key, revision, |entry| entry.deadline = *deadline),
            Effect::Delete { key } | Effect::Expire { key } => {
                self.growing.forget(key);
                let old = self.map.remove(key);
                Some(Touched { old, new: None, count: None })
            }
            Effect::Clear => {
                *self = Self::default();
                None
            }
        }
    }

    fn edit(&mut self, key: &Key, revision: u64, change: impl FnOnce(&mut Entry)) -> Option<Touched> {
        let mut entry = self.get(key)?.clone();
        change(&mut entry);
        entry.revision = revision;
        Some(self.replace(key, entry))
    }

    fn replace(&mut self, key: &Key, entry: Entry) -> Touched {
        let entry = Arc::new(entry);
        let old = self.map.insert(key.clone(), entry.clone());
        Touched { old, new: Some(entry), count: None }
    }
}
