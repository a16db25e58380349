//! What a table keeps beside its rows where there are millions of them: its indexes in order, and whose time
//! is over next.
//!
//! Runs that try every order have a handful of rows and copy them all the time: they look through them
//! instead.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use jiff::Timestamp;
use smol_str::SmolStr;
use tenfold_ports::table::{Item, Key};

use super::items::Items;
use super::page::INDEX_SORT;

/// A place in an index: its partition, what it sorts by, and the item's key.
pub(super) type IndexPlace = (SmolStr, i64, Key);

/// The indexes, and whose time is over next.
#[derive(Debug, Clone, Default)]
pub(super) struct Scaled {
    pub indexes: BTreeMap<&'static str, BTreeSet<IndexPlace>>,
    expiring: BinaryHeap<Reverse<(i64, Key)>>,
}

/// Where an item is in an index; none where it is not.
pub(crate) fn place_in(item: &Item, index: &str) -> Option<(SmolStr, i64)> {
    Some((SmolStr::new(item.text(index).ok()?), item.number(INDEX_SORT).ok()?))
}

impl Scaled {
    /// Takes a change of an item in.
    pub fn change(&mut self, key: &Key, before: Option<&Item>, after: Option<&Item>, expires: Option<i64>) {
        for (index, places) in &mut self.indexes {
            let was = before.and_then(|item| place_in(item, index));
            let is = after.and_then(|item| place_in(item, index));
            if was == is {
                continue;
            }
            if let Some((partition, number)) = was {
                places.remove(&(partition, number, key.clone()));
            }
            if let Some((partition, number)) = is {
                places.insert((partition, number, key.clone()));
            }
        }
        if let Some(expires) = expires {
            self.expiring.push(Reverse((expires, key.clone())));
        }
    }
}

impl Items {
    /// From now on the table is one of millions of rows: what it has of indexes is kept in order, what has
    /// expired can be asked for, and no row remembers what it was before.
    pub(crate) fn scale(&mut self, indexes: &[&'static str]) {
        let mut scaled = Scaled::default();
        scaled.indexes.extend(indexes.iter().map(|index| (*index, BTreeSet::new())));
        for item in self.all() {
            scaled.change(&item.key, None, Some(item), self.expires(item));
        }
        self.scaled = Some(Box::new(scaled));
    }

    /// The names of the indexes that are kept in order.
    pub(crate) fn indexes(&self) -> impl Iterator<Item = &'static str> {
        self.scaled.iter().flat_map(|scaled| scaled.indexes.keys().copied())
    }

    /// When an item's time is over, in seconds of the Unix epoch.
    pub(super) fn expires(&self, item: &Item) -> Option<i64> {
        item.number(self.time_to_live?).ok()
    }

    /// Deletes all whose time is over, and says how many: at once, where DynamoDB takes days.
    pub(crate) fn expire_all(&mut self, now: Timestamp) -> usize {
        let mut gone = 0;
        loop {
            let Some(scaled) = &mut self.scaled else { return gone };
            let Some(Reverse((expires, _))) = scaled.expiring.peek() else { return gone };
            if *expires >= now.as_second() {
                return gone;
            }
            let Some(Reverse((_, key))) = scaled.expiring.pop() else { return gone };
            // It may have been written again since, to live longer.
            let over =
                self.get(&key).and_then(|item| self.expires(item)).is_some_and(|at| at < now.as_second());
            if over {
                self.set_as(&key, None, now, true);
                gone += 1;
            }
        }
    }

    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }
}
