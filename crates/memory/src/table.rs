//! A table in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use smol_str::SmolStr;
use tenfold_ports::CallError;
use tenfold_ports::table::{
    BATCH, Cancelled, Condition, Cursor, Doc, Item, Key, Page, Query, Range, Read, Scan, SendTable,
    TableScan, TransactError, Value, Write, WriteError,
};

/// A table with the semantics of the port, in which each write is seen at once by all. A clone is the same table.
///
/// Documents are kept as JSON, as a real table does: what reads them has to parse them. It does not weigh anything: neither
/// is an item too large for it, nor a page ([`Query::limit`] ends it). It deletes nothing by time to live.
///
/// ```
/// use tenfold_memory::MemoryTable;
/// use tenfold_ports::Table;
/// use tenfold_ports::table::{Condition, Item, Key, Read, Write, WriteError};
///
/// # #[allow(unused)]
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let table = MemoryTable::new();
/// let item = Item::new(Key::new("order#1", "-")).with("version", 1);
/// table.write(Write::create(item.clone())).await?;
/// let again = table.write(Write::create(item.clone())).await;
/// assert_eq!(again, Err(WriteError::Conflict { current: Some(item.clone()) }));
/// assert_eq!(table.get(&item.key, Read::Consistent).await?, Some(item));
/// # Ok(())
/// # }
/// # futures_util::FutureExt::now_or_never(example()).unwrap().unwrap();
/// ```
#[derive(Debug, Clone, Default)]
pub struct MemoryTable {
    rows: Arc<Mutex<Rows>>,
    indexes: Vec<Index>,
}

type Rows = BTreeMap<Key, Item>;

/// The key attributes of an index.
#[derive(Debug, Clone, Copy)]
struct Index {
    name: &'static str,
    partition: &'static str,
    sort: &'static str,
}

impl MemoryTable {
    /// Returns an empty table, without indexes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the table with one index more: its name, its partition key attribute (text) and its sort key attribute
    /// (number). It projects keys only. A query of an index that was not registered is refused.
    #[must_use]
    pub fn index(mut self, name: &'static str, partition: &'static str, sort: &'static str) -> Self {
        self.indexes.push(Index { name, partition, sort });
        self
    }

    /// Puts an item, as if it had always been there.
    ///
    /// # Panics
    /// A document of it cannot be written as JSON.
    #[expect(clippy::panic, reason = "it sets the scene of a test")]
    pub fn put(&self, item: Item) {
        match stored(item) {
            Ok(item) => _ = self.lock().insert(item.key.clone(), item),
            Err(error) => panic!("{error}"),
        }
    }

    /// Returns all items, in the order of their keys.
    #[must_use]
    pub fn items(&self) -> Vec<Item> {
        self.lock().values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Rows> {
        // Nothing panics between two changes of one call.
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns what a query finds, in its order, up to so many, and where the next page begins.
    fn find(&self, query: &Query, limit: usize) -> Result<Page, CallError> {
        let rows = self.lock();
        let mut found = match query.index {
            None => of_partition(&rows, query)?,
            Some(name) => {
                let index = self.indexes.iter().find(|index| index.name == name);
                of_index(&rows, query, *index.ok_or_else(|| refused("there is no such index"))?)?
            }
        };
        if query.backward {
            found.reverse();
        }
        if let Some(after) = &query.after {
            let last = (after.index.as_ref().map_or(0, |(_, number)| *number), &after.key);
            found.retain(|(place, _)| if query.backward { *place < last } else { *place > last });
        }
        found.truncate(limit);
        // A full page may have been the last: nobody has looked.
        let last = found.last().filter(|_| found.len() == limit);
        let next = last.map(|((number, key), _)| Cursor {
            key: (*key).clone(),
            index: query.index.map(|_| (query.partition.clone(), *number)),
        });
        Ok(Page { items: found.into_iter().map(|(_, item)| item).collect(), next })
    }
}

/// A place in what a query finds: what an index sorts by, and the key.
type Place<'a> = (i64, &'a Key);

fn of_partition<'a>(rows: &'a Rows, query: &Query) -> Result<Vec<(Place<'a>, Item)>, CallError> {
    if let Range::AtMost(_) = query.range {
        return Err(refused("the table's sort key is text"));
    }
    let wanted = |key: &Key| match &query.range {
        Range::Prefix(prefix) => key.sk.starts_with(prefix.as_str()),
        Range::Between(first, last) => (first..=last).contains(&&key.sk),
        Range::All | Range::AtMost(_) => true,
    };
    let from = Key { pk: query.partition.clone(), sk: SmolStr::default() };
    let rows = rows.range(from..).take_while(|(key, _)| key.pk == query.partition);
    Ok(rows.filter(|(key, _)| wanted(key)).map(|(key, item)| ((0, key), item.clone())).collect())
}

fn of_index<'a>(rows: &'a Rows, query: &Query, index: Index) -> Result<Vec<(Place<'a>, Item)>, CallError> {
    let most = match query.range {
        Range::All => i64::MAX,
        Range::AtMost(most) => most,
        Range::Prefix(_) | Range::Between(..) => return Err(refused("an index's sort key is a number")),
    };
    let place = |(key, item): (&'a Key, &Item)| {
        let number = item.number(index.sort).ok().filter(|number| *number <= most)?;
        let mine = item.text(index.partition).ok()? == &query.partition;
        mine.then(|| ((number, key), projected(item, index)))
    };
    let mut found: Vec<_> = rows.iter().filter_map(place).collect();
    found.sort_by_key(|(place, _)| *place);
    Ok(found)
}

