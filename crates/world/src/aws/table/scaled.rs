//! What a table keeps beside its rows where there are millions of them: its indexes in order, and whose time
//! is over next.
//!
//! Runs that try every order have a handful of rows and copy them all the time: they look through them
//! instead.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::rc::Rc;

use rustc_hash::FxHashMap;
use smol_str::SmolStr;
use tenfold_ports::table::{Item, Key};

use super::row::Row;

/// The number by which every index of Tenfold sorts.
pub(super) const INDEX_SORT: &str = "wake";

/// A place in an index: its partition, what it sorts by, and the item's key.
pub(super) type IndexPlace = (SmolStr, i64, Key);

/// The indexes, and whose time is over next.
#[derive(Debug, Clone, Default)]
pub(super) struct Scaled {
    /// The rows by their keys once more: most calls ask for one, and the order of millions takes long to look through.
    pub rows: FxHashMap<Key, Rc<Row>>,
    pub indexes: BTreeMap<&'static str, BTreeSet<IndexPlace>>,
    pub expiring: BinaryHeap<Reverse<(i64, Key)>>,
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
