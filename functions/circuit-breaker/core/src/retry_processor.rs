//! The retry processor: `circuit-breaker-retry-processor`, called by a schedule.
//!
//! This module owns the run: sweep, then receive and deliver until nothing is left to do or the time is up.
//! `sweep` finds requests whose message was lost, `queue_age` measures for how long requests have been waiting,
//! `deliver` tries one request, `order` keeps the order of those with an ordering key, `give_up` ends what cannot
//! be delivered.
//!
//! The processor pulls from the queue itself. A request that cannot be tried yet is sent again with a delay
//! and its old message deleted, so no deferral burns a receive count, and a message only reaches the
//! dead-letter queue by itself when processors keep dying over it.

mod deliver;
mod disposition;
mod give_up;
mod order;
mod queue_age;
mod sweep;

use std::collections::HashMap;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{join, join_all};
use futures_util::stream;
use jiff::Timestamp;
use serde::Serialize;
use tenfold_pattern::read::{ReadError, UNREADABLE_ROWS, readable};
use tenfold_pattern::send;
use tenfold_ports::metrics::Metric;
use tenfold_ports::queue::{BATCH, Delivery, Outgoing};
use tenfold_ports::table::{Item, Read};
use tenfold_ports::{Context, Downstream, Queue, Runtime, SmolStr, Table};
use tracing::Instrument as _;

use crate::decide::retry::ramp;
use crate::decide::timing::time_left;
use crate::error::ScheduledRunError;
use crate::metrics;
use crate::names::{BreakerName, RequestId, TargetName};
use crate::park::RetryMessage;
use crate::registry::Registry;
use crate::rows::{RequestRow, request_key};
use disposition::{Disposition, Processed};

/// The time for which a run goes on taking messages.
const RUN: Duration = Duration::from_secs(55);
/// What a delivery may still need of the invocation's time when it begins: the longest call and writing it
/// down.
const RESERVE: Duration = Duration::from_secs(30);
/// The longest wait for a message when some are due soon.
const LINGER: Duration = Duration::from_secs(5);

/// What a retry processor reaches and remembers.
#[derive(Debug)]
pub struct RetryProcessor<T, Q, D, R> {
    /// The pattern's table.
    pub table: T,
    /// The retry queue.
    pub queue: Q,
    /// The dead-letter queue.
    pub dead_letters: Q,
    /// The way to the targets.
    pub downstream: D,
    /// Time, chance, metrics.
    pub runtime: R,
    /// The breakers as this environment knows them.
    pub registry: Registry<T, R>,
    /// The time for which answers and dead requests are kept.
    pub retention: Duration,
    /// The time after which a message that was due counts as lost.
    pub orphan_after: Duration,
    /// The age of a waiting request from which on the alarm on it is raised.
    pub age_alarm: Duration,
}

/// What a run of the retry processor did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct RunSummary {
    /// The number of messages received.
    pub received: usize,
    /// The number of requests that the target answered.
    pub delivered: usize,
    /// The number of requests that failed once more.
    pub failed: usize,
    /// The number of requests not tried because of their breaker or their time.
    pub deferred: usize,
    /// The number of requests given up.
    pub dead: usize,
    /// The number of messages of no use: of another generation, of another place in their order group, of
    /// another program.
    pub dropped: usize,
    /// The number of messages left in the queue, since the row of their request or of its order group cannot be read.
    pub unreadable: usize,
    /// The number of requests whose message was lost.
    pub woken: usize,
    /// The number of looks at targets and their queues that the table refused or did not answer.
    pub refused: usize,
}

impl RunSummary {
    fn count(&mut self, disposition: Disposition) {
        match disposition {
            Disposition::Delivered => self.delivered += 1,
            Disposition::Failed => self.failed += 1,
            Disposition::Deferred => self.deferred += 1,
            Disposition::Dead => self.dead += 1,
            Disposition::Dropped => self.dropped += 1,
        }
    }
}

/// What was refused while a run went on to deliver what it could. Such a run has not come to its end.
#[derive(Debug, Default)]
struct Refused {
    first: Option<ReadError>,
    times: usize,
}

