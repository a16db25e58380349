//! `GET /targets/{target}/requests`: what waits for a target, and what of it is dead.

use futures_util::future::try_join_all;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use smol_str::{SmolStr, format_smolstr};
use tenfold_pattern::http::{RouteResult, page_token, parameter};
use tenfold_pattern::read::{ReadError, readable};
use tenfold_ports::api::{Problem, Request, Response};
use tenfold_ports::table::{BadItem, Item, Key, Query, Read};
use tenfold_ports::{CallError, Downstream, Queue, Runtime, Table};

use super::filter::{QueueSide, RequestFilter, since};
use super::{Gateway, unknown_target};
use crate::decide::queue_page::{QUEUE_PAGE, QueueCursor};
use crate::names::{RequestId, TargetName};
use crate::rows::{QUEUE_INDEX, RequestRow, RequestStatus, target_key};

/// A request in a list.
#[derive(Serialize)]
#[serde(untagged)]
enum QueueEntry {
    Readable(Box<QueuedView>),
    /// Its row is there and this version cannot read it.
    #[serde(rename_all = "camelCase")]
    Unreadable {
        request_id: RequestId,
        unreadable: bool,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct QueuedView {
    request_id: RequestId,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<SmolStr>,
    status: &'static str,
    /// Since when it waits or, where it is dead, is dead.
    since: Timestamp,
    accepted_at: Timestamp,
    /// The number of attempts since it was taken in or redriven.
    attempts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    ordering_key: Option<SmolStr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_attempt_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl QueuedView {
    fn new(row: RequestRow, now: Timestamp) -> Self {
        let waits = row.status == RequestStatus::Queued;
        Self {
            request_id: row.id,
            status: if waits { "queued" } else { "dead" },
            since: since(&row),
            accepted_at: row.data.accepted,
            attempts: row.data.tries,
            next_attempt_at: (waits && row.data.due > now).then_some(row.data.due),
            tenant: row.data.tenant,
            ordering_key: row.data.ordering,
            reason: row.data.died,
        }
    }
}

/// A page of a target's requests: what was read of each.
pub(super) struct QueueRows {
    /// The rows, in the order of the page; one that cannot be read is logged, counted and there by its id.
    pub(super) rows: Vec<Result<RequestRow, RequestId>>,
    /// The number of places in the index that were looked at.
    pub(super) looked: usize,
    /// Where the next page begins; none after the last.
    pub(super) next: Option<QueueCursor>,
}

impl<T: Table, Q: Queue, D: Downstream, R: Runtime> Gateway<T, Q, D, R> {
    pub(super) async fn list_requests(&self, target: &TargetName, request: &Request) -> RouteResult {
        let (side, filter, cursor) = self.list_of(target, request)?;
        let is_first = cursor == QueueCursor::default();
        let now = self.runtime.now();
        // The dead are in the order in which they died.
        let until = if side == QueueSide::Dead { filter.by(now) } else { None };
        let page = self.read_page(target, side, cursor, until).await?;
        if is_first && page.looked == 0 {
            self.must_know(target).await?;
        }
        let entries = page.rows.into_iter().filter_map(|row| match row {
            Ok(row) if side.has(&row) && filter.matches(&row, now) => {
                Some(QueueEntry::Readable(Box::new(QueuedView::new(row, now))))
            }
            Ok(_) => None,
            Err(request_id) => Some(QueueEntry::Unreadable { request_id, unreadable: true }),
        });
        let entries: Vec<QueueEntry> = entries.collect();
        let next = page.next.map(|next| page_token::write(&list_name(target, side, &filter), &next));
        Ok(Response::json(200, &json!({ "requests": entries, "next": next })))
    }

    /// What a list is of, and where it begins.
    fn list_of(
        &self,
        target: &TargetName,
        request: &Request,
    ) -> Result<(QueueSide, RequestFilter, QueueCursor), Problem> {
        let mut faults = Vec::new();
        let side = QueueSide::of(request).map_err(|fault| faults.push(fault)).ok();
        let filter = RequestFilter::of_query(request, &mut faults);
        let after = parameter(request, "after").and_then(|after| match (after, side) {
            (Some(after), Some(side)) if faults.is_empty() => {
                let cursor: QueueCursor = page_token::read(&list_name(target, side, &filter), after)?;
                if cursor.is_in(self.shards.into()) { Ok(cursor) } else { Err(page_token::no_place()) }
            }
            // Of which list it is cannot be said.
            _ => Ok(QueueCursor::default()),
        });
        let cursor = after.map_err(|fault| faults.push(fault)).ok();
        match (side, cursor) {
            (Some(side), Some(cursor)) if faults.is_empty() => Ok((side, filter, cursor)),
            _ => Err(Problem::invalid(faults)),
        }
    }

    /// Reads a page of a target's requests: at most a page of each shard's places, and the rows of the first of all of
    /// them.
    pub(super) async fn read_page(
        &self,
        target: &TargetName,
        side: QueueSide,
        cursor: QueueCursor,
        until: Option<Timestamp>,
    ) -> Result<QueueRows, ReadError> {
        let partitions = (0..self.shards).map(|shard| side.partition(target, shard)).collect();
        let (keys, next) = self.read_places(partitions, cursor, until).await?;
        let rows = self.read_rows(&keys, RequestRow::read, RequestRow::id_of).await?;
        Ok(QueueRows { rows, looked: keys.len(), next })
    }

    /// Reads a page of what some partitions of the index hold: the keys of its rows, in the order of time, and where the
    /// next one begins.
    pub(super) async fn read_places(
        &self,
        partitions: Vec<SmolStr>,
        cursor: QueueCursor,
        until: Option<Timestamp>,
    ) -> Result<(Vec<Key>, Option<QueueCursor>), CallError> {
        let queries = partitions.into_iter().enumerate().map(|(place, partition)| {
            let after = cursor.query_after(place, &partition);
            let query = Query::partition(partition);
            self.table.query(Query { index: Some(QUEUE_INDEX), limit: QUEUE_PAGE as u32, after, ..query })
        });
        let pages = try_join_all(queries).await?;
        Ok(cursor.merge(pages, until.map(Timestamp::as_millisecond)))
    }

    /// Reads these rows; those that are gone are left out. Of one that cannot be read, which is logged and counted, there is
    /// the name in its key; what is none of ours is left out.
    pub(super) async fn read_rows<A, B>(
        &self,
        keys: &[Key],
        read: impl Fn(&Item) -> Result<A, BadItem>,
        name: impl Fn(&Key) -> Option<B>,
    ) -> Result<Vec<Result<A, B>>, CallError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        // The index lags behind, and knows only keys.
        let items = self.table.get_many(keys, Read::Consistent).await?;
        let rows = items.iter().flatten().filter_map(|item| match readable(&self.runtime, read(item)) {
            Some(row) => Some(Ok(row)),
            None => name(&item.key).map(Err),
        });
        Ok(rows.collect())
    }

    /// Finds out whether there is a target of this name, or was one of late.
    pub(super) async fn must_know(&self, target: &TargetName) -> Result<(), Problem> {
        let item = self.table.get(&target_key(target), Read::Consistent).await.map_err(ReadError::from)?;
        item.map(|_| ()).ok_or_else(|| unknown_target(target))
    }
}

/// The list whose pages a token is for.
fn list_name(target: &TargetName, side: QueueSide, filter: &RequestFilter) -> SmolStr {
    format_smolstr!("targets/{target}/requests?state={} {}", side.name(), filter.name())
}
