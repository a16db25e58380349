//! Ports in memory: as little as they can be, so that what is measured is what uses them.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use tenfold_ports::downstream::{Answer, Call, NoAnswer};
use tenfold_ports::metrics::{Dimension, Metric};
use tenfold_ports::queue::{Delivery, Depth, Outgoing, Rejected};
use tenfold_ports::table::{
    Cancelled, Cursor, Doc, Item, Key, Page, Query, Read, TransactError, Value, Write, WriteError,
};
use tenfold_ports::{Bytes, CallError, Clock, Downstream, Metrics, Queue, Rng, SmolStr, Table};

/// Time and chance as `tenfold-aws` takes them from the system, and metrics that go nowhere.
#[derive(Clone, Default)]
pub struct Process {
    key: RandomState,
    count: Arc<AtomicU64>,
}

impl Clock for Process {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

impl Rng for Process {
    fn next_u64(&self) -> u64 {
        self.key.hash_one(self.count.fetch_add(1, Ordering::Relaxed))
    }
}

impl Metrics for Process {
    fn record(&self, _: &[Dimension], _: &[Metric]) {}
}

/// A table of single items. Copies are the same table.
#[derive(Clone, Default)]
pub struct Rows {
    items: Rc<RefCell<HashMap<Key, Item>>>,
    frozen: Rc<Cell<bool>>,
}

impl Rows {
    /// Puts an item, as if it had always been there.
    pub fn put(&self, item: Item) {
        self.set(stored(item));
    }

    /// From now on writes are held against what is there and made, but not kept: the same can be done again.
    pub fn freeze(&self) {
        self.frozen.set(true);
    }

    /// Forgets the items of all partitions that begin so.
    pub fn forget(&self, prefix: &str) {
        self.items.borrow_mut().retain(|key, _| !key.pk.starts_with(prefix));
    }

    fn set(&self, item: Item) {
        if !self.frozen.get() {
            self.items.borrow_mut().insert(item.key.clone(), item);
        }
    }

    fn make(&self, write: Write) {
        match write {
            Write::Put { item, .. } => self.set(stored(item)),
            Write::Update { key, updates, .. } => {
                let mut item = self.read(&key).unwrap_or_else(|| Item::new(key));
                updates.iter().for_each(|(name, update)| update.apply(name, &mut item));
                self.set(stored(item));
            }
            Write::Delete { key, .. } => drop(self.items.borrow_mut().remove(&key)),
            Write::Check { .. } => {}
        }
    }

    fn read(&self, key: &Key) -> Option<Item> {
        self.items.borrow().get(key).cloned()
    }

    fn holds(&self, write: &Write) -> bool {
        write.condition().holds(self.items.borrow().get(write.key()))
    }
}

/// An item with its documents as JSON, which the adapter makes of them.
fn stored(mut item: Item) -> Item {
    let documents = item.attributes().filter_map(|(name, value)| match value {
        Value::Doc(doc) => {
            Some((SmolStr::new(name), Value::Doc(Doc::Json(doc.to_json().unwrap_or_default()))))
        }
        _ => None,
    });
    for (name, document) in documents.collect::<Vec<_>>() {
        item.set(name, document);
    }
    item
}

impl Table for Rows {
    async fn get(&self, key: &Key, _: Read) -> Result<Option<Item>, CallError> {
        Ok(self.read(key))
    }

    async fn get_many(&self, keys: &[Key], _: Read) -> Result<Vec<Option<Item>>, CallError> {
        Ok(keys.iter().map(|key| self.read(key)).collect())
    }

    async fn write(&self, write: Write) -> Result<(), WriteError> {
        if !self.holds(&write) {
            return Err(WriteError::Conflict { current: self.read(write.key()) });
        }
        self.make(write);
        Ok(())
    }

    async fn transact(&self, writes: Vec<Write>) -> Result<(), TransactError> {
        if writes.iter().all(|write| self.holds(write)) {
            writes.into_iter().for_each(|write| self.make(write));
            return Ok(());
        }
        let reason = |write: &Write| {
            if self.holds(write) { Cancelled::No } else { Cancelled::Condition(self.read(write.key())) }
        };
        Err(TransactError::Cancelled(writes.iter().map(reason).collect()))
    }

    async fn query(&self, _: Query) -> Result<Page, CallError> {
        Err(unused())
    }

    async fn count(&self, _: Query) -> Result<(u64, Option<Cursor>), CallError> {
        Err(unused())
    }
}

/// A target that answers at once, and well.
#[derive(Clone, Copy)]
pub struct Target;

impl Downstream for Target {
    async fn call(&self, _: Call) -> Result<Answer, NoAnswer> {
        let body = Bytes::from_static(b"{\"charged\":true}");
        let content_type = (SmolStr::new_static("content-type"), SmolStr::new_static("application/json"));
        Ok(Answer { status: 200, headers: vec![content_type], body, truncated: false })
    }
}

/// A queue that no case comes to use.
#[derive(Clone, Copy)]
pub struct NoQueue;

impl Queue for NoQueue {
    async fn send(&self, _: Vec<Outgoing>) -> Result<Rejected, CallError> {
        Err(unused())
    }

    async fn receive(&self, _: usize, _: Duration) -> Result<Vec<Delivery>, CallError> {
        Err(unused())
    }

    async fn delete(&self, _: Vec<SmolStr>) -> Result<Rejected, CallError> {
        Err(unused())
    }

    async fn hide(&self, _: Vec<SmolStr>, _: Duration) -> Result<Rejected, CallError> {
        Err(unused())
    }

    async fn depth(&self) -> Result<Depth, CallError> {
        Err(unused())
    }
}

fn unused() -> CallError {
    CallError::Refused("no case makes this call".to_owned())
}
