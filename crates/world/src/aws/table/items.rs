//! The rows, and how writes change them.

use std::collections::BTreeMap;
use std::rc::Rc;

use jiff::Timestamp;
use smol_str::SmolStr;
use tenfold_ports::CallError;
use tenfold_ports::table::{
    BATCH, Cancelled, Condition, Item, Key, TransactError, Update, Value, Write, WriteError,
};

use super::refusal::invalid;
use super::row::Row;
use super::scaled::Scaled;
use super::size::{MAX_ITEM, MAX_TRANSACTION, size};
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

/// What a write makes of its item; none for one that only checks.
type Change = Option<Option<Item>>;

/// Why there is no change.
enum Refusal {
    Condition(Option<Item>),
    Invalid(CallError),
}

impl Items {
    /// When an item's time is over, in seconds of the Unix epoch.
    pub(super) fn expires(&self, item: &Item) -> Option<i64> {
        item.number(self.time_to_live?).ok()
    }

    /// The item with this key.
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<&Item> {
        self.row(key)?.now.as_ref()
    }

    /// All items, in the order of their keys.
    pub fn all(&self) -> impl Iterator<Item = &Item> {
        self.rows.values().filter_map(|row| row.now.as_ref())
    }

    /// Puts an item as it is, without a call, as if it had always been there: no stream tells of it.
    pub fn put(&mut self, item: Item) {
        let key = item.key.clone();
        let watch = self.watch.take();
        self.set(&key, Some(item), Timestamp::MIN);
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

    pub(crate) fn row(&self, key: &Key) -> Option<&Row> {
        let found = match &self.scaled {
            Some(scaled) => scaled.rows.get(key),
            None => self.rows.get(key),
        };
        found.map(Rc::as_ref)
    }

    fn set(&mut self, key: &Key, item: Option<Item>, now: Timestamp) {
        self.set_as(key, item, now, false);
    }

    /// The same, or DynamoDB's own deletion of an item that has expired.
    pub(super) fn set_as(&mut self, key: &Key, item: Option<Item>, written: Timestamp, expired: bool) {
        let old = self.row(key);
        let before = old.and_then(|row| row.now.clone());
        let gone = old.filter(|_| self.scaled.is_none()).map_or(0, |row| fingerprint(&(key, row)));
        if let Some(watch) = self.watch
            && let Err(what) = watch(self, before.as_ref(), item.as_ref())
        {
            self.broken.get_or_insert_with(|| what.into());
        }
        if let Some(stream) = self.stream.as_mut().filter(|_| written > Timestamp::MIN) {
            stream.record(key, before.as_ref(), item.as_ref(), written, expired);
        }
        let time = item.as_ref().and_then(|item| self.expires(item));
        if let Some(scaled) = &mut self.scaled {
            scaled.change(key, before.as_ref(), item.as_ref(), time);
            let rows = Rc::make_mut(&mut self.rows);
            if item.is_none() {
                rows.remove(key);
                scaled.rows.remove(key);
            } else {
                let row = Rc::new(Row { now: item, before: None, written });
                rows.insert(key.clone(), Rc::clone(&row));
                scaled.rows.insert(key.clone(), row);
            }
            return;
        }
        let row = Row { now: item, before, written };
        self.fingerprint = self.fingerprint.wrapping_sub(gone).wrapping_add(fingerprint(&(key, &row)));
        Rc::make_mut(&mut self.rows).insert(key.clone(), Rc::new(row));
    }

    /// Makes one write.
    pub(crate) fn write(&mut self, write: &Write, now: Timestamp) -> Result<(), WriteError> {
        self.valid(write)?;
        match self.change(write) {
            Ok(change) => {
                self.make(write.key(), change, now);
                Ok(())
            }
            Err(Refusal::Condition(current)) => Err(WriteError::Conflict { current }),
            Err(Refusal::Invalid(error)) => Err(error.into()),
        }
    }

    /// Makes all writes or none.
    pub(crate) fn transact(&mut self, writes: &[Write], now: Timestamp) -> Result<(), TransactError> {
        self.valid_together(writes)?;
        let mut changes = Vec::with_capacity(writes.len());
        let mut reasons = Vec::new();
        for (i, write) in writes.iter().enumerate() {
            match self.change(write) {
                Ok(change) => changes.push(change),
                Err(Refusal::Condition(current)) => {
                    reasons.resize(writes.len(), Cancelled::No);
                    reasons[i] = Cancelled::Condition(current);
                }
                // What no condition gave as a reason fails the call, whatever the other reasons are.
                Err(Refusal::Invalid(error)) => return Err(error.into()),
            }
        }
        if !reasons.is_empty() {
            return Err(TransactError::Cancelled(reasons));
        }
        for (write, change) in writes.iter().zip(changes) {
            self.make(write.key(), change, now);
        }
        Ok(())
    }

    fn make(&mut self, key: &Key, change: Change, now: Timestamp) {
        if let Some(item) = change {
            self.set(key, item, now);
        }
    }

    /// What the write would make of its item. Changes nothing yet.
    fn change(&self, write: &Write) -> Result<Change, Refusal> {
        let current = self.get(write.key());
        if !write.condition().holds(current) {
            return Err(Refusal::Condition(current.cloned()));
        }
        Ok(match write {
            Write::Put { item, .. } => Some(Some(item.clone())),
            Write::Delete { .. } => Some(None),
            Write::Check { .. } => None,
            Write::Update { key, updates, .. } => {
                let mut item = current.cloned().unwrap_or_else(|| Item::new(key.clone()));
                for (name, update) in updates {
                    addable(&item, name, update).map_err(Refusal::Invalid)?;
                    update.apply(name, &mut item);
                }
                self.valid_size(&item).map_err(Refusal::Invalid)?;
                Some(Some(item))
            }
        })
    }

    /// What DynamoDB refuses before it looks at any item.
    fn valid(&self, write: &Write) -> Result<(), CallError> {
        valid_key(write.key())?;
        match write {
            Write::Put { item, .. } => self.valid_size(item),
            Write::Update { updates, .. } => valid_updates(updates),
            Write::Delete { .. } => Ok(()),
            Write::Check { condition, .. } => valid_check(condition),
        }
    }

    fn valid_together(&self, writes: &[Write]) -> Result<(), CallError> {
        if writes.is_empty() || writes.len() > BATCH {
            return Err(invalid("a transaction has 1 to 100 writes"));
        }
        for (i, write) in writes.iter().enumerate() {
            self.valid(write)?;
            if writes[..i].iter().any(|before| before.key() == write.key()) {
                return Err(invalid("two writes of one item in a transaction"));
            }
            if matches!(write, Write::Update { updates, .. } if updates.is_empty()) {
                return Err(invalid("an update in a transaction changes something"));
            }
        }
        let put = |write: &Write| match write {
            Write::Put { item, .. } => size(item, self.weighs_documents),
            _ => 0,
        };
        if writes.iter().map(put).sum::<usize>() > MAX_TRANSACTION {
            return Err(invalid("a transaction of more than 4 MB"));
        }
        Ok(())
    }

    fn valid_size(&self, item: &Item) -> Result<(), CallError> {
        if size(item, self.weighs_documents) > MAX_ITEM {
            return Err(invalid("an item of more than 400 KB"));
        }
        Ok(())
    }
}

pub(crate) fn valid_key(key: &Key) -> Result<(), CallError> {
    if key.pk.is_empty() || key.sk.is_empty() {
        return Err(invalid("an empty key attribute"));
    }
    if key.pk.len() > 2048 || key.sk.len() > 1024 {
        return Err(invalid("a key attribute is too long"));
    }
    Ok(())
}

fn valid_updates(updates: &[(SmolStr, Update)]) -> Result<(), CallError> {
    for (i, (name, _)) in updates.iter().enumerate() {
        if updates[..i].iter().any(|(before, _)| before == name) {
            return Err(invalid("two changes of one attribute"));
        }
        if name == "pk" || name == "sk" {
            return Err(invalid("a change of a key attribute"));
        }
    }
    Ok(())
}

fn valid_check(condition: &Condition) -> Result<(), CallError> {
    if always_holds(condition) {
        return Err(invalid("a check checks something"));
    }
    Ok(())
}

/// Whether a condition asks for nothing, so that no expression could say it.
fn always_holds(condition: &Condition) -> bool {
    match condition {
        Condition::Always => true,
        Condition::All(all) => all.iter().all(always_holds),
        Condition::Any(any) => any.iter().any(always_holds),
        _ => false,
    }
}

/// Numbers are added to numbers and to nothing.
fn addable(item: &Item, name: &str, update: &Update) -> Result<(), CallError> {
    match (update, item.get(name)) {
        (Update::Add(n), Some(Value::N(old))) if old.checked_add(*n).is_none() => {
            // DynamoDB goes on to 38 digits; the port does not.
            Err(invalid("a number beyond 64 bits"))
        }
        (Update::Add(_), Some(Value::N(_)) | None) | (Update::Set(_) | Update::Remove, _) => Ok(()),
        (Update::Add(_), Some(_)) => Err(invalid("a number is added to what is none")),
    }
}
