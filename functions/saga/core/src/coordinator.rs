//! The coordinator: `saga-coordinator`, called by a schedule and by state machines at their end.
//!
//! On the schedule it recovers the sagas whose time is up, whatever has held them up: a lost event, a state
//! machine that was stopped, a service that was away. It begins a new round for each, or ends it stuck after
//! five. It looks at no message and no execution, only at rows.

use std::ops::ControlFlow;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tenfold_pattern::read::readable;
use tenfold_pattern::{ReadError, page};
use tenfold_ports::table::{BadItem, Item, Query, Read};
use tenfold_ports::{CallError, Carrier, Context, Metrics, Runtime, Table};
use tracing::Instrument;

use crate::context::{Payload, span};
use crate::error::SagaError;
use crate::event::SagaEvent;
use crate::metrics::{self, FaultOnPanic};
use crate::mutant::{Mutant, is_in};
use crate::names::{COORDINATOR, SagaId};
use crate::rows::{OPEN_INDEX, SagaRow, WAKE, saga_of};
use crate::state::SagaState;
use crate::steps::Steps;

/// How many sagas are recovered at a time.
const WIDTH: usize = 8;
/// How many of a state and shard a run recovers at most; the next one goes on. So a run comes to its end when very many
/// are late too, and has seen each shard's oldest. Those that cannot be read are not counted, or they would take the
/// place of the others in every run.
const MOST: usize = 100;
/// What recovering a saga may need of the invocation's time where the table is slow.
const RESERVE: Duration = Duration::from_secs(20);

/// The coordinator, and what it reaches.
#[derive(Debug)]
pub struct Coordinator<T, R, P> {
    /// The sagas' rows.
    pub steps: Steps<T, R, P>,
}

/// What the coordinator is called by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CoordinatorEvent {
    /// A state machine has nothing more to try.
    Settle(Settle),
    /// A minute of the schedule.
    Schedule,
}

/// The input of a state machine's last task.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Settle {
    /// The action, always the same.
    pub action: SettleAction,
    /// The saga's id.
    pub saga: SagaId,
    /// The round of the state machine.
    pub round: u32,
    /// The trace and the correlation id of the execution; inputs of before have neither.
    #[serde(default)]
    pub carrier: Carrier,
}

/// The only action of a coordinator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum SettleAction {
    /// Look at the rows and say what became of the saga.
    #[serde(rename = "settle")]
    Settle,
}

/// The summary of a run: what it did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct CoordinatorSummary {
    /// The number of sagas past their time that were looked at.
    pub overdue: usize,
    /// The number of those that were skipped, because a row of theirs cannot be read.
    pub unreadable: usize,
    /// The number of rounds begun.
    pub rounds: usize,
    /// The number of sagas ended, since there were enough rounds.
    pub given_up: usize,
}

/// The error of a run that could not recover some sagas, though it recovered the rest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{failed} sagas or shards could not be recovered, the first because {first}")]
pub struct RunError {
    /// How many were not.
    pub failed: usize,
    /// Why the first was not.
    pub first: SagaError,
}

impl RunError {
    /// Returns the name under which a caller sees the error: the Lambda `errorType`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.first.name()
    }
}

/// Why the coordinator did not do what it was called for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub enum CoordinatorError {
    /// The saga is not compensated, or it could not be found out.
    Settle(#[from] SagaError),
    /// Some sagas could not be recovered.
    Run(#[from] RunError),
}

impl CoordinatorError {
    /// Returns the name under which a caller sees the error: the Lambda `errorType`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Settle(error) => error.name(),
            Self::Run(error) => error.name(),
        }
    }
}

/// How far a run has come, counted while it goes on.
#[derive(Default)]
struct RunProgress {
    summary: CoordinatorSummary,
    failed: usize,
    first: Option<SagaError>,
    latest: Duration,
    oldest: Duration,
    /// How many shards were not looked into, since there was no time.
    out_of_time: usize,
    /// Whether the table refused something, so that it was not looked at.
    is_refused: bool,
}

/// How a look into a shard ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sweep {
    /// The late sagas were looked after, or as many of them as a run takes.
    Ended,
    /// There was no time for some of them.
    OutOfTime,
}

