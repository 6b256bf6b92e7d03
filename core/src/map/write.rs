//! Writing to a map: each method becomes one [`Op`] that the engine applies atomically.

use std::cmp::Ordering;
use std::time::Duration;

use bytes::Bytes;

use super::Map;
use super::follow::Captured;
use super::options::{DeleteOptions, IncrFloatOptions, IncrOptions, SetOptions};
use super::shared::Done;
use crate::error::{Error, Result};
use crate::model::items;
use crate::model::number;
use crate::model::op::{Condition, Op};
use crate::model::txn::{Txn, Write};
use crate::model::value::{Entry, Key, Shape};

/// The longest key, in bytes.
const MAX_KEY: usize = 64 << 10;
/// The most conditions and operations of one transaction.
const MAX_TXN: usize = 1_000;
/// The longest time to live: 100 years.
const MAX_TTL_MS: u64 = 100 * 365 * 24 * 3_600_000;

/// What a write did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The revision that the map has with this write; if nothing changed, the one the copy showed.
    pub revision: u64,
    /// Whether anything changed.
    pub changed: bool,
    /// The value before, if there was one. Unknown (`None`) in one rare case: the copy was loaded anew, which
    /// watchers are told, while the write was under way.
    pub previous: Option<Bytes>,
    /// How to read `previous`.
    pub previous_shape: Shape,
}

/// What a counter shows now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted<N> {
    /// The revision of the write.
    pub revision: u64,
    /// The sum.
    pub value: N,
}

/// What an edit of a list or set did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edited {
    /// The revision that the map has with this write; if nothing changed, the one the copy showed.
    pub revision: u64,
    /// Whether anything changed.
    pub changed: bool,
    /// How many items the list or set has now. If the copy was loaded anew while the write was under way, later
    /// edits by others may be counted.
    pub len: usize,
}

/// Which branch of a transaction was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TxnDone {
    /// The one revision of all that was done; if nothing changed, the one the copy showed.
    pub revision: u64,
    /// Whether all conditions held, so that `then` was done.
    pub matched: bool,
    /// Whether anything changed.
    pub changed: bool,
}

