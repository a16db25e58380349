//! The retry processor: `circuit-breaker-retry-processor`, called by the retry queue and by a schedule.
//!
//! A message of the retry queue names a target for which something waits, and a call *drains* it: what is due is read
//! from the index and delivered, each target at its own pace, beside the others. The schedule *sweeps*: it looks at all
//! targets, and sends the messages that nobody has sent.
//!
//! This module owns both calls. `drain` delivers what waits for one target, a `pass` after the other, under the `lease` that
//! lets nobody else do so meanwhile; `waiting` reads it; `deliver` tries one request, `order` keeps the order of those with an ordering key,
//! `give_up` ends what cannot be delivered. `sweep` looks at all targets, and `queue_age` measures for how long requests
//! have been waiting.

mod behind;
mod deliver;
mod disposition;
mod drain;
mod give_up;
mod groups;
mod lease;
mod memo;
mod order;
mod pass;
mod queue_age;
mod sweep;
mod waiting;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::{join, join_all};
use serde::Serialize;
use tenfold_pattern::read::{ReadError, UNREADABLE_ROWS, readable};
use tenfold_pattern::send;
use tenfold_ports::metrics::Metric;
use tenfold_ports::queue::Outgoing;
use tenfold_ports::{Context, Downstream, Queue, Runtime, SmolStr, Table};

use crate::credentials::Credentials;
use crate::error::ScheduledRunError;
use crate::metrics;
use crate::names::TargetName;
use crate::park::{DeadLetters, Look, Wake};
use crate::registry::Registry;
pub use behind::Behind;
use disposition::Disposition;
use memo::Invocation;

/// The time for which a call goes on beginning deliveries.
const RUN: Duration = Duration::from_secs(55);

/// What a retry processor reaches and remembers.
#[derive(Debug)]
pub struct RetryProcessor<T, Q, D, R> {
    /// The pattern's table.
    pub table: T,
    /// The retry queue.
    pub queue: Q,
    /// The dead-letter queue.
    pub dead_letters: DeadLetters<Q>,
    /// The way to the targets.
    pub downstream: D,
    /// What calls of targets identify themselves by.
    pub credentials: Credentials,
    /// Time, chance, metrics.
    pub runtime: R,
    /// The breakers as this environment knows them.
    pub registry: Registry<T, R>,
    /// The time for which answers are kept.
    pub answer_retention: Duration,
    /// The time for which dead requests are kept.
    pub dead_retention: Duration,
    /// The age of a waiting request from which on the alarm on it is raised.
    pub age_alarm: Duration,
    /// The number of partitions of the index that a target's requests are spread over:
    /// [`SHARDS`](crate::rows::SHARDS), at least 1.
    pub shards: u16,
    /// What this environment knows of requests whose turn it is not.
    pub behind: Behind,
}

/// A message of the retry queue, as it was received.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WakeMessage {
    /// The queue's own id of it.
    pub id: SmolStr,
    /// Its body.
    pub body: String,
}

/// What a call of the retry processor did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct RunSummary {
    /// The number of targets that were drained, or looked at by a sweep.
    pub targets: usize,
    /// The number of requests that the target answered.
    pub delivered: usize,
    /// The number of requests that failed once more.
    pub failed: usize,
    /// The number of requests put off because of their tenant's breaker.
    pub deferred: usize,
    /// The number of requests given up.
    pub dead: usize,
    /// The number of requests that wait no longer, and of messages of another program.
    pub dropped: usize,
    /// The number of requests left alone, since their row or that of their order group cannot be read.
    pub unreadable: usize,
    /// The number of targets that a sweep sent a message for.
    pub woken: usize,
    /// The number of looks at targets and their queues that the table refused or did not answer.
    pub refused: usize,
}

impl RunSummary {
    const fn count(&mut self, disposition: Disposition) {
        match disposition {
            Disposition::Delivered => self.delivered += 1,
            Disposition::Failed => self.failed += 1,
            Disposition::Deferred => self.deferred += 1,
            Disposition::Dead => self.dead += 1,
            Disposition::Dropped => self.dropped += 1,
            Disposition::Left => {}
        }
    }

    /// Adds what another call did.
    pub const fn add(&mut self, other: &Self) {
        self.targets += other.targets;
        self.delivered += other.delivered;
        self.failed += other.failed;
        self.deferred += other.deferred;
        self.dead += other.dead;
        self.dropped += other.dropped;
        self.unreadable += other.unreadable;
        self.woken += other.woken;
        self.refused += other.refused;
    }
}

