//! A page of what waits for a target, of what is dead, or of its tenants: partitions of the index, merged by time.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use tenfold_ports::table::{Cursor, Key, Page};

use crate::names::RequestId;
use crate::rows::{RequestRow, WAKE, request_key};

/// The most requests or tenants of a page.
pub(crate) const QUEUE_PAGE: usize = 50;

/// The longest partition key of DynamoDB, in bytes.
const LONGEST_PARTITION_KEY: usize = 2048;
/// The longest sort key of DynamoDB, in bytes.
const LONGEST_SORT_KEY: usize = 1024;

/// Where a page begins: in each shard after a row of it. All shards have a place of their own, since the order of two
/// rows with the same time is the index's own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct QueueCursor(Vec<Option<QueuePlace>>);

/// A row's place in a shard: when it may be tried, and its key. Whatever row it is: what is not ours must not hide what
/// is behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum QueuePlace {
    /// A request's, which is short: a cursor goes into a URL.
    Request(i64, RequestId),
    /// Any other row's.
    Other(i64, SmolStr, SmolStr),
}

impl QueuePlace {
    fn of(wake: i64, key: &Key) -> Self {
        match RequestRow::id_of(key).filter(|id| request_key(*id) == *key) {
            Some(id) => Self::Request(wake, id),
            None => Self::Other(wake, key.pk.clone(), key.sk.clone()),
        }
    }

    fn is_possible(&self) -> bool {
        let is_key = |text: &SmolStr, longest| (1..=longest).contains(&text.len());
        match self {
            Self::Request(..) => true,
            Self::Other(_, pk, sk) => is_key(pk, LONGEST_PARTITION_KEY) && is_key(sk, LONGEST_SORT_KEY),
        }
    }

    fn cursor(&self, partition: SmolStr) -> Cursor {
        let (wake, key) = match self {
            Self::Request(wake, id) => (*wake, request_key(*id)),
            Self::Other(wake, pk, sk) => (*wake, Key::new(pk.clone(), sk.clone())),
        };
        Cursor { key, index: Some((partition, wake)) }
    }
}

impl QueueCursor {
    /// Says whether a list with so many shards has such a place. What comes back from outside may be made up.
    pub(crate) fn is_in(&self, shards: usize) -> bool {
        self.0.len() <= shards && self.0.iter().flatten().all(QueuePlace::is_possible)
    }

    /// Returns where the query of a shard's partition begins; none where that is at its first row.
    pub(crate) fn query_after(&self, shard: usize, partition: &SmolStr) -> Option<Cursor> {
        let place = self.0.get(shard)?.as_ref()?;
        Some(place.cursor(partition.clone()))
    }

