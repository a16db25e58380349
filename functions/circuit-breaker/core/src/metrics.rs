//! The pattern's metrics, by name: the alarms and the dashboard in the template use the same ones.

use tenfold_ports::metrics::{Dimension, Metric};
use tenfold_ports::{Metrics, SmolStr};

use crate::call::CallResult;
use crate::decide::breaker::BreakerState;
use crate::decide::window::CallOutcome;
use crate::names::TargetName;

/// The calls made to a target.
pub const REQUESTS: &str = "Requests";
/// The calls that failed.
pub const FAILURES: &str = "Failures";
/// The calls that were slow.
pub const SLOW_CALLS: &str = "SlowCalls";
/// The time that a call took, in milliseconds.
pub const CALL_TIME: &str = "CallTime";
/// The requests parked for a retry.
pub const PARKED: &str = "Parked";
/// The parked requests that were delivered.
pub const DELIVERED: &str = "Delivered";
/// The parked requests that were given up.
pub const DEAD: &str = "Dead";
/// The dead requests that were queued again.
pub const REDRIVEN: &str = "Redriven";
/// The requests that a person cancelled or discarded.
pub const DISMISSED: &str = "Dismissed";
/// The probes made.
pub const PROBES: &str = "Probes";
/// The probes that failed.
pub const PROBE_FAILURES: &str = "ProbeFailures";
/// The openings of a target's breakers, those of its tenants too.
pub const OPENED: &str = "Opened";
/// The state of a whole target's breaker: 0 closed, 1 half-open, 2 open; forced states count as what they
/// force.
pub const STATE: &str = "State";
/// The age of the oldest request whose turn is next, by its row, in seconds; 0 where nothing waits, and where not all
/// could be looked at nothing below the alarm's threshold.
pub const QUEUE_AGE: &str = "QueueAge";
/// The runs of the retry processor that came to their end.
pub const RETRY_RUNS: &str = "RetryRuns";
/// The runs of the health monitor by its schedule that came to their end.
pub const MONITOR_RUNS: &str = "MonitorRuns";
/// The calls that were not made, or that the target refused, since its credentials could not be had or are not right.
pub const CREDENTIALS_UNAVAILABLE: &str = "CredentialsUnavailable";
/// The number of targets whose breaker is not closed, or that fail by half of what would open it, at the end of a run of
/// the health monitor. Targets that were forced are not among them.
pub const FAILING_TARGETS: &str = "FailingTargets";
/// The drains that a refusal ended, the messages that could not be sent, and the results of probes that could not be
/// stored, because a service refused or did not answer.
pub const UNSETTLED: &str = "Unsettled";

/// Returns the dimensions of a target's metrics.
#[must_use]
pub fn of(target: &TargetName) -> [Dimension; 1] {
    [("Target", SmolStr::new(target.as_str()))]
}

/// Returns the state of a breaker as a metric.
#[must_use]
pub const fn state(state: &BreakerState) -> Metric {
    let value = match state {
        BreakerState::Closed | BreakerState::ForcedClosed => 0.0,
        BreakerState::HalfOpen { .. } => 1.0,
        BreakerState::Open { .. } | BreakerState::ForcedOpen => 2.0,
    };
    Metric::plain(STATE, value)
}

/// Records a call that was not made for want of credentials, or that was refused for them.
pub fn held_back<M: Metrics>(metrics: &M, target: &TargetName) {
    metrics.record(&of(target), &[Metric::count(CREDENTIALS_UNAVAILABLE, 1.0)]);
}

/// Records a call of a target.
pub fn call<M: Metrics>(metrics: &M, target: &TargetName, result: &CallResult) {
    if result.is_held_back() {
        return held_back(metrics, target);
    }
    let outcome = result.outcome.unwrap_or(CallOutcome { failed: false, slow: false });
    let values = [
        Metric::count(REQUESTS, 1.0),
        Metric::count(FAILURES, f64::from(outcome.failed)),
        Metric::count(SLOW_CALLS, f64::from(outcome.slow)),
        Metric::milliseconds(CALL_TIME, result.took.as_secs_f64() * 1000.0),
    ];
    metrics.record(&of(target), &values);
}
