//! The pattern's metrics, by name: the alarms and the dashboard in the template use the same ones.

use std::time::Duration;

use tenfold_ports::Metrics;
use tenfold_ports::metrics::Metric;

use crate::event::{LogEvent, SagaEvent, StepEvent};
use crate::rows::LogEntry;
use crate::state::SagaState;

/// Sagas asked for.
pub const STARTED: &str = "Started";
/// Sagas that were done.
pub const COMMITTED: &str = "Committed";
/// Sagas that were undone.
pub const COMPENSATED: &str = "Compensated";
/// Sagas that became stuck.
pub const BECAME_STUCK: &str = "BecameStuck";
/// Sagas that a person closed.
pub const RESOLVED: &str = "Resolved";
/// Steps that could not be undone.
pub const STEPS_STUCK: &str = "StepsStuck";
/// The age of a batch's oldest log entry when the publisher had it in its hands: milliseconds.
pub const OUTBOX_AGE: &str = "OutboxAge";
/// Batches of the log that the publisher brought on as a whole.
pub const PUBLISHER_RUNS: &str = "PublisherRuns";
/// Log entries of a batch that the publisher could not send on, each time that it tried; 0 where it sent all. Its
/// average is how many an average batch leaves behind.
pub const UNSENT: &str = "Unsent";
/// Attempts at a step, an undo or a settling: 1 for one that ended neither in success nor in a refusal of the service,
/// 0 for any other. Its average is the share of faults.
pub const FAULTS: &str = "Faults";
/// The runs of the coordinator by its schedule that came to their end.
pub const COORDINATOR_RUNS: &str = "CoordinatorRuns";
/// Sagas that wait for a person, by the coordinator's count.
pub const STUCK: &str = "Stuck";
/// Sagas past their time that the coordinator found.
pub const OVERDUE: &str = "Overdue";
/// By how much the latest of them was late: seconds.
pub const OVERDUE_AGE: &str = "OverdueAge";
/// The age of the oldest round under way, by the sagas' rows: seconds; 0 where none is.
pub const ROUND_AGE: &str = "RoundAge";
/// Rounds that the coordinator began.
pub const ROUNDS: &str = "Rounds";
/// Sagas, or shards of them, that a run of the coordinator could not recover, or had no time for.
pub const UNATTENDED: &str = "Unattended";

/// Records an attempt of a service at what it was asked for.
pub fn attempt<M: Metrics>(metrics: &M, service: &str, is_fault: bool) {
    metrics.record(&[("Service", service.into())], &[Metric::count(FAULTS, f64::from(u8::from(is_fault)))]);
}

/// A guard that records a fault when a panic drops it. In a batch a panic is a message that comes again, and Lambda
/// counts that as success.
#[derive(Debug)]
pub struct FaultOnPanic<'a, M: Metrics> {
    metrics: &'a M,
    service: &'a str,
}

impl<'a, M: Metrics> FaultOnPanic<'a, M> {
    /// Guards what follows as a work of this service.
    pub const fn of(metrics: &'a M, service: &'a str) -> Self {
        Self { metrics, service }
    }
}

impl<M: Metrics> Drop for FaultOnPanic<'_, M> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            attempt(self.metrics, self.service, true);
        }
    }
}

/// Returns the metrics of a batch of the publisher, by how many entries it could not send on.
pub fn batch(unsent: usize) -> impl Iterator<Item = Metric> {
    let run = (unsent == 0).then_some(Metric::count(PUBLISHER_RUNS, 1.0));
    [Metric::count(UNSENT, unsent as f64)].into_iter().chain(run)
}

/// Returns the metric of how many sagas wait for a person.
#[must_use]
pub fn stuck(n: u64) -> Metric {
    Metric::plain(STUCK, n as f64)
}

/// Returns the metrics of a run of the coordinator: how many sagas past their time it looked at, how many rounds it
/// began, and how many sagas or shards it could not recover.
#[must_use]
pub fn run(overdue: usize, rounds: usize, unattended: usize) -> [Metric; 3] {
    [
        Metric::count(OVERDUE, overdue as f64),
        Metric::count(ROUNDS, rounds as f64),
        Metric::count(UNATTENDED, unattended as f64),
    ]
}

/// Returns the metrics of a run of the coordinator that looked into every shard: by how much the latest saga was late,
/// how old the oldest round is, and that the run came to its end.
#[must_use]
pub fn whole_run(latest: Duration, oldest: Duration) -> [Metric; 3] {
    [
        Metric::seconds(OVERDUE_AGE, latest.as_secs_f64()),
        Metric::seconds(ROUND_AGE, oldest.as_secs_f64()),
        Metric::count(COORDINATOR_RUNS, 1.0),
    ]
}

/// Returns the names of the metrics that a log entry counts for. An entry that the stream brings twice counts
/// twice.
pub fn entry<P>(entry: &LogEntry<P>) -> impl Iterator<Item = &'static str> {
    let event = match &entry.event {
        LogEvent::Saga(SagaEvent::Started) => Some(STARTED),
        LogEvent::Step(_, StepEvent::Stuck) => Some(STEPS_STUCK),
        _ => None,
    };
    let state = match entry.state {
        Some(SagaState::Committed) => Some(COMMITTED),
        Some(SagaState::Compensated) => Some(COMPENSATED),
        Some(SagaState::Stuck) => Some(BECAME_STUCK),
        Some(SagaState::Resolved) => Some(RESOLVED),
        _ => None,
    };
    event.into_iter().chain(state)
}