/// Writes: atomic at the engine, at most once even if the answer is lost, visible here when they return.
///
/// *Errors* of all of them: `Invalid` for a bad key (empty, over 64 KiB) or value (over `max_value`),
/// `Closed`, `Timeout`, `Unavailable` (see [`Error::maybe_applied`]). *Consistency*: after the write, reads on
/// this handle show it or something later; other nodes see it when the change arrives. *Cost*: one round trip;
/// on Redis, writes that meet share it. Cancelling leaves it open whether the write is applied.
impl Map {
    /// Sets `key`, and drops its time to live.
    ///
    /// *Errors*, *consistency*, *cost*: see [above](#impl-Map-1).
    ///
    /// ```
    /// # let runtime = tokio::runtime::Runtime::new()?;
    /// # runtime.block_on(async {
    /// let client = ponos::Ponos::open("memory://").await?;
    /// let prices = client.map("set").await?;
    /// prices.set("btc", "64000").await?;
    /// let written = prices.set("btc", "64100").await?;
    /// assert_eq!(written.previous.as_deref(), Some(&b"64000"[..]));
    /// # Ok::<(), ponos::Error>(()) })?; Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn set(&self, key: &str, value: impl Into<Bytes>) -> Result<Written> {
        self.set_with(key, value, SetOptions::default()).await
    }

    /// As [`Map::set`], under a condition or with a time to live.
    ///
    /// *Errors*: `Conflict` if the condition does not hold: nothing has changed then.
    ///
    /// ```
    /// # let runtime = tokio::runtime::Runtime::new()?;
    /// # runtime.block_on(async {
    /// use ponos::{ErrorKind, SetOptions};
    /// let client = ponos::Ponos::open("memory://").await?;
    /// let leader = client.map("set_with").await?;
    /// leader.set_with("shard-1", "me", SetOptions::default().if_absent()).await?;
    /// let taken = leader.set_with("shard-1", "you", SetOptions::default().if_absent()).await;
    /// assert_eq!(taken.unwrap_err().kind(), ErrorKind::Conflict);
    /// # Ok::<(), ponos::Error>(()) })?; Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn set_with(&self, key: &str, value: impl Into<Bytes>, options: SetOptions) -> Result<Written> {
        let op = Op::Set { value: value.into(), ttl: options.ttl.map(millis), when: options.when };
        self.one("map.set", key, op).await.map(written)
    }

    /// Removes `key`; if it is absent nothing changes.
    pub async fn delete(&self, key: &str) -> Result<Written> {
        self.delete_with(key, DeleteOptions::default()).await
    }

    /// As [`Map::delete`], under a condition.
    ///
    /// *Errors*: `Conflict` if the condition does not hold: nothing has changed then.
    pub async fn delete_with(&self, key: &str, options: DeleteOptions) -> Result<Written> {
        self.one("map.delete", key, Op::Delete { when: options.when }).await.map(written)
    }

    /// Adds to an integer counter (decimal text); an absent key counts as 0. Keeps the time to live.
    ///
    /// *Errors*: `Conflict` if the sum would leave the range of `i64`; `Invalid` if the value is no integer.
    ///
    /// ```
    /// # let runtime = tokio::runtime::Runtime::new()?;
    /// # runtime.block_on(async {
    /// let client = ponos::Ponos::open("memory://").await?;
    /// let hits = client.map("incr").await?;
    /// hits.incr("home", 2).await?;
    /// assert_eq!(hits.incr("home", 3).await?.value, 5);
    /// # Ok::<(), ponos::Error>(()) })?; Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn incr(&self, key: &str, by: i64) -> Result<Counted<i64>> {
        self.incr_with(key, by, IncrOptions::default()).await
    }

    /// As [`Map::incr`], within bounds.
    ///
    /// *Errors*: `Conflict` if the sum would leave them: nothing has changed then.
    pub async fn incr_with(&self, key: &str, by: i64, options: IncrOptions) -> Result<Counted<i64>> {
        let IncrOptions { min, max } = options;
        let done = self.one("map.incr", key, Op::Incr { by, min, max }).await?;
        self.counted("map.incr", done, number::parse_i64)
    }

    /// Adds to a floating-point counter (decimal text); an absent key counts as 0. Keeps the time to live.
    ///
    /// *Errors*: `Conflict` if the sum would not be finite; `Invalid` if `by` is not finite or the value is no
    /// number.
    pub async fn incr_float(&self, key: &str, by: f64) -> Result<Counted<f64>> {
        self.incr_float_with(key, by, IncrFloatOptions::default()).await
    }

    /// As [`Map::incr_float`], within bounds.
    ///
    /// *Errors*: `Conflict` if the sum would leave them: nothing has changed then.
    pub async fn incr_float_with(
        &self,
        key: &str,
        by: f64,
        options: IncrFloatOptions,
    ) -> Result<Counted<f64>> {
        let IncrFloatOptions { min, max } = options;
        let done = self.one("map.incr_float", key, Op::IncrFloat { by, min, max }).await?;
        self.counted("map.incr_float", done, number::parse_f64)
    }

    /// Appends items to a list, an absent key being an empty one, without sending the rest of it.
    ///
    /// *Errors*: `Invalid` if the value is no list, or would outgrow `max_value`.
    pub async fn list_append(&self, key: &str, items: Vec<Bytes>) -> Result<Edited> {
        self.edit("map.list_append", key, Op::Add { shape: Shape::List, unique: false, items }).await
    }

    /// As [`Map::list_append`], for those items that the list does not hold yet.
    pub async fn list_append_unique(&self, key: &str, items: Vec<Bytes>) -> Result<Edited> {
        self.edit("map.list_append_unique", key, Op::Add { shape: Shape::List, unique: true, items }).await
    }

    /// Removes every occurrence of the items from a list; a list that becomes empty is deleted.
    ///
    /// *Errors*: `Invalid` if the value is no list.
    pub async fn list_remove(&self, key: &str, items: Vec<Bytes>) -> Result<Edited> {
        self.edit("map.list_remove", key, Op::Remove { shape: Shape::List, items }).await
    }

    /// Adds members to a set, an absent key being an empty one.
    ///
    /// *Errors*: `Invalid` if the value is no set, or would outgrow `max_value`.
    pub async fn set_add(&self, key: &str, items: Vec<Bytes>) -> Result<Edited> {
        self.edit("map.set_add", key, Op::Add { shape: Shape::Set, unique: true, items }).await
    }

    /// Removes members from a set; a set that becomes empty is deleted.
    ///
    /// *Errors*: `Invalid` if the value is no set.
    pub async fn set_remove(&self, key: &str, items: Vec<Bytes>) -> Result<Edited> {
        self.edit("map.set_remove", key, Op::Remove { shape: Shape::Set, items }).await
    }

    /// Gives an entry a new time to live from now on, or none; if the key is absent nothing changes. Watchers
    /// get no event: the value is the same.
    pub async fn touch(&self, key: &str, ttl: Option<Duration>) -> Result<Written> {
        let op = Op::Touch { ttl: ttl.map(millis) };
        self.one("map.touch", key, op).await.map(written)
    }

    /// Removes every key in one revision.
    pub async fn clear(&self) -> Result<Written> {
        self.shared.write("map.clear", Ok(Write::Clear)).await.map(written)
    }

    /// Removes the map with its history and codec; the next write starts a new generation. Handles stay usable.
    pub async fn destroy(&self) -> Result<Written> {
        self.shared.write("map.destroy", Ok(Write::Destroy)).await.map(written)
    }

    /// Begins a transaction: conditions, and what to do if they hold or not, in one revision.
    ///
    /// ```
    /// # let runtime = tokio::runtime::Runtime::new()?;
    /// # runtime.block_on(async {
    /// use ponos::Condition;
    /// let client = ponos::Ponos::open("memory://").await?;
    /// let accounts = client.map("txn").await?;
    /// accounts.set("a", "10").await?;
    /// let moved = accounts.txn().when("a", Condition::Value("10".into())).incr("a", -4).incr("b", 4);
    /// assert!(moved.commit().await?.matched);
    /// assert_eq!(accounts.get("b").as_deref(), Some(&b"4"[..]));
    /// # Ok::<(), ponos::Error>(()) })?; Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn txn(&self) -> TxnBuilder {
        TxnBuilder { map: self.clone(), txn: Txn::default(), otherwise: false }
    }

    /// Does a transaction that was put together as a value.
    ///
    /// *Errors*: as [`TxnBuilder::commit`].
    pub async fn commit(&self, txn: Txn) -> Result<TxnDone> {
        let write = self.valid_txn(&txn).map(|()| Write::Txn(txn));
        let done = self.shared.write("map.txn", write).await?;
        Ok(TxnDone { revision: done.revision, matched: done.matched, changed: done.changed })
    }

    /// Drains writes in flight, ends the watchers and stops following. Reads go on, on the last state. Closes
    /// every handle to this map in this client; a second call does nothing.
    pub async fn close(&self) {
        self.shared.close().await;
    }

    fn one<'a>(
        &'a self,
        operation: &'static str,
        key: &str,
        op: Op,
    ) -> impl Future<Output = Result<Done>> + use<'a> {
        let checked = valid_key(key).and_then(|key| self.valid_op(&key, &op).map(|()| key));
        self.shared.write(operation, checked.map(|key| Write::One { key, op }))
    }

    async fn edit(&self, operation: &'static str, key: &str, op: Op) -> Result<Edited> {
        let done = self.one(operation, key, op).await?;
        let Captured { before, after, count } = done.captured;
        if let (true, Some(len)) = (done.changed, count) {
            return Ok(Edited { revision: done.revision, changed: true, len });
        }
        // An edit changes something that was or is there: if neither is known, the copy did not see it happen.
        let seen = done.changed && (before.is_some() || after.is_some());
        let count = |entry: &Entry| items::count(&entry.value);
        let len = if seen { after.as_deref().map(count) } else { self.with(key, count) }.unwrap_or(0);
        Ok(Edited { revision: done.revision, changed: done.changed, len })
    }

    fn counted<N>(
        &self,
        operation: &'static str,
        done: Done,
        parse: impl Fn(&[u8]) -> Option<N>,
    ) -> Result<Counted<N>> {
        let revision = done.revision;
        let value = done.captured.after.and_then(|entry| parse(&entry.value)).ok_or_else(|| {
            let message = format!("counted with revision {revision}, but the map was loaded anew meanwhile");
            Error::unavailable(message).with_maybe_applied(true).at(operation, self.name())
        })?;
        Ok(Counted { revision, value })
    }

    fn valid_op(&self, key: &str, op: &Op) -> Result<()> {
        let size = match op {
            Op::Set { ttl: Some(ttl), .. } | Op::Touch { ttl: Some(ttl) }
                if !(1..=MAX_TTL_MS).contains(ttl) =>
            {
                let message = format!("the time to live is {ttl} ms and must be from 1 ms to 100 years");
                return Err(Error::invalid(message));
            }
            Op::Incr { min, max, .. } if min > max => {
                return Err(Error::invalid(format!("the bounds are empty: min={min} is above max={max}")));
            }
            Op::IncrFloat { by, min, max }
                if !by.is_finite() || min.partial_cmp(max).is_none_or(Ordering::is_gt) =>
            {
                let message = format!("by={by} must be finite, and min={min} not above max={max}");
                return Err(Error::invalid(message));
            }
            Op::Set { value, .. } => value.len(),
            Op::Add { items, .. } | Op::Remove { items, .. } => {
                if items.is_empty() {
                    return Err(Error::invalid("there are no items; give at least one"));
                }
                items.iter().map(|item| item.len() + 4).sum()
            }
            _ => 0,
        };
        let limit = self.shared.max_value;
        if size > limit {
            let message = format!(
                "key {key:?}: the value has {size} bytes and the limit is {limit}; \
                 raise it with ?max_value= in the url, or store less"
            );
            return Err(Error::invalid(message));
        }
        Ok(())
    }

    fn valid_txn(&self, txn: &Txn) -> Result<()> {
        if txn.is_empty() {
            return Err(Error::invalid("the transaction is empty"));
        }
        if txn.len() > MAX_TXN {
            let message = format!("the transaction has {} parts and the limit is {MAX_TXN}", txn.len());
            return Err(Error::invalid(message));
        }
        let keys = txn.compare.iter().map(|(key, _)| key);
        keys.chain(txn.then.iter().chain(&txn.otherwise).map(|(key, _)| key))
            .try_for_each(|key| valid_key(key).map(drop))?;
        txn.then.iter().chain(&txn.otherwise).try_for_each(|(key, op)| self.valid_op(key, op))
    }
}

