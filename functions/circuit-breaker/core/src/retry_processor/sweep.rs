//! Finding requests whose message was lost.
//!
//! A row that is still in the queue's index long after its message should have come gets a new generation,
//! and a new message with it. That repairs every gap between the write of a row and the send of its message,
//! also a message that SQS has dropped or that a process took with it when it died.

use std::ops::ControlFlow;
use std::time::Duration;

use jiff::Timestamp;
use smol_str::SmolStr;
use tenfold_pattern::read::{ReadError, readable};
use tenfold_pattern::{page, send};
use tenfold_ports::table::{Item, Key, Query, Range, Read};
use tenfold_ports::{Downstream, Queue, Runtime, Table};

use super::{RetryProcessor, RunSummary};
use crate::decide::breaker::{Breaker, BreakerState, Decision, DecisionContext};
use crate::decide::timing::{arrival, delay};
use crate::mutant::{Mutant, is_in};
use crate::names::TargetName;
use crate::park::{self, RetryMessage, Stored};
use crate::rows::{self, QUEUE_INDEX, RequestRow, RequestStatus};
use crate::targets;

/// The most requests of a target that a run wakes, give or take a page; the next run goes on.
const MOST: usize = 100;
/// The requests of a page.
const PAGE: u32 = 100;
/// The time for which a run looks ahead for requests that are worth waiting for.
const AHEAD: Duration = Duration::from_mins(1);

impl<T: Table, Q: Queue, D: Downstream, R: Runtime> RetryProcessor<T, Q, D, R> {
    /// Sends the messages of overdue requests again. Returns whether any request is due soon.
    pub(super) async fn sweep(&self, summary: &mut RunSummary) -> Result<bool, ReadError> {
        let mut soon = false;
        let mut failed = None;
        targets::each_page(&self.table, &self.runtime, async |targets| {
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
    pub(super) async fn due_by(&self, end: Timestamp) -> Result<bool, ReadError> {
        let mut due = false;
        let mut failed = None;
        targets::each_page(&self.table, &self.runtime, async |targets| {
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
    ) -> Result<bool, ReadError> {
        let now = self.runtime.now();
        let overdue = now - self.orphan_after;
        let (mut soon, mut woken) = (false, 0);
        page::each(&self.table, index(rows::active(target), now + AHEAD, PAGE), async |items| {
            soon |= !items.is_empty();
            if patient || never_sweeps() {
                return Ok::<_, ReadError>(ControlFlow::Break(()));
            }
            let late =
                |item: &&Item| item.number(rows::WAKE).is_ok_and(|wake| wake < overdue.as_millisecond());
            let keys: Vec<_> = items.iter().filter(late).map(|item| item.key.clone()).collect();
            woken += self.wake(&keys, overdue).await?;
            // Those that come first may be late for good, since they cannot be read: the others are behind them.
            let all_late = keys.len() == items.len();
            Ok(if all_late && woken < MOST { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })
        .await?;
        if woken > 0 {
            tracing::info!(%target, requests = woken, "overdue: their messages are sent again");
        }
        summary.woken += woken;
        Ok(soon)
    }

    /// Gives those of these requests that wait since before `overdue` a new generation and a new message each.
    /// Returns their number.
    async fn wake(&self, keys: &[Key], overdue: Timestamp) -> Result<usize, ReadError> {
        if keys.is_empty() {
            return Ok(0);
        }
        let now = self.runtime.now();
        let items = self.table.get_many(keys, Read::Consistent).await?;
        let rows = items.iter().flatten().filter_map(|item| readable(&self.runtime, RequestRow::read(item)));
        let (mut messages, mut failed) = (Vec::new(), None);
        for mut row in rows {
            let waits = matches!(row.status, RequestStatus::Queued | RequestStatus::Dying);
            if !waits || row.wake.as_millisecond() >= overdue.as_millisecond() {
                continue;
            }
            row.wake = arrival(now, row.data.due);
            row.data.writer = self.runtime.next_u64();
            match park::store(&self.table, &row).await {
                Ok(Stored::Yes) => messages.push(RetryMessage::of(&row).outgoing(delay(now, row.data.due))),
                Ok(_) => {}
                Err(ReadError::Row(error)) => {
                    readable::<()>(&self.runtime, Err(error));
                }
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        let woken = messages.len();
        send::messages(&self.queue, messages).await;
        failed.map_or(Ok(woken), Err)
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
