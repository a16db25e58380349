//! How a table keeps its rows where there are millions of them: by partition, with its indexes in order, and whose
//! time is over next.
//!
//! Runs that try every order have a handful of rows and copy them all the time: they look through them
//! instead.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use rustc_hash::FxHashMap;
use smol_str::SmolStr;
use tenfold_ports::table::{Item, Key, Value};

/// The number by which every index of Tenfold sorts.
pub(super) const INDEX_SORT: &str = "wake";

/// A place in an index: its partition, what it sorts by, and the item's key.
pub(super) type IndexPlace = (SmolStr, i64, Key);

/// An item, and how large it is, so that nobody counts it again.
#[derive(Debug, Clone)]
pub(super) struct ScaledRow {
    pub item: Item,
    pub bytes: usize,
}

/// The rows of a partition by their sort keys.
pub(super) type PartitionRows = BTreeMap<SmolStr, ScaledRow>;

/// The rows, the indexes, and whose time is over next.
#[derive(Debug, Clone, Default)]
pub(super) struct Scaled {
    /// Most calls ask for rows of one partition, which has few: an order of all rows would take long to look through.
    pub partitions: FxHashMap<SmolStr, PartitionRows>,
    /// How many rows there are.
    pub rows: usize,
    pub indexes: Vec<(&'static str, BTreeSet<IndexPlace>)>,
    pub expiring: BinaryHeap<Reverse<(i64, Key)>>,
}

/// Where an item is in an index; none where it is not.
pub(crate) fn place_in<'a>(item: &'a Item, index: &str) -> Option<(&'a SmolStr, i64)> {
    match (item.get(index)?, item.get(INDEX_SORT)?) {
        (Value::S(partition), Value::N(number)) => Some((partition, *number)),
        _ => None,
    }
}

impl Scaled {
    pub fn row(&self, key: &Key) -> Option<&ScaledRow> {
        self.partitions.get(&key.pk)?.get(&key.sk)
    }

    /// The places of an index.
    pub fn index(&self, name: &str) -> Option<&BTreeSet<IndexPlace>> {
        self.indexes.iter().find(|(index, _)| *index == name).map(|(_, places)| places)
    }

    /// Puts a row in the place of what there was, or takes it away. Gives what there was.
    pub fn set(&mut self, key: &Key, row: Option<ScaledRow>) -> Option<ScaledRow> {
        let Some(mut row) = row else { return self.remove(key) };
        if let Some(rows) = self.partitions.get_mut(&key.pk) {
            // Each key has been made by itself; the text of a partition is kept once.
            if let Some(first) = rows.values().next() {
                row.item.key.pk = first.item.key.pk.clone();
            }
            let old = rows.insert(key.sk.clone(), row);
            self.rows += usize::from(old.is_none());
            return old;
        }
        self.rows += 1;
        self.partitions.insert(row.item.key.pk.clone(), BTreeMap::from([(key.sk.clone(), row)]));
        None
    }

    fn remove(&mut self, key: &Key) -> Option<ScaledRow> {
        let rows = self.partitions.get_mut(&key.pk)?;
        let old = rows.remove(&key.sk)?;
        if rows.is_empty() {
            self.partitions.remove(&key.pk);
        }
        self.rows -= 1;
        Some(old)
    }

    /// Takes a change of an item into the indexes.
    pub fn change(&mut self, key: &Key, before: Option<&Item>, after: Option<&Item>) {
        for (index, places) in &mut self.indexes {
            let was = before.and_then(|item| place_in(item, index));
            let is = after.and_then(|item| place_in(item, index));
            if was == is {
                continue;
            }
            if let Some((partition, number)) = was {
                places.remove(&(partition.clone(), number, key.clone()));
            }
            if let Some((partition, number)) = is {
                places.insert((partition.clone(), number, key.clone()));
            }
        }
    }
}
