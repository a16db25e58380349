//! A page of the list of open sagas: where it begins, and what is on it.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use tenfold_ports::table::{Cursor, Key, Page};

use crate::rows::WAKE;

/// The most sagas of a page.
pub(crate) const LIST_PAGE: usize = 50;

/// The longest partition key of DynamoDB, in bytes.
const LONGEST_PARTITION_KEY: usize = 2048;
/// The longest sort key of DynamoDB, in bytes.
const LONGEST_SORT_KEY: usize = 1024;

/// Where a page of a list begins: in a shard, after a row of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ListCursor {
    shard: u8,
    /// After which row, and when somebody has to look at that; none: with the first of the shard. Whatever row it is:
    /// what is not ours must not hide what is behind it.
    after: Option<(i64, SmolStr, SmolStr)>,
}

impl ListCursor {
    /// Returns the cursor of a shard's beginning.
    pub(crate) const fn start(shard: u8) -> Self {
        Self { shard, after: None }
    }

    /// Returns this cursor and one for the beginning of each shard behind it: most shards hold little or
    /// nothing, so a page asks all of them at once.
    pub(crate) fn and_behind(self, shards: u8) -> impl Iterator<Item = Self> {
        let behind = (self.shard + 1..shards).map(Self::start);
        std::iter::once(self).chain(behind)
    }

    /// Returns the shard.
    pub(crate) const fn shard(&self) -> u8 {
        self.shard
    }

    /// Returns where a query of the shard's partition begins; none where that is at its first row.
    pub(crate) fn query_after(&self, partition: &SmolStr) -> Option<Cursor> {
        let (wake, pk, sk) = self.after.clone()?;
        Some(Cursor { key: Key::new(pk, sk), index: Some((partition.clone(), wake)) })
    }

    /// Says whether a list with so many shards has such a place. What comes back from outside may be of another
    /// list, or made up.
    pub(crate) fn is_in(&self, shards: u8) -> bool {
        let is_key = |text: &SmolStr, longest| (1..=longest).contains(&text.len());
        let is_place = |(_, pk, sk): &(i64, SmolStr, SmolStr)| {
            is_key(pk, LONGEST_PARTITION_KEY) && is_key(sk, LONGEST_SORT_KEY)
        };
        self.shard < shards && self.after.as_ref().is_none_or(is_place)
    }

    /// The cursor after a row of this shard.
    fn behind(&self, wake: i64, key: &Key) -> Self {
        Self { after: Some((wake, key.pk.clone(), key.sk.clone())), ..*self }
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
            if let Ok(wake) = item.number(WAKE) {
                last = last.behind(wake, &item.key);
            }
            keys.push(item.key);
        }
        if let Some(Cursor { key, index: Some((_, wake)) }) = page.next {
            return (keys, Some(last.behind(wake, &key)));
        }
        if keys.len() == LIST_PAGE {
            return (keys, (last.shard + 1 < shards).then(|| ListCursor::start(last.shard + 1)));
        }
    }
    (keys, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_in_a_shard_of_the_list() {
        let behind = |wake, pk: &str| ListCursor::start(2).behind(wake, &Key::new(pk, "saga"));
        for (cursor, expected) in [
            (ListCursor::start(7), true),
            (ListCursor::start(8), false),
            (behind(1_800_000_000, "saga#1"), true),
            (behind(-5, "strange"), true),
            (behind(5, ""), false),
            (behind(5, &"x".repeat(2048)), true),
            (behind(5, &"x".repeat(2049)), false),
        ] {
            assert_eq!(cursor.is_in(8), expected, "{cursor:?}");
        }
    }

    #[test]
    fn a_page_that_ends_with_a_row_of_somebody_else_goes_on_behind_it() {
        let last = Cursor { key: Key::new("strange", "row"), index: Some(("running#0".into(), 7)) };
        let page = Page { items: Vec::new(), next: Some(last.clone()) };
        let (_, next) = first_page(vec![(ListCursor::start(0), page)], 8);
        assert_eq!(next.and_then(|next| next.query_after(&"running#0".into())), Some(last));
    }
}