fn projected(item: &Item, index: Index) -> Item {
    let mut slim = Item::new(item.key.clone());
    for (name, value) in item.attributes().filter(|(name, _)| [index.partition, index.sort].contains(name)) {
        slim.set(SmolStr::new(name), value.clone());
    }
    slim
}

/// What a write makes of its item.
enum Effect {
    Checks,
    Puts(Item),
    Deletes,
}

/// Works out what a write makes of an item whose condition holds.
fn work_out(write: &Write, current: Option<&Item>) -> Result<Effect, CallError> {
    match write {
        Write::Put { item, .. } => Ok(Effect::Puts(stored(item.clone())?)),
        Write::Update { key, updates, .. } => {
            let mut item = current.cloned().unwrap_or_else(|| Item::new(key.clone()));
            updates.iter().for_each(|(name, update)| update.apply(name, &mut item));
            Ok(Effect::Puts(stored(item)?))
        }
        Write::Delete { .. } => Ok(Effect::Deletes),
        Write::Check { .. } => Ok(Effect::Checks),
    }
}

/// Makes all writes or none.
fn make(rows: &mut Rows, writes: &[Write]) -> Result<(), TransactError> {
    let holds = |write: &Write| write.condition().holds(rows.get(write.key()));
    if !writes.iter().all(holds) {
        let reason = |write: &Write| {
            if holds(write) { Cancelled::No } else { Cancelled::Condition(rows.get(write.key()).cloned()) }
        };
        return Err(TransactError::Cancelled(writes.iter().map(reason).collect()));
    }
    let made = writes.iter().map(|write| work_out(write, rows.get(write.key())));
    let made: Vec<Effect> = made.collect::<Result<_, _>>()?;
    for (write, made) in writes.iter().zip(made) {
        match made {
            Effect::Checks => {}
            Effect::Puts(item) => drop(rows.insert(write.key().clone(), item)),
            Effect::Deletes => drop(rows.remove(write.key())),
        }
    }
    Ok(())
}

/// Returns an item with its documents as JSON.
fn stored(mut item: Item) -> Result<Item, CallError> {
    let documents = item.attributes().filter_map(|(name, value)| match value {
        Value::Doc(doc) => Some((SmolStr::new(name), doc.to_json())),
        _ => None,
    });
    for (name, json) in documents.collect::<Vec<_>>() {
        let json = json.map_err(|error| refused(&error.to_string()))?;
        item.set(name, Value::Doc(Doc::Json(json)));
    }
    Ok(item)
}

/// Refuses what names an item twice, or too many.
fn of_different_keys<'a>(keys: impl ExactSizeIterator<Item = &'a Key>) -> Result<(), CallError> {
    if keys.len() > BATCH {
        return Err(refused("more than 100 items"));
    }
    let mut keys: Vec<_> = keys.collect();
    keys.sort_unstable();
    if keys.windows(2).any(|two| two[0] == two[1]) { Err(refused("the same item twice")) } else { Ok(()) }
}

fn refused(why: &str) -> CallError {
    CallError::Refused(format!("ValidationException: {why}"))
}

impl SendTable for MemoryTable {
    async fn get(&self, key: &Key, _: Read) -> Result<Option<Item>, CallError> {
        Ok(self.lock().get(key).cloned())
    }

    async fn get_many(&self, keys: &[Key], _: Read) -> Result<Vec<Option<Item>>, CallError> {
        of_different_keys(keys.iter())?;
        let rows = self.lock();
        Ok(keys.iter().map(|key| rows.get(key).cloned()).collect())
    }

    async fn write(&self, write: Write) -> Result<(), WriteError> {
        if matches!(&write, Write::Check { condition: Condition::Always, .. }) {
            return Err(refused("a check checks something").into());
        }
        match make(&mut self.lock(), std::slice::from_ref(&write)) {
            Ok(()) => Ok(()),
            Err(TransactError::Call(error)) => Err(error.into()),
            Err(TransactError::Cancelled(reasons)) => {
                let current = reasons.into_iter().find_map(|reason| match reason {
                    Cancelled::Condition(current) => current,
                    Cancelled::No | Cancelled::Busy => None,
                });
                Err(WriteError::Conflict { current })
            }
        }
    }

    async fn transact(&self, writes: Vec<Write>) -> Result<(), TransactError> {
        if writes.is_empty() {
            return Err(refused("a transaction writes something").into());
        }
        of_different_keys(writes.iter().map(Write::key))?;
        make(&mut self.lock(), &writes)
    }

    async fn query(&self, query: Query) -> Result<Page, CallError> {
        self.find(&query, query.limit.max(1) as usize)
    }

    async fn count(&self, query: Query) -> Result<(u64, Option<Cursor>), CallError> {
        let page = self.find(&query, query.limit.max(1) as usize)?;
        Ok((page.items.len() as u64, page.next))
    }
}

impl TableScan for MemoryTable {
    /// Reads a page of a segment. All items are in the first one.
    async fn scan(&self, scan: Scan) -> Result<Page, CallError> {
        if scan.segment >= scan.segments {
            return Err(refused("there is no such segment"));
        }
        if scan.segment > 0 {
            return Ok(Page::default());
        }
        let rows = self.lock();
        let after = scan.after.as_ref().map(|after| &after.key);
        let mut items: Vec<Item> = rows
            .iter()
            .filter(|(key, _)| after.is_none_or(|after| *key > after))
            .map(|(_, item)| item.clone())
            .collect();
        items.truncate(scan.limit.max(1) as usize);
        let last = items.last().filter(|_| items.len() == scan.limit.max(1) as usize);
        let next = last.map(|last| Cursor { key: last.key.clone(), index: None });
        Ok(Page { items, next })
    }
}
