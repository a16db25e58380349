//! The rows, and how writes change them.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::rc::Rc;

use jiff::Timestamp;
use tenfold_ports::CallError;
use tenfold_ports::table::{Cancelled, Item, Key, TransactError, Value, Write, WriteError};

use super::change::{Change, ItemSize, changes};
use super::row::Row;
use super::scaled::{Scaled, ScaledRow};
use super::size::size;
use crate::aws::stream::Stream;
use crate::kernel::fingerprint::fingerprint;
use crate::kernel::shared::Shared;

/// What must hold of every change of an item: it is given all items as they are, and the item before and
/// after. Of a transaction's changes those of other items may be made already.
pub type Watch = fn(&Items, Option<&Item>, Option<&Item>) -> Result<(), String>;

/// The items of the world's table. Copies share what they have in common.
#[derive(Debug, Clone, Default)]
pub struct Items {
    pub(super) rows: Rc<BTreeMap<Key, Rc<Row>>>,
    /// The sum of the rows' fingerprints.
    fingerprint: u64,
    /// Whether documents count for the size of an item.
    pub(super) weighs_documents: bool,
    /// The table's stream, where it has one.
    pub(crate) stream: Option<Shared<Stream>>,
    /// The attribute that says when an item's time is over.
    pub(super) time_to_live: Option<&'static str>,
    /// What there is beside the rows where there are millions of them.
    pub(super) scaled: Option<Box<Scaled>>,
    watch: Option<Watch>,
    broken: Option<Rc<str>>,
}

impl Items {
    /// When an item's time is over, in seconds of the Unix epoch.
    pub(super) fn expires(&self, item: &Item) -> Option<i64> {
        match item.get(self.time_to_live?) {
            Some(Value::N(at)) => Some(*at),
            _ => None,
        }
    }

    /// The item with this key.
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<&Item> {
        match &self.scaled {
            Some(scaled) => scaled.row(key).map(|row| &row.item),
            None => self.row(key)?.now.as_ref(),
        }
    }

    /// All items, in the order of their keys; where there are millions of them in any order.
    pub fn all(&self) -> impl Iterator<Item = &Item> {
        let scaled = self.scaled.iter().flat_map(|scaled| scaled.partitions.values());
        let of_partitions = scaled.flat_map(|rows| rows.values().map(|row| &row.item));
        self.rows.values().filter_map(|row| row.now.as_ref()).chain(of_partitions)
    }

    /// Puts an item as it is, without a call, as if it had always been there: no stream tells of it.
    pub fn put(&mut self, item: Item) {
        let key = item.key.clone();
        let watch = self.watch.take();
        let bytes = self.bytes(&item);
        self.set(&key, Some((item, bytes)), Timestamp::MIN);
        self.watch = watch;
    }

    /// From now on every change must be as `watch` wants it, or the run ends.
    pub fn watch(&mut self, watch: Watch) {
        self.watch = Some(watch);
    }

    /// What was wrong with a change.
    pub(crate) fn broken(&self) -> Option<String> {
        self.broken.as_ref().map(ToString::to_string)
    }

    /// Stands for all rows.
    pub(crate) const fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// From now on documents count for the size of an item, as they do in DynamoDB. Costly.
    pub const fn weigh_documents(&mut self) {
        self.weighs_documents = true;
    }

    /// Whether the documents of items are counted: in DynamoDB they are.
    pub(super) const fn counts_documents(&self) -> bool {
        self.weighs_documents || self.is_scaled()
    }

    pub(super) fn bytes(&self, item: &Item) -> usize {
        size(item, self.counts_documents())
    }

    /// An item's row, where rows remember what they were before.
    pub(crate) fn row(&self, key: &Key) -> Option<&Row> {
        self.rows.get(key).map(Rc::as_ref)
    }

    pub(super) fn set(&mut self, key: &Key, item: Option<ItemSize>, now: Timestamp) {
        self.set_as(key, item, now, false);
    }

    /// The same, or DynamoDB's own deletion of an item that has expired.
    pub(super) fn set_as(&mut self, key: &Key, item: Option<ItemSize>, written: Timestamp, expired: bool) {
        if self.is_scaled() {
            return self.set_scaled(key, item, written, expired);
        }
        let item = item.map(|(item, _)| item);
        let old = self.row(key);
        let before = old.and_then(|row| row.now.clone());
        let gone = old.map_or(0, |row| fingerprint(&(key, row)));
        self.tell(key, before.as_ref(), item.as_ref(), written, expired);
        let row = Row { now: item, before, written };
        self.fingerprint = self.fingerprint.wrapping_sub(gone).wrapping_add(fingerprint(&(key, &row)));
        Rc::make_mut(&mut self.rows).insert(key.clone(), Rc::new(row));
    }

    fn set_scaled(&mut self, key: &Key, item: Option<ItemSize>, written: Timestamp, expired: bool) {
        let lives_until = item.as_ref().and_then(|(item, _)| self.expires(item));
        let after = item.as_ref().map(|(item, _)| item.clone());
        let Some(scaled) = &mut self.scaled else { return };
        if let Some(until) = lives_until {
            scaled.expiring.push(Reverse((until, key.clone())));
        }
        let before = scaled.set(key, item.map(|(item, bytes)| ScaledRow { item, bytes })).map(|row| row.item);
        scaled.change(key, before.as_ref(), after.as_ref());
        self.tell(key, before.as_ref(), after.as_ref(), written, expired);
    }

    /// Tells who watches the table of a change, and its stream.
    fn tell(
        &mut self,
        key: &Key,
        before: Option<&Item>,
        after: Option<&Item>,
        written: Timestamp,
        expired: bool,
    ) {
        if let Some(watch) = self.watch
            && let Err(what) = watch(self, before, after)
        {
            self.broken.get_or_insert_with(|| what.into());
        }
        if let Some(stream) = self.stream.as_mut().filter(|_| written > Timestamp::MIN) {
            stream.record(key, before, after, written, expired);
        }
    }

    /// Makes one write.
    #[cfg(test)]
    pub(crate) fn write(&mut self, write: &Write, now: Timestamp) -> Result<(), WriteError> {
        let plan = self.plan(std::slice::from_ref(write), false)?;
        let changes = changes(plan).map_err(|reasons| one(TransactError::Cancelled(reasons)))?;
        self.make(changes, now);
        Ok(())
    }

    /// Makes all writes or none.
    pub(crate) fn transact(&mut self, writes: &[Write], now: Timestamp) -> Result<(), TransactError> {
        let plan = self.plan(writes, true)?;
        let changes = changes(plan).map_err(TransactError::Cancelled)?;
        self.make(changes, now);
        Ok(())
    }

    /// Makes what was planned.
    pub(crate) fn make(&mut self, changes: Vec<(&Key, Change)>, now: Timestamp) {
        for (key, change) in changes {
            match change {
                Change::Checks => {}
                Change::Puts(item) => self.set(key, Some(item), now),
                Change::Deletes => self.set(key, None, now),
            }
        }
    }
}

/// What became of a single write, of what became of it as a transaction.
pub(crate) fn one(error: TransactError) -> WriteError {
    match error {
        TransactError::Call(error) => error.into(),
        TransactError::Cancelled(reasons) => match reasons.into_iter().next() {
            Some(Cancelled::Condition(current)) => WriteError::Conflict { current },
            // It met a transaction.
            Some(Cancelled::No | Cancelled::Busy) | None => CallError::Throttled.into(),
        },
    }
}
