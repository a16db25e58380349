//! A page of the list of open sagas: where it begins, and what is on it.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use tenfold_ports::table::{Cursor, Key, Page};

use crate::names::SagaId;
use crate::rows::{WAKE, saga_key, saga_of};

/// The most sagas of a page.
pub(crate) const LIST_PAGE: usize = 50;

/// Where a page of a list begins: in a shard, after a saga of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ListCursor {
    shard: u8,
    /// After which saga, and when somebody has to look at that; none: with the first of the shard.
    after: Option<(i64, SagaId)>,
}

impl ListCursor {
    /// Returns the cursor of a shard's beginning.
    pub(crate) const fn start(shard: u8) -> Self {
        Self { shard, after: None }
    }

    /// Returns this cursor and one for the beginning of each shard behind it: most shards hold little or
    /// nothing, so a page asks all of them at once.
    pub(crate) fn and_behind(self, shards: u8) -> impl Iterator<Item = Self> {
        std::iter::once(self).chain((self.shard + 1..shards).map(Self::start))
    }

    /// Returns the shard.
    pub(crate) const fn shard(self) -> u8 {
        self.shard
    }

    /// Returns where a query of the shard's partition begins; none where that is at its first row.
    pub(crate) fn query_after(self, partition: &SmolStr) -> Option<Cursor> {
        let (wake, id) = self.after?;
        Some(Cursor { key: saga_key(id), index: Some((partition.clone(), wake)) })
    }

    /// Says whether a list with so many shards has such a place. What comes back from outside may be of another
    /// list, or made up.
    pub(crate) fn is_in(self, shards: u8) -> bool {
        self.shard < shards && self.after.is_none_or(|(wake, _)| wake >= 0)
    }

    /// The cursor after the last row of a query of this shard.
    fn at(self, last: &Cursor) -> Option<Self> {
        let (_, wake) = last.index.as_ref()?;
        Some(Self { after: Some((*wake, saga_of(&last.key)?)), ..self })
    }
}

/// Returns the keys of a page's sagas, in the order of the shards, and where the next page begins; none after
/// the last. It is given what a query of each shard brought, from the cursor on.
pub(crate) fn first_page(found: Vec<(ListCursor, Page)>, shards: u8) -> (Vec<Key>, Option<ListCursor>) {
    let mut keys = Vec::new();
    for (cursor, page) in found {
        let mut last = cursor;
        for item in page.items {
            if keys.len() == LIST_PAGE {
                return (keys, Some(last));
            }
            last.after = item.number(WAKE).ok().zip(saga_of(&item.key)).or(last.after);
            keys.push(item.key);
        }
        if let Some(next) = page.next.and_then(|next| cursor.at(&next)) {
            return (keys, Some(next));
        }
        if keys.len() == LIST_PAGE {
            return (keys, (cursor.shard + 1 < shards).then(|| ListCursor::start(cursor.shard + 1)));
        }
    }
    (keys, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_in_a_shard_of_the_list() {
        let id = SagaId::of_key("a");
        for (cursor, expected) in [
            (ListCursor::start(7), true),
            (ListCursor::start(8), false),
            (ListCursor { shard: 2, after: Some((1_800_000_000, id)) }, true),
            (ListCursor { shard: 2, after: Some((-5, id)) }, false),
        ] {
            assert_eq!(cursor.is_in(8), expected, "{cursor:?}");
        }
    }
}