    /// Returns the keys of the next page's rows, those that may be tried first first, and where the page after it begins;
    /// none after the last. It is given what a query of each shard brought, from this cursor on. With `until` the list
    /// ends with what may be tried by then.
    pub(crate) fn merge(mut self, pages: Vec<Page>, until: Option<i64>) -> (Vec<Key>, Option<Self>) {
        let until = until.unwrap_or(i64::MAX);
        let ends: Vec<Option<(i64, Key)>> = pages
            .iter()
            .map(|page| page.next.as_ref().and_then(|next| Some((next.index.as_ref()?.1, next.key.clone()))))
            .collect();
        // Behind the end of a page that others follow, nothing is known of its shard.
        let known = ends.iter().flatten().map(|(wake, _)| *wake).min().unwrap_or(i64::MAX);
        let mut left: Vec<usize> = pages.iter().map(|page| page.items.len()).collect();
        let items = pages.into_iter().enumerate().flat_map(|(shard, page)| {
            page.items.into_iter().map(move |item| (item.number(WAKE).unwrap_or(i64::MIN), shard, item.key))
        });
        let mut found: Vec<(i64, usize, Key)> = items.collect();
        // Stable: within a shard the index's own order stays.
        found.sort_by_key(|(wake, ..)| *wake);

        self.0.resize(left.len().max(self.0.len()), None);
        let mut keys = Vec::new();
        let mut rest = found.into_iter().peekable();
        while keys.len() < QUEUE_PAGE
            && let Some((wake, shard, key)) = rest.next_if(|(wake, ..)| *wake <= known.min(until))
        {
            self.0[shard] = Some(QueuePlace::of(wake, &key));
            left[shard] -= 1;
            keys.push(key);
        }
        let mut more = rest.peek().is_some_and(|(wake, ..)| *wake <= until);
        for (shard, end) in ends.into_iter().enumerate() {
            let Some((wake, key)) = end else { continue };
            more |= wake <= until;
            if left[shard] == 0 {
                self.0[shard] = Some(QueuePlace::of(wake, &key));
            }
        }
        (keys, more.then_some(self))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tenfold_ports::table::Item;

    use super::*;
    use crate::names::TargetName;

    fn key(n: usize) -> Key {
        request_key(RequestId::new(&TargetName::parse("pay").unwrap(), None, &n.to_string()))
    }

    /// A shard's rows in its own order, and the query of a page of them.
    fn query(rows: &[(i64, Key)], after: Option<Cursor>, limit: usize) -> Page {
        let begin = after.map_or(0, |after| 1 + rows.iter().position(|(_, key)| *key == after.key).unwrap());
        let end = (begin + limit).min(rows.len());
        let items = rows[begin..end].iter().map(|(wake, key)| Item::new(key.clone()).with(WAKE, *wake));
        let next = (end < rows.len()).then(|| {
            let (wake, key) = &rows[end - 1];
            Cursor { key: key.clone(), index: Some(("p".into(), *wake)) }
        });
        Page { items: items.collect(), next }
    }

    proptest! {
        #[test]
        fn every_row_comes_once_and_in_the_order_of_time(
            shards in prop::collection::vec(prop::collection::vec(0_i64..40, 0..150), 1..5),
            limit in 1_usize..60,
        ) {
            let mut n = 0;
            let shards: Vec<Vec<(i64, Key)>> = shards.into_iter().map(|mut wakes| {
                wakes.sort_unstable();
                wakes.into_iter().map(|wake| { n += 1; (wake, key(n)) }).collect()
            }).collect();
            let wake_of = |key: &Key| shards.iter().flatten().find(|(_, k)| k == key).unwrap().0;
            let (mut seen, mut cursor) = (Vec::new(), QueueCursor::default());
            loop {
                let pages = shards.iter().enumerate().map(|(shard, rows)| {
                    query(rows, cursor.query_after(shard, &"p".into()), limit)
                });
                let pages: Vec<Page> = pages.collect();
                let (keys, next) = cursor.merge(pages, None);
                prop_assert!(keys.len() <= QUEUE_PAGE);
                seen.extend(keys);
                let Some(next) = next else { break };
                let text = serde_json::to_string(&next).unwrap();
                cursor = serde_json::from_str(&text).unwrap();
                prop_assert!(cursor.is_in(shards.len()));
            }
            let wakes: Vec<i64> = seen.iter().map(wake_of).collect();
            prop_assert!(wakes.is_sorted());
            seen.sort();
            seen.dedup();
            prop_assert_eq!(seen.len(), n);
        }
    }

    #[test]
    fn a_page_without_rows_goes_on_behind_its_end() {
        let end = Cursor { key: Key::new("strange", "row"), index: Some(("p".into(), 7)) };
        let others = [(3, key(1)), (9, key(2))];
        let pages = vec![Page { items: Vec::new(), next: Some(end.clone()) }, query(&others, None, 9)];
        let (keys, next) = QueueCursor::default().merge(pages, None);
        // What is behind 7 may come after rows that are not known yet.
        assert_eq!(keys, [key(1)]);
        let next = next.unwrap();
        assert_eq!(next.query_after(0, &"p".into()), Some(end));
        let pages = vec![Page::default(), query(&others, next.query_after(1, &"p".into()), 9)];
        assert_eq!(next.merge(pages, None), (vec![key(2)], None));
    }

    #[test]
    fn a_list_ends_where_it_was_said_to_end() {
        let rows: Vec<_> = (0..9).map(|n| (n as i64, key(n))).collect();
        let (keys, next) = QueueCursor::default().merge(vec![query(&rows, None, 5)], Some(2));
        assert_eq!((keys.len(), next.is_some()), (3, false));
        let (keys, next) = QueueCursor::default().merge(vec![query(&rows, None, 5)], Some(4));
        assert_eq!((keys.len(), next.is_some()), (5, true), "there may be more with the time 4");
    }

    #[test]
    fn a_place_is_one_of_the_list() {
        let other = |pk: &str| Some(QueuePlace::Other(5, pk.into(), "-".into()));
        for (places, expected) in [
            (vec![None, other("strange")], true),
            (vec![None; 3], false),
            (vec![other("")], false),
            (vec![other(&"x".repeat(2049))], false),
        ] {
            assert_eq!(QueueCursor(places.clone()).is_in(2), expected, "{places:?}");
        }
    }
}
