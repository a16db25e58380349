//! Finding requests whose message was lost.
//!
//! A row that is still in the queue's index long after its message should have come gets a new generation,
//! and a new message with it. That repairs every gap between the write of a row and the send of its message,
//! also a message that SQS has dropped or that a process took with it when it died.

use jiff::Timestamp;
use std::time::Duration;

use smol_str::SmolStr;
use tenfold_ports::table::{Query, Range, Read};
use tenfold_ports::{Downstream, Queue, Runtime, Table};

use super::{RetryProcessor, RunSummary};
use crate::decide::breaker::{Breaker, BreakerState, Decision, DecisionContext};
use crate::decide::timing::{arrival, delay};
use crate::error::StoreError;
use crate::mutant::{Mutant, is_in};
use crate::names::TargetName;
use crate::park::{self, RetryMessage, Stored};
use crate::rows::{self, QUEUE_INDEX, RequestRow, RequestStatus};
use crate::targets;

/// The most requests of a target that a run looks at; the next run goes on.
const MOST: u32 = 100;
/// The time for which a run looks ahead for requests that are worth waiting for.
const AHEAD: Duration = Duration::from_mins(1);

impl<T: Table, Q: Queue, D: Downstream, R: Runtime> RetryProcessor<T, Q, D, R> {
    /// Sends the messages of overdue requests again. Returns whether any request is due soon.
    pub(super) async fn sweep(&self, summary: &mut RunSummary) -> Result<bool, StoreError> {
        let mut soon = false;
        let mut failed = None;
        targets::each_page(&self.table, async |targets| {
            for target in targets {
                let context =
                    DecisionContext { now: self.runtime.now(), config: &target.row.config, jitter: 0.0 };
                // While nothing can be delivered nothing is late either.
                let gone = target.row.deleted.is_some();
                if matches!(target.breaker.decide(context), Decision::Wait(_)) && !gone {
                    continue;
                }
                let patient = context.now < self.patience(&target.breaker) && !gone;
                match self.wake_overdue(&target.name, patient, summary).await {
                    Ok(due) => soon |= due,
                    Err(error) => failed = Some(error),
                }
            }
        })
        .await?;
        failed.map_or(Ok(soon), Err)
    }

    /// Returns until when messages that were put off while the target could not be called may still be on
    /// their way.
    fn patience(&self, breaker: &Breaker) -> Timestamp {
        match breaker.state {
            BreakerState::Open { until } => until + self.orphan_after,
            _ if breaker.epoch == 0 => Timestamp::UNIX_EPOCH,
            _ => breaker.since + self.orphan_after,
        }
    }

    /// Returns whether a request of any target is due by `end`.
    pub(super) async fn due_by(&self, end: Timestamp) -> Result<bool, StoreError> {
        let mut due = false;
        let mut failed = None;
        targets::each_page(&self.table, async |targets| {
            for target in targets {
                let query = index(rows::active(&target.name), end, 1);
                match self.table.query(query).await {
                    Ok(page) => due |= !page.items.is_empty(),
                    Err(error) => failed = Some(error.into()),
                }
            }
        })
        .await?;
        failed.map_or(Ok(due), Err)
    }

    /// Gives the overdue requests of a target a new generation and a new message each; where it is `patient`,
    /// it only looks. Returns whether any request is due soon.
    async fn wake_overdue(
        &self,
        target: &TargetName,
        patient: bool,
        summary: &mut RunSummary,
    ) -> Result<bool, StoreError> {
        let now = self.runtime.now();
        let page = self.table.query(index(rows::active(target), now + AHEAD, MOST)).await?;
        if patient || never_sweeps() {
            return Ok(!page.items.is_empty());
        }
        let overdue = (now - self.orphan_after).as_millisecond();
        let keys: Vec<_> = page
            .items
            .iter()
            .filter(|i| i.number(rows::WAKE).is_ok_and(|wake| wake < overdue))
            .map(|i| i.key.clone())
            .collect();
        if keys.is_empty() {
            return Ok(!page.items.is_empty());
        }
        let mut messages = Vec::new();
        for item in self.table.get_many(&keys, Read::Consistent).await?.iter().flatten() {
            let mut row = RequestRow::read(item)?;
            if !matches!(row.status, RequestStatus::Queued | RequestStatus::Dying)
                || row.wake.as_millisecond() >= overdue
            {
                continue;
            }
            row.wake = arrival(now, row.data.due);
            row.data.writer = self.runtime.next_u64();
            if park::store(&self.table, &row).await? == Stored::Yes {
                messages.push(RetryMessage::of(&row).outgoing(delay(now, row.data.due)));
            }
        }
        if !messages.is_empty() {
            tracing::info!(%target, requests = messages.len(), "overdue: their messages are sent again");
        }
        summary.woken += messages.len();
        park::send(&self.queue, messages).await;
        Ok(true)
    }
}

fn never_sweeps() -> bool {
    is_in(Mutant::NoSweep)
}

/// Returns a query of a partition of the queue's index.
fn index(partition: SmolStr, until: Timestamp, limit: u32) -> Query {
    let range = Range::AtMost(until.as_millisecond());
    Query { index: Some(QUEUE_INDEX), range, limit, ..Query::partition(partition) }
}