impl<T: Table, R: Runtime, P: Payload> Coordinator<T, R, P> {
    /// Does what it is called for. A run of the schedule answers its summary, a state machine nothing.
    ///
    /// # Errors
    /// By the names that the state machine catches; of a run, that some sagas could not be recovered. The next run
    /// tries again.
    pub async fn handle(
        &self,
        event: &CoordinatorEvent,
        context: &Context,
    ) -> Result<Option<CoordinatorSummary>, CoordinatorError> {
        match event {
            CoordinatorEvent::Settle(settle) => Ok(self.settle(settle, context).await.map(|()| None)?),
            CoordinatorEvent::Schedule => Ok(Some(self.run(context).await?)),
        }
    }

    /// Says what became of a saga, when its state machine has nothing more to try.
    async fn settle(&self, call: &Settle, context: &Context) -> Result<(), SagaError> {
        let context = context.of(&call.carrier);
        let settle = async {
            let _guard = FaultOnPanic::of(&self.steps.runtime, COORDINATOR);
            let result = self.steps.settle(call.saga, call.round, &context.carrier()).await;
            if let Err(error) = &result {
                tracing::warn!(round = call.round, error = error.name(), why = %error, "settle");
            }
            let is_fault = result.as_ref().is_err_and(SagaError::is_fault);
            metrics::attempt(&self.steps.runtime, COORDINATOR, is_fault);
            result
        };
        settle.instrument(span(call.saga, &context)).await
    }

    /// Recovers all sagas whose time is up, before this process is stopped.
    async fn run(&self, context: &Context) -> Result<CoordinatorSummary, RunError> {
        let mut progress = RunProgress::default();
        // Whatever fails, the rest is recovered. One after the other: nobody waits for it, and the table is
        // there for the trips.
        let stuck = self.stuck().await;
        for state in self.states() {
            for shard in 0..self.steps.definition.shards() {
                match self.sweep(state, shard, context, &mut progress).await {
                    Ok(Sweep::Ended) => {}
                    Ok(Sweep::OutOfTime) => progress.out_of_time += 1,
                    Err(error) => progress.is_refused_by(error.into()),
                }
            }
        }
        match stuck {
            Ok(stuck) => self.steps.runtime.record(&[], &[metrics::stuck(stuck)]),
            Err(error) => progress.is_refused_by(error.into()),
        }
        let RunProgress { summary, failed, first, latest, oldest, out_of_time, is_refused } = progress;
        tracing::info!(?summary, failed, out_of_time, "run ended");
        let runtime = &self.steps.runtime;
        runtime.record(&[], &metrics::run(summary.overdue, summary.rounds, failed + out_of_time));
        // Of a shard that was not looked into nobody knows how old its oldest round is: a smaller age would turn an alarm
        // off. What single sagas have wrong is `Unattended`.
        if !is_refused && out_of_time == 0 {
            runtime.record(&[], &metrics::whole_run(latest, oldest));
        }
        first.map_or(Ok(summary), |first| Err(RunError { failed, first }))
    }

    /// How many sagas wait for a person.
    async fn stuck(&self) -> Result<u64, CallError> {
        let mut sum = 0;
        for shard in 0..self.steps.definition.shards() {
            if let Some(partition) = SagaState::Stuck.open(shard) {
                let query = Query { index: Some(OPEN_INDEX), ..Query::partition(partition) };
                sum += page::count(&self.steps.table, query).await?;
            }
        }
        Ok(sum)
    }

    /// The states in which a saga can be late.
    fn states(&self) -> impl Iterator<Item = SagaState> + use<T, R, P> {
        let committing = !self.steps.definition.retryables().is_empty();
        let states = [SagaState::Running, SagaState::Compensating, SagaState::Committing];
        let states = states.into_iter().filter(move |state| *state != SagaState::Committing || committing);
        states.filter(|state| *state != SagaState::Running || !is_in(Mutant::NoDeadline))
    }

    /// When the round of the first of these sagas began that is in this state, by its row: its deadline is of the limits
    /// of then.
    async fn began(&self, state: SagaState, items: &[Item]) -> Result<Option<Timestamp>, CallError> {
        for item in items {
            let row = self.steps.table.get(&item.key, Read::Consistent).await?;
            // One that cannot be read is counted when it is late, and one in another state has gone on meanwhile.
            let row = row.and_then(|row| SagaRow::<P>::read(&row).ok());
            if let Some(row) = row.filter(|row| row.state == state) {
                return Ok(Some(row.since));
            }
        }
        Ok(None)
    }