/// A transaction being put together; nothing happens before [`TxnBuilder::commit`].
///
/// If all conditions hold, the operations before [`TxnBuilder::otherwise`] are done, else those after it. Each
/// sees what those before it have done. One that is refused (a bound, a wrong type) refuses the whole.
#[derive(Clone, Debug)]
#[must_use = "a transaction does nothing before commit"]
pub struct TxnBuilder {
    map: Map,
    txn: Txn,
    otherwise: bool,
}

impl TxnBuilder {
    /// Adds a condition.
    pub fn when(mut self, key: &str, condition: Condition) -> Self {
        self.txn.compare.push((key.into(), condition));
        self
    }

    /// From here on, operations are for the case that a condition does not hold.
    pub fn otherwise(mut self) -> Self {
        self.otherwise = true;
        self
    }

    /// Adds any operation.
    pub fn op(mut self, key: &str, op: Op) -> Self {
        let branch = if self.otherwise { &mut self.txn.otherwise } else { &mut self.txn.then };
        branch.push((Key::from(key), op));
        self
    }

    /// Sets a key.
    pub fn set(self, key: &str, value: impl Into<Bytes>) -> Self {
        self.op(key, Op::Set { value: value.into(), ttl: None, when: Condition::Always })
    }

    /// Deletes a key.
    pub fn delete(self, key: &str) -> Self {
        self.op(key, Op::Delete { when: Condition::Always })
    }