/// What was refused while a sweep went on with the others. Such a run has not come to its end.
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
    /// Looks at all targets: sends the messages that are missing, and measures for how long requests have been waiting.
    ///
    /// # Errors
    /// The table did not answer or refused something. All others were looked at, and the next run goes on.
    pub async fn handle_schedule(&self, context: &Context) -> Result<RunSummary, ScheduledRunError> {
        let mut summary = RunSummary::default();
        let mut refused = Refused::default();
        self.sweep(context, &mut summary, &mut refused).await;
        summary.refused = refused.times;
        tracing::info!(?summary, "all targets looked at");
        if let Some(error) = refused.first {
            return Err(error.into());
        }
        self.runtime.record(&[], &[Metric::count(metrics::RETRY_RUNS, 1.0)]);
        Ok(summary)
    }

    /// Drains the targets that these messages name, all at the same time, until nothing of them is due or the time is
    /// up. Returns what was done, and the ids of the messages that have to come again, since the table or a queue did not
    /// answer or refused something.
    pub async fn handle_messages(
        &self,
        messages: Vec<WakeMessage>,
        context: &Context,
    ) -> (RunSummary, Vec<SmolStr>) {
        let invocation = self.invocation(context);
        let (wakes, undecodable) = by_target(messages);
        let drains = wakes.into_iter().map(async |(target, (look, ids))| {
            let (summary, done) = self.drain(&target, look, &invocation).await;
            let failed = match done {
                Ok(()) => Vec::new(),
                Err(error) => {
                    tracing::warn!(%target, %error, "not drained to its end");
                    self.put_off_by(error);
                    ids
                }
            };
            (summary, failed)
        });
        let (drained, (dropped, mut again)) = join(join_all(drains), self.dead_letter(undecodable)).await;
        let mut summary = RunSummary { dropped, ..RunSummary::default() };
        for (one, failed) in drained {
            summary.add(&one);
            again.extend(failed);
        }
        tracing::info!(?summary, again = again.len(), "targets drained");
        (summary, again)
    }

    /// Drains one target: delivers what waits for it until nothing more of it is due, the breaker lets nothing through, or the
    /// time is up, as for a message that names it. For a loop of your own, in a container, say.
    ///
    /// It is a method and no type of its own, since a drain needs all that a retry processor has: the fleet's breakers,
    /// what this environment knows of the groups, the dead-letter queue, and the retry queue, to which it sends a message for
    /// when the target is to be looked at again. A loop that looks every few seconds needs none of these messages: give it a
    /// queue that nobody reads. At most one drain a target is under way in the fleet, so several processes may loop, and
    /// the functions on Lambda may go on beside them. [`Look::Due`] is what a loop wants, [`Look::All`] after a breaker has
    /// closed or a configuration was changed, and [`Look::TooOld`] now and then behind one that stays open.
    ///
    /// Its future stays on one thread: await it in `main`, or spawn it with `tokio::task::spawn_local`.
    ///
    /// # Errors
    /// The table or a queue did not answer or refused something. What was begun is safe, and the next drain goes on.
    ///
    /// ```
    /// use std::time::Duration;
    /// use circuit_breaker_core::{names::TargetName, park::Look, retry_processor::RetryProcessor};
    /// use tenfold_ports::{Context, Downstream, Queue, Runtime, Table};
    ///
    /// async fn work_off<T: Table, Q: Queue, D: Downstream, R: Runtime>(
    ///     processor: RetryProcessor<T, Q, D, R>,
    ///     target: TargetName,
    /// ) {
    ///     loop {
    ///         let context = Context::until(processor.runtime.now() + Duration::from_secs(60));
    ///         match processor.drain_target(&target, Look::Due, &context).await {
    ///             Ok(summary) => println!("{} delivered, {} failed", summary.delivered, summary.failed),
    ///             Err(error) => println!("to be gone on with: {error}"),
    ///         }
    ///         processor.registry.tend().await;
    ///         tokio::time::sleep(Duration::from_secs(5)).await;
    ///     }
    /// }
    /// ```
    pub async fn drain_target(
        &self,
        target: &TargetName,
        look: Look,
        context: &Context,
    ) -> Result<RunSummary, ReadError> {
        let (summary, done) = self.drain(target, look, &self.invocation(context)).await;
        done.map(|()| summary).inspect_err(|error| self.put_off_by(error.clone()))
    }

    /// Begins a call that goes on until its time is up.
    fn invocation<'a>(&self, context: &'a Context) -> Invocation<'a> {
        let end = (self.runtime.now() + RUN).min(context.deadline);
        Invocation { context, end, calls: Cell::new(0) }
    }

    /// Counts messages that could not be acted on or sent. The run goes on, so Lambda counts no error.
    fn unsettled(&self, messages: usize) {
        if messages > 0 {
            self.runtime.record(&[], &[Metric::count(metrics::UNSETTLED, messages as f64)]);
        }
    }

    /// Counts what is only put off because of this error.
    fn put_off_by(&self, error: ReadError) {
        match error {
            ReadError::Row(error) => _ = readable::<()>(&self.runtime, Err(error)),
            _ => self.unsettled(1),
        }
    }

    /// Moves what is no message of ours to the dead-letter queue. Returns how many, and the ids of those that have to
    /// come again.
    async fn dead_letter(&self, undecodable: Vec<WakeMessage>) -> (usize, Vec<SmolStr>) {
        if undecodable.is_empty() {
            return (0, Vec::new());
        }
        let letters = undecodable.iter().map(|message| Outgoing::new(message.body.clone())).collect();
        let kept = send::messages(&self.dead_letters.0, letters).await;
        tracing::error!(
            messages = undecodable.len(),
            "messages not readable: moved to the dead-letter queue"
        );
        self.runtime.record(&[], &[Metric::count(UNREADABLE_ROWS, undecodable.len() as f64)]);
        self.unsettled(kept.len());
        let moved = undecodable.len() - kept.len();
        (moved, kept.into_iter().map(|place| undecodable[place].id.clone()).collect())
    }
}

/// The targets that messages name: how much of each is to be looked at, and the ids of its messages.
type WakesByTarget = BTreeMap<TargetName, (Look, Vec<SmolStr>)>;

/// Parses messages; what is none of ours is apart.
fn by_target(messages: Vec<WakeMessage>) -> (WakesByTarget, Vec<WakeMessage>) {
    let (mut wakes, mut undecodable) = (WakesByTarget::new(), Vec::new());
    for message in messages {
        match serde_json::from_str::<Wake>(&message.body) {
            Ok(wake) => {
                let (look, ids) = wakes.entry(wake.target).or_insert((wake.look, Vec::new()));
                *look = wake.look.max(*look);
                ids.push(message.id);
            }
            Err(_) => undecodable.push(message),
        }
    }
    (wakes, undecodable)
}