    async fn sweep(
        &self,
        state: SagaState,
        shard: u8,
        context: &Context,
        progress: &mut RunProgress,
    ) -> Result<Sweep, CallError> {
        let runtime = &self.steps.runtime;
        let in_time = || runtime.now() + RESERVE < context.deadline;
        if !in_time() {
            return Ok(Sweep::OutOfTime);
        }
        let Some(partition) = state.open(shard) else { return Ok(Sweep::Ended) };
        let mut sweep = Sweep::Ended;
        // In the order of their time: also the first that is not up yet says for how long its round has been under way.
        let mut is_first = true;
        let query = Query { index: Some(OPEN_INDEX), limit: 50, ..Query::partition(partition) };
        let most = progress.summary.overdue + MOST;
        page::each(&self.steps.table, query, async |items| {
            if !items.is_empty() && !in_time() {
                sweep = Sweep::OutOfTime;
                return Ok::<_, CallError>(ControlFlow::Break(()));
            }
            let now = runtime.now();
            let first = items.iter().filter_map(|item| item.number(WAKE).ok()).min();
            progress.first_is(first, now);
            if std::mem::take(&mut is_first) {
                match self.began(state, &items).await {
                    Ok(began) => progress.has_a_round_of(began, now),
                    Err(error) => progress.is_refused_by(error.into()),
                }
            }
            let late: Vec<&Item> = items.iter().filter(|item| is_late(item, now)).collect();
            let all_late = late.len() == items.len();
            let ids = late.into_iter().filter_map(|item| progress.readable(runtime, id_of(item)));
            let ids: Vec<SagaId> = ids.collect();
            let found = ids.len();
            let recoveries =
                ids.into_iter().take_while(|_| in_time()).map(|id| self.steps.recover(id, context));
            let done: Vec<_> = stream::iter(recoveries).buffer_unordered(WIDTH).collect().await;
            if done.len() < found {
                sweep = Sweep::OutOfTime;
            }
            done.into_iter().for_each(|result| progress.count(runtime, result));
            let more = all_late && progress.summary.overdue < most && sweep == Sweep::Ended;
            Ok(if more { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })
        .await?;
        Ok(sweep)
    }
}

/// Whether the time of a saga is up, by its place in the index.
fn is_late(item: &Item, now: Timestamp) -> bool {
    item.number(WAKE).is_ok_and(|wake| wake <= now.as_second())
}

/// The id of the saga that a row of the index belongs to.
fn id_of(item: &Item) -> Result<SagaId, BadItem> {
    let bad =
        |why: &str| BadItem { key: item.key.to_string(), attribute: "pk".to_owned(), why: why.to_owned() };
    saga_of(&item.key).ok_or_else(|| bad("names no saga"))
}

impl RunProgress {
    /// Takes the time at which the first saga of a page is late.
    fn first_is(&mut self, wake: Option<i64>, now: Timestamp) {
        let late = wake.map_or(0, |wake| now.as_second().saturating_sub(wake));
        self.latest = self.latest.max(Duration::from_secs(u64::try_from(late).unwrap_or(0)));
    }

    /// Takes the time at which a round under way began.
    fn has_a_round_of(&mut self, began: Option<Timestamp>, now: Timestamp) {
        // None where another machine's clock is ahead.
        let age = began.and_then(|began| Duration::try_from(now.duration_since(began)).ok());
        self.oldest = self.oldest.max(age.unwrap_or_default());
    }

    /// What was read of a row; one that cannot be read is skipped, since the others are not to wait for it.
    fn readable<T>(&mut self, metrics: &impl Metrics, row: Result<T, BadItem>) -> Option<T> {
        let row = readable(metrics, row);
        self.summary.unreadable += usize::from(row.is_none());
        row
    }

    fn count(&mut self, metrics: &impl Metrics, result: Result<Option<(SagaEvent, SagaState)>, SagaError>) {
        if let Err(SagaError::Read(ReadError::Row(error))) = result {
            self.readable::<()>(metrics, Err(error));
            return;
        }
        self.summary.overdue += 1;
        match result {
            Ok(Some((SagaEvent::GaveUp, _))) => self.summary.given_up += 1,
            Ok(Some(_)) => self.summary.rounds += 1,
            Ok(None) => {}
            Err(error) => self.fails(error),
        }
    }

    fn is_refused_by(&mut self, error: SagaError) {
        self.is_refused = true;
        self.fails(error);
    }

    fn fails(&mut self, error: SagaError) {
        tracing::error!(%error, "sagas not recovered");
        self.failed += 1;
        self.first.get_or_insert(error);
    }
}