    /// Adds to an integer counter.
    pub fn incr(self, key: &str, by: i64) -> Self {
        self.op(key, Op::Incr { by, min: i64::MIN, max: i64::MAX })
    }

    /// Adds to a floating-point counter.
    pub fn incr_float(self, key: &str, by: f64) -> Self {
        self.op(key, Op::IncrFloat { by, min: f64::NEG_INFINITY, max: f64::INFINITY })
    }

    /// The map and what is to be done, if it may be.
    pub(super) fn checked(self) -> Result<(Map, Txn)> {
        self.map.valid_txn(&self.txn)?;
        Ok((self.map, self.txn))
    }

    /// Does it.
    ///
    /// *Errors*: `Invalid` if it is empty, has over 1,000 parts, or a part is bad; `Conflict` or `Invalid` if an
    /// operation is refused: nothing has changed then. *Consistency*: all of it has one revision, and no reader
    /// sees half of it. *Cost*: one round trip.
    pub async fn commit(self) -> Result<TxnDone> {
        let Self { map, txn, .. } = self;
        map.commit(txn).await
    }
}

fn written(done: Done) -> Written {
    let before = done.captured.before.map(|entry| (Some(entry.value.clone()), entry.shape));
    let (previous, previous_shape) = before.unwrap_or_default();
    Written { revision: done.revision, changed: done.changed, previous, previous_shape }
}

/// The key, if it is one.
pub(super) fn valid_key(key: &str) -> Result<Key> {
    match key.len() {
        0 => Err(Error::invalid("the key is empty; give it at least one character")),
        1..=MAX_KEY => Ok(key.into()),
        length => {
            let start: String = key.chars().take(20).collect();
            let message = format!("the key {start:?}… has {length} bytes and the limit is {MAX_KEY}");
            Err(Error::invalid(message))
        }
    }
}

/// Whole milliseconds; a shorter time is none, which the check of the operation refuses.
fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
