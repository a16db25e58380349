//! `POST /targets/{target}/redrive`: dead requests back to the queue.
//!
//! The rows are the truth; the messages in the dead-letter queue only raise the alarm. So each row is queued
//! again first, then its message is sent, and the dead letters that speak of it are deleted last.

use std::time::Duration;

use serde_json::json;
use tenfold_ports::api::{Problem, Response};
use tenfold_ports::metrics::Metric;
use tenfold_ports::queue::BATCH;
use tenfold_ports::table::{Item, Query, Read};
use tenfold_ports::{CallError, Context, Downstream, Queue, Runtime, SmolStr, Table};

use super::{Gateway, RouteResult, no_table, unknown_target};
use crate::decide::timing::time_left;
use crate::metrics;
use crate::names::TargetName;
use crate::park::{self, RetryMessage, Stored};
use crate::rows::{self, QUEUE_INDEX, RequestRow, RequestStatus};

/// The most requests that one call redrives, give or take a page; the answer says whether there is more.
const MOST: usize = 500;
const RESERVE: Duration = Duration::from_secs(5);

impl<T: Table, Q: Queue, D: Downstream, R: Runtime> Gateway<T, Q, D, R> {
    pub(super) async fn redrive(&self, name: &TargetName, context: &Context) -> RouteResult {
        self.registry.load(name, &[]).await?;
        self.registry.target(name).ok_or_else(|| unknown_target(name))?;
        let mut query = Query { index: Some(QUEUE_INDEX), limit: 25, ..Query::partition(rows::dead(name)) };
        let (mut redriven, mut more) = (0, false);
        loop {
            let page = self.table.query(query.clone()).await.map_err(|e| no_table(&e))?;
            let keys: Vec<_> = page.items.iter().map(|i| i.key.clone()).collect();
            redriven += self.queue_again(&keys).await?;
            let Some(next) = page.next else { break };
            if redriven >= MOST || !self.has_time(context) {
                more = true;
                break;
            }
            query.after = Some(next);
        }
        self.clear_dead_letters(name, context).await.map_err(|e| no_table(&e))?;
        self.runtime.record(&metrics::of(name), &[Metric::count(metrics::REDRIVEN, redriven as f64)]);
        Ok(Response::json(200, &json!({ "redriven": redriven, "more": more })))
    }

    fn has_time(&self, context: &Context) -> bool {
        !time_left(self.runtime.now(), context.deadline, RESERVE, Duration::MAX).is_zero()
    }

    /// Queues the dead rows among `keys` again. Returns their number. Returns their number.
    async fn queue_again(&self, keys: &[tenfold_ports::table::Key]) -> Result<usize, Problem> {
        if keys.is_empty() {
            return Ok(0);
        }
        let items = self.table.get_many(keys, Read::Consistent).await.map_err(|e| no_table(&e))?;
        let rows: Result<Vec<_>, _> = items.iter().flatten().map(RequestRow::read).collect();
        let rows = rows.map_err(|e| no_table(&CallError::Refused(e.to_string())))?;
        let mut messages = Vec::new();
        for mut row in rows.into_iter().filter(|r| r.status == RequestStatus::Dead) {
            let now = self.runtime.now();
            row.status = RequestStatus::Queued;
            row.wake = now;
            row.data.due = now;
            row.data.begun = now;
            row.data.tries = 0;
            row.data.died = None;
            row.data.writer = self.runtime.next_u64();
            // Another redrive may have been faster; or its order group is full, and it stays dead.
            if park::queue_row(&self.table, &self.runtime, &row).await? == Stored::Yes {
                messages.push(RetryMessage::of(&row).outgoing(Duration::ZERO));
            }
        }
        let queued = messages.len();
        park::send(&self.queue, messages).await;
        Ok(queued)
    }

    /// Deletes the dead letters of a target, and gives the others back.
    async fn clear_dead_letters(&self, name: &TargetName, context: &Context) -> Result<(), CallError> {
        let mut others: Vec<SmolStr> = Vec::new();
        for _ in 0..MOST / BATCH {
            let dead_letters = self.dead_letters.receive(BATCH, Duration::ZERO).await?;
            if dead_letters.is_empty() || !self.has_time(context) {
                others.extend(dead_letters.into_iter().map(|d| d.receipt));
                break;
            }
            let mut mine = Vec::new();
            for dead_letter in dead_letters {
                match serde_json::from_slice::<RetryMessage>(&dead_letter.body) {
                    Ok(message) if message.target == *name => mine.push((message, dead_letter.receipt)),
                    _ => others.push(dead_letter.receipt),
                }
            }
            let keys: Vec<_> = mine.iter().map(|(m, _)| rows::request_key(m.request)).collect();
            let rows = if keys.is_empty() { Vec::new() } else { self.rows_of(&keys).await? };
            let (still_dead, answered): (Vec<_>, Vec<_>) =
                mine.into_iter().partition(|(m, _)| rows.iter().any(|r| r.id == m.request && is_dead(r)));
            others.extend(still_dead.into_iter().map(|(_, receipt)| receipt));
            if !answered.is_empty() {
                self.dead_letters.delete(answered.into_iter().map(|(_, receipt)| receipt).collect()).await?;
            }
        }
        while !others.is_empty() {
            let batch = others.split_off(others.len().saturating_sub(BATCH));
            self.dead_letters.hide(batch, Duration::ZERO).await?;
        }
        Ok(())
    }

    async fn rows_of(&self, keys: &[tenfold_ports::table::Key]) -> Result<Vec<RequestRow>, CallError> {
        let mut keys = keys.to_vec();
        keys.sort();
        keys.dedup();
        let items = self.table.get_many(&keys, Read::Consistent).await?;
        let read = |item: &Item| RequestRow::read(item).map_err(|e| CallError::Refused(e.to_string()));
        items.iter().flatten().map(read).collect()
    }
}

const fn is_dead(row: &RequestRow) -> bool {
    matches!(row.status, RequestStatus::Dead | RequestStatus::Dying)
}
