//! Queries: which items, in which order, and where a page ends.

use jiff::Timestamp;
use smol_str::SmolStr;
use tenfold_ports::CallError;
use tenfold_ports::table::{Cursor, Item, Key, Page, Query, Range};

use super::items::Items;
use super::refusal::invalid;
use super::size::{MAX_PAGE, size};

/// The number by which every index of Tenfold sorts.
const INDEX_SORT: &str = "wake";

/// What an index sorts by. DynamoDB leaves the order of equal numbers open; here the keys decide.
type Place<'a> = (i64, &'a Key);

impl Items {
    pub(crate) fn page(&self, query: &Query, now: Timestamp, lags: bool) -> Result<Page, CallError> {
        let limit = query.limit.max(1) as usize;
        let (found, next) = self.find(query, now, lags, limit)?;
        let items = match query.index {
            None => found.into_iter().cloned().collect(),
            Some(index) => found.into_iter().map(|item| projected(item, index)).collect(),
        };
        Ok(Page { items, next })
    }

    pub(crate) fn count(
        &self,
        query: &Query,
        now: Timestamp,
        lags: bool,
    ) -> Result<(u64, Option<Cursor>), CallError> {
        let (found, next) = self.find(query, now, lags, usize::MAX)?;
        Ok((found.len() as u64, next))
    }

    fn find(
        &self,
        query: &Query,
        now: Timestamp,
        lags: bool,
        limit: usize,
    ) -> Result<(Vec<&Item>, Option<Cursor>), CallError> {
        valid(query)?;
        let mut found = match query.index {
            None => self.of_partition(query),
            Some(index) => self.of_index(query, index, now, lags),
        };
        if query.backward {
            found.reverse();
        }
        if let Some(after) = &query.after {
            // The table knows one place for a key, whatever index the cursor may come from.
            let number = after.index.as_ref().filter(|_| query.index.is_some()).map_or(0, |(_, n)| *n);
            let last = (number, &after.key);
            found.retain(|(place, _)| if query.backward { *place < last } else { *place > last });
        }
        let mut read = 0;
        let full = found.iter().position(|(_, item)| {
            read += self.weight(query, item);
            read > MAX_PAGE
        });
        // The megabyte ends a page with the item that exceeds it, where another follows.
        let full = full.map(|full| full + 1).filter(|full| *full < found.len());
        // The limit ends it with the item that reaches it, whether or not another follows: nobody has looked.
        let ends = full.map_or(limit, |full| full.min(limit));
        let next = (found.len() >= ends).then(|| {
            let (number, key) = found[ends - 1].0;
            Cursor { key: key.clone(), index: query.index.map(|_| (query.partition.clone(), number)) }
        });
        Ok((found.into_iter().take(ends).map(|(_, item)| item).collect(), next))
    }

    /// How much of a page an item takes up.
    fn weight(&self, query: &Query, item: &Item) -> usize {
        let Some(index) = query.index else { return size(item, self.weighs_documents) };
        // Its keys: text, and a number of so many bytes at most.
        let names = "pk".len() + "sk".len() + index.len() + INDEX_SORT.len();
        names + item.key.pk.len() + item.key.sk.len() + query.partition.len() + 11
    }

    fn of_partition(&self, query: &Query) -> Vec<(Place<'_>, &Item)> {
        let prefix = match &query.range {
            Range::Prefix(prefix) => prefix.clone(),
            Range::All | Range::AtMost(_) => SmolStr::default(),
        };
        let first = Key { pk: query.partition.clone(), sk: prefix };
        let rows = self.rows.range(&first..);
        let rows = rows.take_while(|(key, _)| key.pk == first.pk && key.sk.starts_with(first.sk.as_str()));
        rows.filter_map(|(key, row)| Some(((0, key), row.now.as_ref()?))).collect()
    }

    fn of_index(&self, query: &Query, index: &str, now: Timestamp, lags: bool) -> Vec<(Place<'_>, &Item)> {
        let rows = self.rows.values();
        let items = rows.filter_map(|row| row.stale(now).filter(|_| lags).unwrap_or(&row.now).as_ref());
        let place = |item: &'_ Item| {
            let number = item.number(INDEX_SORT).ok()?;
            let wanted = !matches!(query.range, Range::AtMost(most) if number > most);
            (wanted && item.text(index).ok()? == &query.partition).then_some(number)
        };
        let mut found: Vec<_> = items.filter_map(|item| Some(((place(item)?, &item.key), item))).collect();
        found.sort_unstable_by_key(|(place, _)| *place);
        found
    }
}

/// What DynamoDB, or its adapter, refuses.
fn valid(query: &Query) -> Result<(), CallError> {
    if query.partition.is_empty() {
        return Err(invalid("an empty key attribute"));
    }
    match (query.index, &query.range) {
        (None, Range::AtMost(_)) => return Err(invalid("the table's sort key is text")),
        (Some(_), Range::Prefix(_)) => return Err(invalid("an index's sort key is a number")),
        _ => {}
    }
    let Some(after) = &query.after else { return Ok(()) };
    let inside = match (query.index, &after.index) {
        (None, _) => {
            let wanted = match &query.range {
                Range::Prefix(prefix) => after.key.sk.starts_with(prefix.as_str()),
                Range::All | Range::AtMost(_) => true,
            };
            after.key.pk == query.partition && wanted
        }
        (Some(_), Some((partition, number))) => {
            *partition == query.partition && !matches!(query.range, Range::AtMost(most) if *number > most)
        }
        (Some(_), None) => false,
    };
    if inside { Ok(()) } else { Err(invalid("the page before ended outside of the query")) }
}

/// An index projects its own keys only.
fn projected(item: &Item, index: &str) -> Item {
    let mut slim = Item::new(item.key.clone());
    for (name, value) in item.attributes() {
        if name == index || name == INDEX_SORT {
            slim.set(SmolStr::new(name), value.clone());
        }
    }
    slim
}
