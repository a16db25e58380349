//! Queries: which items, in which order, and where a page ends.

use std::collections::BTreeSet;
use std::iter::Rev;
use std::ops::Bound;
use std::rc::Rc;

use jiff::Timestamp;
use smol_str::SmolStr;
use tenfold_ports::CallError;
use tenfold_ports::table::{Cursor, Item, Key, Page, Query, Range};

use super::items::Items;
use super::refusal::invalid;
use super::row::Row;
use super::scaled::{INDEX_SORT, IndexPlace};
use super::size::{MAX_PAGE, size};

/// What an index sorts by. DynamoDB leaves the order of equal numbers open; here the keys decide.
type Place<'a> = (i64, &'a Key);

/// What a query finds, in its order, one after the other.
type Found<'a, 'b> = Box<dyn Iterator<Item = (Place<'a>, &'a Item)> + 'b>;

/// Rows in a query's direction.
enum Ordered<I> {
    Forward(I),
    Backward(Rev<I>),
}

impl<I: DoubleEndedIterator> Ordered<I> {
    fn new(rows: I, query: &Query) -> Self {
        if query.backward { Self::Backward(rows.rev()) } else { Self::Forward(rows) }
    }
}

impl<I: DoubleEndedIterator> Iterator for Ordered<I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        match self {
            Self::Forward(rows) => rows.next(),
            Self::Backward(rows) => rows.next(),
        }
    }
}

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
        let (found, next) = self.find(query, now, lags, query.limit as usize)?;
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
        let (mut read, mut page) = (0, Vec::new());
        let mut last: Option<Place<'_>> = None;
        while page.len() < limit {
            // The megabyte ends a page with the item that exceeds it, where another follows.
            let Some((place, item)) = found.next() else { break };
            if read > MAX_PAGE {
                return Ok((page, last.map(|last| cursor(query, last))));
            }
            read += self.weight(query, item);
            last = Some(place);
            page.push(item);
        }
        // The limit ends it with the item that reaches it, whether or not another follows: nobody has looked.
        let next = last.filter(|_| page.len() == limit).map(|last| cursor(query, last));
        Ok((page, next))
    }

    /// How much of a page an item takes up.
    fn weight(&self, query: &Query, item: &Item) -> usize {
        let Some(index) = query.index else { return size(item, self.weighs_documents) };
        // Its keys: text, and a number of so many bytes at most.
        let names = "pk".len() + "sk".len() + index.len() + INDEX_SORT.len();
        names + item.key.pk.len() + item.key.sk.len() + query.partition.len() + 11
    }

    fn of_partition<'a: 'b, 'b>(&'a self, query: &'b Query) -> Found<'a, 'b> {
        let (first, last) = match &query.range {
            Range::Prefix(prefix) => (prefix.as_str(), Bound::Included(format!("{prefix}\u{10ffff}").into())),
            Range::Between(first, last) => (first.as_str(), Bound::Included(last.clone())),
            Range::All | Range::AtMost(_) => ("", Bound::Included("\u{10ffff}".into())),
        };
        let after = query.after.as_ref().map(|after| after.key.sk.clone());
        let (from, to) = if query.backward {
            // All that begin so come before what begins so and goes on with the last of all characters.
            (Bound::Included(first.into()), after.map_or(last, Bound::Excluded))
        } else {
            (after.map_or_else(|| Bound::Included(first.into()), Bound::Excluded), Bound::Unbounded)
        };
        if let Some(scaled) = &self.scaled {
            let rows = scaled.partitions.get(&query.partition).into_iter();
            let rows = rows.flat_map(move |rows| Ordered::new(rows.range((from.clone(), to.clone())), query));
            let wanted = rows.take_while(move |(sk, _)| takes(&query.range, sk));
            return Box::new(wanted.map(|(_, row)| ((0, &row.item.key), &row.item)));
        }
        let key = |sk: SmolStr| Key { pk: query.partition.clone(), sk };
        let rows = Ordered::new(self.rows.range((from.map(key), to.map(key))), query);
        let wanted = move |key: &Key| key.pk == query.partition && takes(&query.range, &key.sk);
        let place = |(key, row): (&'a Key, &'a Rc<Row>)| Some(((0, key), row.now.as_ref()?));
        Box::new(rows.take_while(move |(key, _)| wanted(key)).filter_map(place))
    }

    fn of_index<'a: 'b, 'b>(
        &'a self,
        query: &'b Query,
        index: &str,
        now: Timestamp,
        lags: bool,
    ) -> Found<'a, 'b> {
        if let Some(places) = self.scaled.as_ref().and_then(|scaled| scaled.index(index)) {
            return self.of_scaled_index(query, places);
        }
        let rows = self.rows.values();
        let items = rows.filter_map(|row| row.stale(now).filter(|_| lags).unwrap_or(&row.now).as_ref());
        let place = |item: &'_ Item| {
            let number = item.number(INDEX_SORT).ok()?;
            let wanted = !matches!(query.range, Range::AtMost(most) if number > most);
            (wanted && item.text(index).ok()? == &query.partition).then_some(number)
        };
        let mut found: Vec<_> = items.filter_map(|item| Some(((place(item)?, &item.key), item))).collect();
        found.sort_unstable_by_key(|(place, _)| *place);
        if query.backward {
            found.reverse();
        }
        if let Some(after) = &query.after {
            let number = after.index.as_ref().map_or(0, |(_, number)| *number);
            let last = (number, &after.key);
            found.retain(|(place, _)| if query.backward { *place < last } else { *place > last });
        }
        Box::new(found.into_iter())
    }

    fn of_scaled_index<'a: 'b, 'b>(
        &'a self,
        query: &'b Query,
        places: &'a BTreeSet<IndexPlace>,
    ) -> Found<'a, 'b> {
        let most = match query.range {
            Range::AtMost(most) => most,
            _ => i64::MAX,
        };
        let nothing = || Key { pk: SmolStr::default(), sk: SmolStr::default() };
        let after = query.after.as_ref().map(|after| {
            let number = after.index.as_ref().map_or(0, |(_, number)| *number);
            (query.partition.clone(), number, after.key.clone())
        });
        let item = move |(_, number, key): &'a IndexPlace| Some(((*number, key), self.get(key)?));
        let mine = move |place: &&IndexPlace| place.0 == query.partition && place.1 <= most;
        if query.backward {
            let begin = (query.partition.clone(), i64::MIN, nothing());
            let end = match (after, most) {
                (Some(after), _) => Bound::Excluded(after),
                (None, i64::MAX) => Bound::Unbounded,
                (None, most) => Bound::Excluded((query.partition.clone(), most + 1, nothing())),
            };
            let before = places.range((Bound::Included(begin), end)).rev();
            let before = before.skip_while(|place| place.0 > query.partition);
            return Box::new(before.take_while(mine).filter_map(item));
        }
        let begin = after
            .map_or_else(|| Bound::Included((query.partition.clone(), i64::MIN, nothing())), Bound::Excluded);
        Box::new(places.range((begin, Bound::Unbounded)).take_while(mine).filter_map(item))
    }
}

/// Whether a range of the table's own sort key has this one in it.
fn takes(range: &Range, sk: &str) -> bool {
    match range {
        Range::Prefix(prefix) => sk.starts_with(prefix.as_str()),
        Range::Between(first, last) => (first.as_str()..=last.as_str()).contains(&sk),
        Range::All | Range::AtMost(_) => true,
    }
}

/// Where a page ends.
fn cursor(query: &Query, (number, key): Place<'_>) -> Cursor {
    Cursor { key: key.clone(), index: query.index.map(|_| (query.partition.clone(), number)) }
}

/// What DynamoDB, or its adapter, refuses.
fn valid(query: &Query) -> Result<(), CallError> {
    if query.partition.is_empty() {
        return Err(invalid("an empty key attribute"));
    }
    match (query.index, &query.range) {
        (None, Range::AtMost(_)) => return Err(invalid("the table's sort key is text")),
        (Some(_), Range::Prefix(_) | Range::Between(..)) => {
            return Err(invalid("an index's sort key is a number"));
        }
        _ => {}
    }
    let Some(after) = &query.after else { return Ok(()) };
    let inside = match (query.index, &after.index) {
        (None, _) => after.key.pk == query.partition && takes(&query.range, &after.key.sk),
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
