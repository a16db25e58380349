//! `POST /targets/{target}/redrive`: dead requests back to the queue.
//!
//! The rows are the truth; the messages in the dead-letter queue only raise the alarm. So the rows are queued
//! again first, then a message is sent, and the dead letters that speak of them are deleted last.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::time::Duration;

use serde_json::json;
use tenfold_pattern::http::RouteResult;
use tenfold_pattern::read::{ReadError, readable};
use tenfold_pattern::{page, send};
use tenfold_ports::api::{Problem, Response};
use tenfold_ports::metrics::Metric;
use tenfold_ports::queue::BATCH;
use tenfold_ports::table::{Key, Query, Read};
use tenfold_ports::{Bytes, Context, Downstream, Queue, Runtime, SmolStr, Table};

use super::{Gateway, queue_failed, unknown_target};
use crate::decide::timing::time_left;
use crate::metrics;
use crate::names::{RequestId, TargetName};
use crate::park::{self, DeadRequest, Stored};
use crate::rows::{self, QUEUE_INDEX, RequestRow, RequestStatus};

/// The most requests that one call redrives, give or take a page; the answer says whether there may be more.
const MOST: usize = 500;
/// The requests of a page.
const PAGE: u32 = 25;
/// What is left of an invocation's time for the dead letters.
const RESERVE: Duration = Duration::from_secs(5);

impl<T: Table, Q: Queue, D: Downstream, R: Runtime> Gateway<T, Q, D, R> {
    pub(super) async fn redrive(&self, name: &TargetName, context: &Context) -> RouteResult {
        self.registry.load(name, &[]).await?;
        self.registry.target(name).ok_or_else(|| unknown_target(name))?;
        let (mut redriven, mut more) = (0, false);
        for shard in 0..self.shards {
            let dead = Query::partition(rows::dead(name, shard));
            let query = Query { index: Some(QUEUE_INDEX), limit: PAGE, ..dead };
            page::each(&self.table, query, async |items| {
                let keys: Vec<_> = items.into_iter().map(|item| item.key).collect();
                redriven += self.queue_again(&keys).await?;
                more = redriven >= MOST || !self.has_time(context);
                Ok::<_, ReadError>(if more { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
            })
            .await?;
            if more {
                break;
            }
        }
        let now = self.runtime.now();
        if redriven > 0 {
            self.wakes.by(&self.queue, name, now, now).await;
        }
        self.clear_dead_letters(name, context).await?;
        self.runtime.record(&metrics::of(name), &[Metric::count(metrics::REDRIVEN, redriven as f64)]);
        Ok(Response::json(200, &json!({ "redriven": redriven, "more": more })))
    }

    fn has_time(&self, context: &Context) -> bool {
        !time_left(self.runtime.now(), context.deadline, RESERVE, Duration::MAX).is_zero()
    }

    /// Queues the dead rows among `keys` again. Returns their number.
    async fn queue_again(&self, keys: &[Key]) -> Result<usize, ReadError> {
        if keys.is_empty() {
            return Ok(0);
        }
        let items = self.table.get_many(keys, Read::Consistent).await?;
        let rows = items.iter().flatten().filter_map(|item| readable(&self.runtime, RequestRow::read(item)));
        let (mut queued, mut failed) = (0, None);
        for mut row in rows.filter(|row| row.status == RequestStatus::Dead) {
            let now = self.runtime.now();
            row.status = RequestStatus::Queued;
            row.wake = now;
            row.data.due = now;
            row.data.begun = now;
            row.data.tries = 0;
            row.data.died = None;
            row.data.answer = None;
            row.answer_body = Bytes::new();
            row.data.writer = self.runtime.next_u64();
            match park::queue_row(&self.table, &self.runtime, &row).await {
                Ok(Stored::Yes) => queued += 1,
                // Another redrive was faster; or its order group is full, and it stays dead.
                Ok(_) => {}
                // Its order group cannot be read: it stays dead.
                Err(ReadError::Row(error)) => {
                    readable::<()>(&self.runtime, Err(error));
                }
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        failed.map_or(Ok(queued), Err)
    }

    /// Deletes the dead letters of a target whose request is dead no more, and gives the others back.
    async fn clear_dead_letters(&self, name: &TargetName, context: &Context) -> Result<(), Problem> {
        let mut others: Vec<SmolStr> = Vec::new();
        for _ in 0..MOST / BATCH {
            let received = self.dead_letters.receive(BATCH, Duration::ZERO).await;
            let dead_letters = received.map_err(|error| queue_failed(&error))?;
            if dead_letters.is_empty() || !self.has_time(context) {
                others.extend(dead_letters.into_iter().map(|d| d.receipt));
                break;
            }
            let mut mine = Vec::new();
            for dead_letter in dead_letters {
                match serde_json::from_slice::<DeadRequest>(&dead_letter.body) {
                    Ok(message) if message.target == *name => {
                        mine.push((message.request, dead_letter.receipt));
                    }
                    _ => others.push(dead_letter.receipt),
                }
            }
            let still_dead = self.still_dead(mine.iter().map(|(id, _)| *id).collect()).await?;
            let (kept, answered): (Vec<_>, Vec<_>) =
                mine.into_iter().partition(|(id, _)| still_dead.contains(id));
            others.extend(kept.into_iter().map(|(_, receipt)| receipt));
            let answered = answered.into_iter().map(|(_, receipt)| receipt).collect();
            send::deletions(&self.dead_letters, answered).await;
        }
        while !others.is_empty() {
            let batch = others.split_off(others.len().saturating_sub(BATCH));
            let hidden = self.dead_letters.hide(batch, Duration::ZERO).await;
            hidden.map_err(|error| queue_failed(&error))?;
        }
        Ok(())
    }

    /// Returns those of these requests that are dead, or whose row cannot be read.
    async fn still_dead(&self, mut ids: Vec<RequestId>) -> Result<HashSet<RequestId>, ReadError> {
        ids.sort();
        ids.dedup();
        if ids.is_empty() {
            return Ok(HashSet::new());
        }
        let keys: Vec<_> = ids.iter().map(|id| rows::request_key(*id)).collect();
        let items = self.table.get_many(&keys, Read::Consistent).await?;
        let found = ids.into_iter().zip(items).filter_map(|(id, item)| Some((id, item?)));
        let dead = found.filter(|(_, item)| {
            let row = readable(&self.runtime, RequestRow::read(item));
            row.is_none_or(|row| matches!(row.status, RequestStatus::Dead | RequestStatus::Dying))
        });
        Ok(dead.map(|(id, _)| id).collect())
    }
}