impl Refused {
    /// Notes that something, a target or what was to be done about all, was refused.
    fn note(&mut self, what: &str, error: ReadError) {
        tracing::warn!(what, %error, "not looked after: the run goes on");
        self.times += 1;
        self.first.get_or_insert(error);
    }
}

impl<T: Table, Q: Queue, D: Downstream, R: Runtime> RetryProcessor<T, Q, D, R> {
    /// Works until there is nothing to do or the time is up.
    ///
    /// # Errors
    /// The table or the queue did not answer. What was begun is safe; the next run goes on. Where only the look for lost
    /// messages was refused, in part or whole, all was delivered that could be.
    pub async fn handle(&self, context: &Context) -> Result<RunSummary, ScheduledRunError> {
        let mut summary = RunSummary::default();
        let end = (self.runtime.now() + RUN).min(context.deadline);
        let mut refused = Refused::default();
        let mut soon = self.sweep(&mut summary, &mut refused).await;
        // Whether anything has happened since the queue's index was last looked at.
        let mut progressed = false;
        while let left = time_left(self.runtime.now(), end, Duration::ZERO, RUN)
            && left >= Duration::from_secs(1)
            && !time_left(self.runtime.now(), context.deadline, RESERVE, RUN).is_zero()
        {
            let wait = if soon { LINGER.min(left) } else { Duration::ZERO };
            let batch = self.queue.receive(BATCH, wait).await.map_err(ScheduledRunError::Queue)?;
            if !batch.is_empty() {
                soon = self.work(batch, end, context, &mut summary).await?;
                progressed = true;
                continue;
            }
            // Waiting on makes sense as long as something comes back within this run.
            soon = (soon || progressed) && self.due_by(end, &mut refused).await;
            progressed = false;
            if !soon {
                break;
            }
        }
        summary.refused = refused.times;
        tracing::info!(?summary, "run ended");
        if let Some(error) = refused.first {
            return Err(error.into());
        }
        self.runtime.record(&[], &[Metric::count(metrics::RETRY_RUNS, 1.0)]);
        Ok(summary)
    }

    /// Counts messages that could not be acted on, sent or deleted. The run goes on, so Lambda counts no error.
    fn unsettled(&self, messages: usize) {
        if messages > 0 {
            self.runtime.record(&[], &[Metric::count(metrics::UNSETTLED, messages as f64)]);
        }
    }

    /// Counts a message that is only put off because of this error.
    fn put_off_by(&self, error: ReadError) {
        match error {
            ReadError::Row(error) => _ = readable::<()>(&self.runtime, Err(error)),
            _ => self.unsettled(1),
        }
    }

    /// Works through a batch. Returns whether a message comes back before `end`.
    async fn work(
        &self,
        batch: Vec<Delivery>,
        end: Timestamp,
        context: &Context,
        summary: &mut RunSummary,
    ) -> Result<bool, ReadError> {
        summary.received += batch.len();
        let left = batch.len();
        let (messages, undecodable) = parse(batch);
        let rows = self.rows(&messages).await.inspect_err(|_| self.unsettled(left))?;
        let mut by_target: HashMap<TargetName, Vec<(RetryMessage, SmolStr, Option<RequestRow>)>> =
            HashMap::new();
        for (message, receipt) in messages {
            let row = match rows.get(&message.request) {
                None => None,
                Some(Some(row)) => Some(row.clone()),
                // Perhaps another version reads it: its message stays in the queue until then, or becomes a dead
                // letter, and the row waits for the sweep.
                Some(None) => {
                    summary.unreadable += 1;
                    continue;
                }
            };
            by_target.entry(message.target.clone()).or_default().push((message, receipt, row));
        }
        let mut targets: Vec<_> = by_target.into_iter().collect();
        targets.sort_by(|a, b| a.0.cmp(&b.0));
        let work = targets.into_iter().map(|(target, work)| self.work_for(target, work, context));
        let (done, undecodable) = join(join_all(work), self.dead_letter(undecodable, summary)).await;
        let mut after = Vec::new();
        let mut receipts = undecodable;
        for (receipt, next) in done.into_iter().flatten() {
            match next {
                // Left in the queue, both: they come back when their visibility ends.
                Err(ReadError::Row(error)) => {
                    readable::<()>(&self.runtime, Err(error));
                    summary.unreadable += 1;
                }
                Err(error) => {
                    tracing::warn!(%error, "message not settled");
                    self.unsettled(1);
                }
                Ok(Processed { disposition, send }) => {
                    summary.count(disposition);
                    after.extend(send);
                    receipts.push(receipt);
                }
            }
        }
        let now = self.runtime.now();
        let soon = after.iter().any(|m: &Outgoing| now + m.delay <= end);
        // What could not be sent, the sweep sends; what could not be deleted comes back and finds its row changed.
        let unsent = send::messages(&self.queue, after).await.len();
        self.unsettled(unsent + send::deletions(&self.queue, receipts).await);
        Ok(soon)
    }

