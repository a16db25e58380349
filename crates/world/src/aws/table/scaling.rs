//! Tables of millions of rows: what is asked of them only there.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use jiff::Timestamp;

use super::items::Items;
use super::scaled::Scaled;

impl Items {
    /// From now on the table is one of millions of rows: what it has of indexes is kept in order, what has
    /// expired can be asked for, and no row remembers what it was before.
    pub(crate) fn scale(&mut self, indexes: &[&'static str]) {
        let items: Vec<_> = self.all().cloned().collect();
        let indexes = indexes.iter().map(|index| (*index, BTreeSet::new())).collect();
        self.rows = std::rc::Rc::default();
        self.scaled = Some(Box::new(Scaled { indexes, ..Scaled::default() }));
        items.into_iter().for_each(|item| self.put(item));
    }

    /// Whether it is one of millions of rows.
    pub(crate) const fn is_scaled(&self) -> bool {
        self.scaled.is_some()
    }

    /// The names of the indexes that are kept in order.
    pub(crate) fn indexes(&self) -> impl Iterator<Item = &'static str> {
        self.scaled.iter().flat_map(|scaled| scaled.indexes.iter().map(|(index, _)| *index))
    }

    /// How many places of an index are in such partitions.
    pub(crate) fn places(&self, index: &str, partition: fn(&str) -> bool) -> usize {
        let places = self.scaled.iter().filter_map(|scaled| scaled.index(index)).flatten();
        places.filter(|(of, ..)| partition(of)).count()
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
        self.scaled.as_ref().map_or(self.rows.len(), |scaled| scaled.rows)
    }
}
