//! The pattern's metrics, by name: the alarms and the dashboard in the template use the same ones.

use tenfold_ports::metrics::{Dimension, Metric};
use tenfold_ports::{Metrics, SmolStr};

use crate::call::CallResult;
use crate::decide::breaker::BreakerState;
use crate::decide::window::CallOutcome;
use crate::names::TargetName;

/// Calls made to a target.
pub const REQUESTS: &str = "Requests";
/// Calls that failed.
pub const FAILURES: &str = "Failures";
/// Calls that were slow.
pub const SLOW_CALLS: &str = "SlowCalls";
/// How long a call took.
pub const CALL_TIME: &str = "CallTime";
/// Requests parked for a retry.
pub const PARKED: &str = "Parked";
/// Parked requests delivered.
pub const DELIVERED: &str = "Delivered";
/// Parked requests given up.
pub const DEAD: &str = "Dead";
/// Dead requests queued again.
pub const REDRIVEN: &str = "Redriven";
/// Probes made.
pub const PROBES: &str = "Probes";
/// Probes that failed.
pub const PROBE_FAILURES: &str = "ProbeFailures";
/// Openings of a breaker.
pub const OPENED: &str = "Opened";
/// The state: 0 closed, 1 half-open, 2 open; forced states count as what they force.
pub const STATE: &str = "State";
/// The age of a parked request when the retry processor had it in its hands.
pub const QUEUE_AGE: &str = "QueueAge";

/// The dimensions of a target's metrics.
#[must_use]
pub fn of(target: &TargetName) -> [Dimension; 1] {
    [("Target", SmolStr::new(target.as_str()))]
}

/// The state as a metric.
#[must_use]
pub const fn state(state: &BreakerState) -> Metric {
    let value = match state {
        BreakerState::Closed | BreakerState::ForcedClosed => 0.0,
        BreakerState::HalfOpen { .. } => 1.0,
        BreakerState::Open { .. } | BreakerState::ForcedOpen => 2.0,
    };
    Metric::plain(STATE, value)
}

/// Records a call of a target.
pub fn call<M: Metrics>(metrics: &M, target: &TargetName, result: &CallResult) {
    let outcome = result.outcome.unwrap_or(CallOutcome { failed: false, slow: false });
    let values = [
        Metric::count(REQUESTS, 1.0),
        Metric::count(FAILURES, f64::from(outcome.failed)),
        Metric::count(SLOW_CALLS, f64::from(outcome.slow)),
        Metric::milliseconds(CALL_TIME, result.took.as_secs_f64() * 1000.0),
    ];
    metrics.record(&of(target), &values);
}
