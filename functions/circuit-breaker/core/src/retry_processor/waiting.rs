//! Reading what waits for a target: from the index by when it may be tried, then the rows.

use std::collections::VecDeque;

use futures_util::future::try_join_all;
use futures_util::stream::{self, Stream};
use futures_util::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use tenfold_pattern::read::{ReadError, readable};
use tenfold_ports::table::{Cursor, Item, Key, Query, Range, Read};
use tenfold_ports::{CallError, Downstream, Queue, Runtime, Table};

use super::RetryProcessor;
use crate::names::{RequestId, TargetName};
use crate::rows::{self, QUEUE_INDEX, RequestRow, WAKE};

/// The places in the index that a page has.
const PAGE: u32 = 100;
/// The rows that one call reads: with their bodies they may have 256 KiB each.
const ROWS: usize = 25;

/// What is still to be read.
struct Reader<'a> {
    target: &'a TargetName,
    range: Range,
    /// The shards whose next page is to be read, each with the end of the page before.
    shards: Vec<(u16, Option<Cursor>)>,
    /// The keys whose rows are to be read.
    keys: VecDeque<Key>,
}

impl<T: Table, Q: Queue, D: Downstream, R: Runtime> RetryProcessor<T, Q, D, R> {
    /// Returns the requests that wait for a target and may be tried by a time (none: whenever), those that may be
    /// tried first first. One that cannot be read is left out and counted.
    pub(super) fn waiting<'a>(
        &'a self,
        target: &'a TargetName,
        by: Option<Timestamp>,
    ) -> impl Stream<Item = Result<RequestRow, ReadError>> + 'a {
        let range = by.map_or(Range::All, |by| Range::AtMost(by.as_millisecond()));
        let shards = (0..self.shards).map(|shard| (shard, None)).collect();
        let reader = Reader { target, range, shards, keys: VecDeque::new() };
        let chunks = stream::try_unfold(reader, async move |mut reader| {
            let chunk = self.next_rows(&mut reader).await?;
            Ok::<_, ReadError>(chunk.map(|rows| (stream::iter(rows).map(Ok), reader)))
        });
        chunks.try_flatten()
    }

    /// Reads some rows more; none where there are no more.
    async fn next_rows(&self, reader: &mut Reader<'_>) -> Result<Option<Vec<RequestRow>>, CallError> {
        while reader.keys.is_empty() {
            if reader.shards.is_empty() {
                return Ok(None);
            }
            self.next_pages(reader).await?;
        }
        let most = reader.keys.len().min(ROWS);
        let keys: Vec<Key> = reader.keys.drain(..most).collect();
        let rows = self.table.get_many(&keys, Read::Consistent).await?;
        let read = |item: &Item| {
            let row = readable(&self.runtime, RequestRow::read(item));
            if row.is_none() {
                self.behind.note_key(item.key.clone(), self.runtime.now());
            }
            row
        };
        Ok(Some(rows.iter().flatten().filter_map(read).collect()))
    }

    /// Reads a page of each shard that has more.
    async fn next_pages(&self, reader: &mut Reader<'_>) -> Result<(), CallError> {
        let shards = std::mem::take(&mut reader.shards);
        let queries = shards.into_iter().map(async |(shard, after)| {
            let query = Query {
                index: Some(QUEUE_INDEX),
                range: reader.range.clone(),
                limit: PAGE,
                after,
                ..Query::partition(rows::active(reader.target, shard))
            };
            Ok::<_, CallError>((shard, self.table.query(query).await?))
        });
        let (mut places, now) = (Vec::new(), self.runtime.now());
        for (shard, page) in try_join_all(queries).await? {
            places.extend(page.items.into_iter().filter(|place| !self.behind.is_left(&place.key, now)));
            reader.shards.extend(page.next.map(|next| (shard, Some(next))));
        }
        places.sort_by_key(|place| place.number(WAKE).unwrap_or_default());
        reader.keys.extend(places.into_iter().map(|place| place.key));
        Ok(())
    }

    /// Reads the row of one request; none where there is none, or it cannot be read, which is counted.
    pub(super) async fn row_of(&self, id: RequestId) -> Result<Option<RequestRow>, ReadError> {
        let item = self.table.get(&rows::request_key(id), Read::Consistent).await?;
        Ok(item.and_then(|item| readable(&self.runtime, RequestRow::read(&item))))
    }
}