    /// Delivers the requests of one target, more at a time the longer its breaker has been closed.
    async fn work_for(
        &self,
        target: TargetName,
        work: Vec<(RetryMessage, SmolStr, Option<RequestRow>)>,
        context: &Context,
    ) -> Vec<(SmolStr, Result<Processed, ReadError>)> {
        let name = BreakerName::of(target.clone());
        let loaded = self.registry.load(&target, &[&name]).await;
        let width = match loaded {
            Ok(()) => ramp(&self.registry.row(&name).breaker, self.runtime.now()),
            Err(_) => 1,
        };
        stream::iter(work)
            .map(|(message, receipt, row)| async move {
                let mut context = context.of(&message.carrier);
                if let Some(row) = &row {
                    context = context.of(&row.data.carrier);
                }
                let span = tracing::error_span!(
                    "request",
                    request = %message.request,
                    correlation_id = context.correlation.as_str(),
                    trace_id = context.trace.trace_id(),
                );
                (receipt, self.process(message, row, &context).instrument(span).await)
            })
            .buffered(width)
            .collect()
            .await
    }

    /// Reads the rows that there are of these messages' requests; none is one that cannot be read.
    async fn rows(
        &self,
        messages: &[(RetryMessage, SmolStr)],
    ) -> Result<HashMap<RequestId, Option<RequestRow>>, ReadError> {
        let mut ids: Vec<_> = messages.iter().map(|(m, _)| m.request).collect();
        ids.sort();
        ids.dedup();
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let keys: Vec<_> = ids.iter().copied().map(request_key).collect();
        let items = self.table.get_many(&keys, Read::Consistent).await?;
        let read = |item: &Item| readable(&self.runtime, RequestRow::read(item));
        Ok(ids.into_iter().zip(&items).filter_map(|(id, item)| Some((id, read(item.as_ref()?)))).collect())
    }

    /// Moves what is no message of ours to the dead-letter queue. Returns the receipts of what may be
    /// deleted.
    async fn dead_letter(&self, undecodable: Vec<Delivery>, summary: &mut RunSummary) -> Vec<SmolStr> {
        if undecodable.is_empty() {
            return Vec::new();
        }
        let bodies = undecodable.iter().map(|d| String::from_utf8_lossy(&d.body).into_owned());
        let kept = send::messages(&self.dead_letters, bodies.map(Outgoing::new).collect()).await;
        tracing::error!(
            messages = undecodable.len(),
            "messages not readable: moved to the dead-letter queue"
        );
        self.runtime.record(&[], &[Metric::count(UNREADABLE_ROWS, undecodable.len() as f64)]);
        self.unsettled(kept.len());
        summary.dropped += undecodable.len() - kept.len();
        let moved = undecodable.into_iter().enumerate().filter(|(i, _)| !kept.contains(i));
        moved.map(|(_, delivery)| delivery.receipt).collect()
    }
}

fn parse(batch: Vec<Delivery>) -> (Vec<(RetryMessage, SmolStr)>, Vec<Delivery>) {
    let mut messages = Vec::new();
    let mut undecodable = Vec::new();
    for delivery in batch {
        match serde_json::from_slice::<RetryMessage>(&delivery.body) {
            Ok(message) => messages.push((message, delivery.receipt)),
            Err(_) => undecodable.push(delivery),
        }
    }
    (messages, undecodable)
}
