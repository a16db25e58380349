//! A page of the list of open sagas: where it begins, and what is on it.

use smol_str::SmolStr;
use tenfold_ports::table::{Cursor, Key, Page};

use crate::names::SagaId;
use crate::rows::{WAKE, saga_key, saga_of};

/// The most sagas of a page.
pub(crate) const LIST_PAGE: usize = 50;

/// Where a page of a list begins: in a shard, after a saga of it. To callers it is opaque text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

    /// Returns the cursor as text.
    pub(crate) fn text(self) -> String {
        match self.after {
            None => self.shard.to_string(),
            Some((wake, id)) => format!("{}.{wake}.{id}", self.shard),
        }
    }

    /// Reads a cursor; none where the text is no cursor of a list with so many shards.
    pub(crate) fn parse(text: &str, shards: u8) -> Option<Self> {
        let mut parts = text.splitn(3, '.');
        let shard = parts.next()?.parse().ok().filter(|shard| *shard < shards)?;
        let after = match (parts.next(), parts.next()) {
            (None, _) => None,
            (Some(wake), id) => {
                let id = SagaId::parse(id?)?;
                Some((wake.parse().ok().filter(|wake| *wake >= 0)?, id))
            }
        };
        Some(Self { shard, after })
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
    fn a_cursor_is_read_as_it_is_written() {
        let id = SagaId::of_key("a");
        for cursor in [ListCursor::start(7), ListCursor { shard: 2, after: Some((1_800_000_000, id)) }] {
            assert_eq!(ListCursor::parse(&cursor.text(), 8), Some(cursor));
        }
        for bad in
            ["", "8", "-1", "1.", "1.5", "1.x.y", "1.5.nobody", "1.-5.7b357e39-9cbe-534c-a136-fc65a8428e65"]
        {
            assert!(ListCursor::parse(bad, 8).is_none(), "{bad}");
        }
    }
}
