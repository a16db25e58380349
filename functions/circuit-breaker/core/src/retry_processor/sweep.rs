//! Looking at all targets, so that nothing waits for a message that nobody has sent.
//!
//! The index says what waits and since when it may be tried, whatever became of the messages. So every gap between the
//! write of a row and the send of its message is repaired within a minute, also a message that SQS has dropped or that a
//! process took with it when it died.

use std::ops::ControlFlow;

use futures_util::StreamExt;
use futures_util::stream;
use jiff::Timestamp;
use tenfold_pattern::{page, send};
use tenfold_ports::table::{Item, Query, Read};
use tenfold_ports::{CallError, Context, Downstream, Queue, Runtime, Table};

use super::queue_age::Ages;
use super::{Refused, RetryProcessor, RunSummary};
use crate::decide::wake::look_at;
use crate::mutant::{Mutant, is_in};
use crate::park::outgoing;
use crate::rows::{self, QUEUE_INDEX, WAKE};
use crate::targets::{self, TargetState};

/// The number of looks at the index at a time.
const WIDTH: usize = 32;
/// What is left of an invocation's time for the page of targets that is being looked at.
const RESERVE_SECONDS: i64 = 15;

impl<T: Table, Q: Queue, D: Downstream, R: Runtime> RetryProcessor<T, Q, D, R> {
    /// Sends the messages that are missing, and measures for how long requests have been waiting. What cannot be looked
    /// at holds up nothing else.
    pub(super) async fn sweep(&self, context: &Context, summary: &mut RunSummary, refused: &mut Refused) {
        let mut ages = Ages::default();
        let listed = page::each(&self.table, Query::partition(rows::TARGETS), async |items| {
            let targets = targets::without_breakers(&self.runtime, &items);
            // Requests may wait for a target whose row cannot be read.
            ages.incomplete |= targets.len() < items.len();
            self.sweep_page(targets, &mut ages, summary, refused).await;
            let left = context.deadline.duration_since(self.runtime.now()).as_secs();
            if left < RESERVE_SECONDS {
                return Err(CallError::Unavailable);
            }
            Ok::<_, CallError>(ControlFlow::Continue(()))
        });
        if let Err(error) = listed.await {
            refused.note("targets not listed", error.into());
            ages.incomplete = true;
        }
        self.record_ages(&ages);
    }

    /// Sweeps a page of targets.
    async fn sweep_page(
        &self,
        targets: Vec<TargetState>,
        ages: &mut Ages,
        summary: &mut RunSummary,
        refused: &mut Refused,
    ) {
        let mut queues = Vec::with_capacity(targets.len());
        for (target, first) in self.first_of_each(targets).await {
            match first {
                Ok(first) => queues.push((target, first)),
                Err(error) => {
                    refused.note(target.name.as_str(), error.into());
                    ages.incomplete = true;
                }
            }
        }
        summary.targets += queues.len();
        // Nobody waits for the others, and what their breakers say does not matter.
        queues.retain(|(_, first)| !first.is_empty());
        if queues.is_empty() {
            return;
        }
        let keys: Vec<_> = queues.iter().map(|(target, _)| target.breaker_key()).collect();
        let breakers = self.table.get_many(&keys, Read::Eventual).await;
        match breakers {
            Ok(breakers) => self.wake_due(&queues, breakers, summary).await,
            Err(error) => refused.note("breakers not read", error.into()),
        }
        // After the messages: these rows are large, and ages are not worth a wait.
        if let Err(error) = self.look(&queues, ages).await {
            refused.note("ages not measured", error.into());
        }
    }

    /// Sends a message for each target of which something may be tried soon.
    async fn wake_due(
        &self,
        queues: &[(TargetState, Vec<Item>)],
        breakers: Vec<Option<Item>>,
        summary: &mut RunSummary,
    ) {
        let now = self.runtime.now();
        let mut wakes = Vec::new();
        for ((target, first), breaker) in queues.iter().zip(breakers) {
            let Some(target) = target.clone().with_breaker(&self.runtime, breaker) else { continue };
            if let Some((look, due)) = look_at(&target, first_due(first), now) {
                wakes.push(outgoing(&target.name, look, now, due));
            }
        }
        if is_in(Mutant::NoSweep) {
            return;
        }
        let sent = wakes.len();
        let unsent = send::messages(&self.queue, wakes).await.len();
        self.unsettled(unsent);
        summary.woken += sent - unsent;
    }

    /// Reads the first place of each shard of these targets' queues.
    async fn first_of_each(
        &self,
        targets: Vec<TargetState>,
    ) -> Vec<(TargetState, Result<Vec<Item>, CallError>)> {
        let shards = self.shards;
        let partitions: Vec<_> = targets
            .iter()
            .flat_map(|target| (0..shards).map(|shard| rows::active(&target.name, shard)))
            .collect();
        let looks = partitions.into_iter().map(async |partition| {
            let query = Query { index: Some(QUEUE_INDEX), limit: 1, ..Query::partition(partition) };
            self.table.query(query).await
        });
        let mut pages = stream::iter(looks).buffered(WIDTH).collect::<Vec<_>>().await.into_iter();
        let of_each = targets.into_iter().map(|target| {
            let own: Vec<_> = pages.by_ref().take(usize::from(shards)).collect();
            let first: Result<Vec<_>, _> = own.into_iter().collect();
            (target, first.map(|pages| pages.into_iter().flat_map(|page| page.items).collect()))
        });
        of_each.collect()
    }
}

/// When the first of these may be tried.
fn first_due(places: &[Item]) -> Option<Timestamp> {
    let wakes = places.iter().filter_map(|place| place.number(WAKE).ok());
    wakes.min().and_then(|wake| Timestamp::from_millisecond(wake).ok())
}
