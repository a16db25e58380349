//! Finding requests whose message was lost.
//!
//! A row that is still in the queue's index long after its message should have come gets a new generation,
//! and a new message with it. That repairs every gap between the write of a row and the send of its message,
//! also a message that SQS has dropped or that a process took with it when it died.

use std::ops::ControlFlow;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use jiff::Timestamp;
use tenfold_pattern::read::{ReadError, readable};
use tenfold_pattern::{page, send};
use tenfold_ports::table::{Item, Key, Page, Query, Range, Read};
use tenfold_ports::{CallError, Downstream, Queue, Runtime, Table};

use super::queue_age::Ages;
use super::{Refused, RetryProcessor, RunSummary};
use crate::decide::breaker::{Breaker, BreakerState, Decision, DecisionContext};
use crate::decide::timing::{arrival, delay};
use crate::mutant::{Mutant, is_in};
use crate::names::TargetName;
use crate::park::{self, RetryMessage, Stored};
use crate::rows::{self, QUEUE_INDEX, RequestRow, RequestStatus};
use crate::targets::{self, TargetState};

/// The most requests of a target that a run wakes, give or take a page; the next run goes on.
const MOST: usize = 100;
/// The requests of a page.
const PAGE: u32 = 100;
/// The number of queues that are looked at at a time.
const WIDTH: usize = 8;
/// The time for which a run looks ahead for requests that are worth waiting for.
const AHEAD: Duration = Duration::from_mins(1);

impl<T: Table, Q: Queue, D: Downstream, R: Runtime> RetryProcessor<T, Q, D, R> {
    /// Sends the messages of overdue requests again, and measures for how long requests have been waiting. Returns
    /// whether any request is due soon. What cannot be looked at holds up nothing else.
    pub(super) async fn sweep(&self, summary: &mut RunSummary, refused: &mut Refused) -> bool {
        let (mut soon, mut ages) = (false, Ages::default());
        let listed = page::each(&self.table, Query::partition(rows::TARGETS), async |items| {
            let targets = targets::without_breakers(&self.runtime, &items);
            // Requests may wait for a target whose row cannot be read.
            ages.incomplete |= targets.len() < items.len();
            soon |= self.sweep_page(targets, &mut ages, summary, refused).await;
            Ok::<_, CallError>(ControlFlow::Continue(()))
        });
        if let Err(error) = listed.await {
            refused.note("targets not listed", error.into());
            ages.incomplete = true;
        }
        self.record_ages(&ages);
        soon
    }

    /// Sweeps a page of targets. Returns whether any request of them is due soon.
    async fn sweep_page(
        &self,
        targets: Vec<TargetState>,
        ages: &mut Ages,
        summary: &mut RunSummary,
        refused: &mut Refused,
    ) -> bool {
        let looks = targets.into_iter().map(async |target| {
            let first = self.table.query(queue(&target.name)).await;
            (target, first)
        });
        let looks: Vec<_> = stream::iter(looks).buffered(WIDTH).collect().await;
        let mut queues = Vec::with_capacity(looks.len());
        for (target, first) in looks {
            match first {
                Ok(first) => queues.push((target, first)),
                Err(error) => {
                    refused.note(target.name.as_str(), error.into());
                    ages.incomplete = true;
                }
            }
        }
        if queues.is_empty() {
            return false;
        }
        let keys: Vec<_> = queues.iter().map(|(target, _)| target.breaker_key()).collect();
        let breakers = self.table.get_many(&keys, Read::Eventual).await;
        // Not in one call with the breakers: these rows are large, and ages are not worth a sweep.
        if let Err(error) = self.look(&queues, ages).await {
            refused.note("ages not measured", error.into());
        }
        let breakers = match breakers {
            Ok(breakers) => breakers,
            Err(error) => {
                refused.note("breakers not read", error.into());
                return false;
            }
        };
        let mut soon = false;
        for ((target, first), breaker) in queues.into_iter().zip(breakers) {
            let Some(target) = target.with_breaker(&self.runtime, breaker) else { continue };
            match self.sweep_target(&target, first, summary).await {
                Ok(due) => soon |= due,
                Err(error) => refused.note(target.name.as_str(), error),
            }
        }
        soon
    }

    /// Sends the messages of a target's overdue requests again; `first` is the first page of its queue. Returns
    /// whether a request of it is due soon.
    async fn sweep_target(
        &self,
        target: &TargetState,
        first: Page,
        summary: &mut RunSummary,
    ) -> Result<bool, ReadError> {
        let context = DecisionContext { now: self.runtime.now(), config: &target.row.config, jitter: 0.0 };
        // While nothing can be delivered nothing is late either.
        let gone = target.row.deleted.is_some();
        if matches!(target.breaker.decide(context), Decision::Wait(_)) && !gone {
            return Ok(false);
        }
        let ahead = (context.now + AHEAD).as_millisecond();
        let soon = first.items.iter().any(|item| item.number(rows::WAKE).is_ok_and(|wake| wake <= ahead));
        let patient = context.now < self.patience(&target.breaker) && !gone;
        if !patient && !never_sweeps() {
            summary.woken += self.wake_overdue(&target.name, first).await?;
        }
        Ok(soon)
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

    /// Returns whether a request of any target is due by `end`, as far as that can be read.
    pub(super) async fn due_by(&self, end: Timestamp, refused: &mut Refused) -> bool {
        let mut due = false;
        let listed = targets::each_page(&self.table, &self.runtime, async |targets| {
            for target in targets {
                let range = Range::AtMost(end.as_millisecond());
                let query = Query { range, limit: 1, ..queue(&target.name) };
                match self.table.query(query).await {
                    Ok(page) => due |= !page.items.is_empty(),
                    Err(error) => refused.note(target.name.as_str(), error.into()),
                }
            }
        });
        if let Err(error) = listed.await {
            refused.note("targets not listed", error);
        }
        due
    }

    /// Gives the overdue requests of a target a new generation and a new message each; `page` is the first of its
    /// queue. Returns their number.
    async fn wake_overdue(&self, target: &TargetName, mut page: Page) -> Result<usize, ReadError> {
        let overdue = self.runtime.now() - self.orphan_after;
        let mut woken = 0;
        loop {
            let late =
                |item: &&Item| item.number(rows::WAKE).is_ok_and(|wake| wake < overdue.as_millisecond());
            let keys: Vec<_> = page.items.iter().filter(late).map(|item| item.key.clone()).collect();
            woken += self.wake(&keys, overdue).await?;
            // Those that come first may be late for good, since they cannot be read: the others are behind them.
            let all_late = keys.len() == page.items.len();
            let after = page.next.filter(|_| all_late && woken < MOST);
            if after.is_none() {
                break;
            }
            page = self.table.query(Query { after, ..queue(target) }).await?;
        }
        if woken > 0 {
            tracing::info!(%target, requests = woken, "overdue: their messages are sent again");
        }
        Ok(woken)
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
        self.unsettled(send::messages(&self.queue, messages).await.len());
        failed.map_or(Ok(woken), Err)
    }
}

fn never_sweeps() -> bool {
    is_in(Mutant::NoSweep)
}

/// Returns a query of a target's requests that wait, by when their messages are expected.
fn queue(target: &TargetName) -> Query {
    Query { index: Some(QUEUE_INDEX), limit: PAGE, ..Query::partition(rows::active(target)) }
}
