//! The health monitor: `circuit-breaker-health-monitor`, called by a schedule and by alarms.
//!
//! It only checks targets that have a `healthUrl`. On the schedule it probes those whose break is over,
//! with the permits that everybody else takes. It also asks those whose calls fail, though not often enough to open
//! their breaker, and when an alarm says that something fails all whose breakers are still closed. It opens those that
//! do not answer well: the alarm says that something is wrong, the health check says where.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::join;
use futures_util::stream;
use serde::Serialize;
use tenfold_pattern::read::{ReadError, readable};
use tenfold_pattern::send;
use tenfold_ports::metrics::Metric;
use tenfold_ports::{Context, Downstream, Queue, Runtime, SmolStr, Table};

use crate::call::{self, CallResult};
use crate::credentials::{Credentials, Purpose, TargetCall};
use crate::decide::breaker::{Breaker, BreakerState, Decision, DecisionContext};
use crate::error::ScheduledRunError;
use crate::metrics;
use crate::names::{BreakerName, TargetName};
use crate::park::{self, Look};
use crate::registry::{Admission, Permit, Registry};
use crate::targets::{self, TargetState};

/// The number of targets that are asked at a time.
const WIDTH: usize = 8;
/// What is left of an invocation's time for writing down what came of a probe.
const RESERVE: Duration = Duration::from_secs(3);

/// What a health monitor reaches and remembers.
#[derive(Debug)]
pub struct HealthMonitor<T, Q, D, R> {
    /// The pattern's table.
    pub table: T,
    /// The retry queue.
    pub queue: Q,
    /// The way to the targets.
    pub downstream: D,
    /// What calls of targets identify themselves by.
    pub credentials: Credentials,
    /// Time, chance, metrics.
    pub runtime: R,
    /// The breakers as this environment knows them.
    pub registry: Registry<T, R>,
}

/// What the monitor is called by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum MonitorEvent {
    /// The schedule.
    Schedule,
    /// An alarm, whose state has changed.
    Alarm {
        /// Its name.
        name: SmolStr,
        /// Whether it is raised now.
        is_raised: bool,
    },
}

/// What a run of the monitor did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct CheckSummary {
    /// The number of targets looked at, with a `healthUrl` or without.
    pub targets: usize,
    /// The number of health checks made.
    pub checks: usize,
    /// The number of health checks that failed.
    pub failed: usize,
    /// The number of targets that fail: their breaker is not closed by itself, or half of what would open it has come.
    pub failing: usize,
    /// The number of targets that could not be checked or opened, because the table did not answer or refused, or no time
    /// was left.
    pub unchecked: usize,
}

impl<T: Table, Q: Queue, D: Downstream, R: Runtime> HealthMonitor<T, Q, D, R> {
    /// Checks all targets before the context's deadline, when this process is stopped.
    ///
    /// # Errors
    /// The table did not answer, or targets could not be checked or opened, so that whoever called may call again: nobody
    /// else comes for an alarm that stays raised. All others are checked.
    pub async fn handle(
        &self,
        event: &MonitorEvent,
        context: &Context,
    ) -> Result<CheckSummary, ScheduledRunError> {
        let alarm = match event {
            MonitorEvent::Alarm { name, is_raised: true } => Some(name),
            _ => None,
        };
        let mut summary = CheckSummary::default();
        targets::each_page(&self.table, &self.runtime, async |targets| {
            let living = targets.into_iter().filter(|target| target.row.deleted.is_none());
            let checks = living.map(|target| self.check(target, alarm, context));
            let done: Vec<CheckSummary> = stream::iter(checks).buffer_unordered(WIDTH).collect().await;
            for one in done {
                summary.targets += one.targets;
                summary.checks += one.checks;
                summary.failed += one.failed;
                summary.unchecked += one.unchecked;
                summary.failing += one.failing;
            }
        })
        .await?;
        join(self.registry.tend(), self.credentials.tend(&self.runtime)).await;
        tracing::info!(
            ?event,
            targets = summary.targets,
            checks = summary.checks,
            failed = summary.failed,
            unchecked = summary.unchecked,
            "targets checked"
        );
        if summary.unchecked > 0 {
            return Err(ScheduledRunError::Unchecked(summary.unchecked));
        }
        // An alarm calls too, but says nothing of the schedule.
        if matches!(event, MonitorEvent::Schedule) {
            let failing = Metric::plain(metrics::FAILING_TARGETS, summary.failing as f64);
            self.runtime.record(&[], &[Metric::count(metrics::MONITOR_RUNS, 1.0), failing]);
        }
        Ok(summary)
    }

    async fn check(&self, target: TargetState, alarm: Option<&SmolStr>, context: &Context) -> CheckSummary {
        let mut summary = CheckSummary { targets: 1, ..CheckSummary::default() };
        self.runtime.record(&metrics::of(&target.name), &[metrics::state(&target.breaker.state)]);
        let deciding = DecisionContext { now: self.runtime.now(), config: &target.row.config, jitter: 0.0 };
        let is_closed = target.breaker.state == BreakerState::Closed;
        let is_failing = is_closed && target.breaker.may_trip(deciding);
        let is_open =
            matches!(target.breaker.state, BreakerState::Open { .. } | BreakerState::HalfOpen { .. });
        summary.failing = usize::from(is_failing || is_open);
        let Some(url) = &target.row.config.health_url else { return summary };
        // Each target by its own calls: while one fails for long, the alarm on all of them says nothing of the next.
        let suspected = match alarm {
            Some(alarm) if is_closed => Some(format!("alarm {alarm}")),
            None if is_failing => Some("its calls fail".to_owned()),
            _ => None,
        };
        if suspected.is_none() && target.breaker.decide(deciding) != Decision::Probe {
            return summary;
        }
        // No permit is taken for what cannot be asked.
        if self.credentials.are_missing(&target.row.config, self.runtime.now()) {
            metrics::held_back(&self.runtime, &target.name);
            return summary;
        }
        let name = BreakerName::of(target.name.clone());
        // As many probes as an epoch takes, one after the other, until it is decided.
        for _ in 0..target.row.config.half_open_probes {
            let permit = match self.registry.admit(&target.name, None).await {
                Ok(Admission::Call(permit)) => permit,
                Ok(Admission::Wait { refused: Some(error), .. }) | Err(error) => {
                    summary.unchecked += self.unchecked(&target.name, error);
                    break;
                }
                Ok(_) => break,
            };
            let is_probe = permit.is_probe();
            if !is_probe && suspected.is_none() {
                break;
            }
            let Some(result) = self.ask_health(url, &permit, context).await else {
                tracing::warn!(target = %target.name, "no time left to check the target");
                summary.unchecked += 1;
                permit.release().await;
                break;
            };
            // Its credentials cannot be had, which says nothing of the target; the log says why.
            if result.is_held_back() {
                metrics::call(&self.runtime, &target.name, &result);
                permit.release().await;
                break;
            }
            let failed = result.outcome.is_some_and(|o| o.failed);
            summary.checks += 1;
            summary.failed += usize::from(failed);
            let config = std::sync::Arc::clone(&permit.config);
            let settled = permit.settle(result.outcome, result.retry_after()).await;
            if settled.closed {
                let now = self.runtime.now();
                let wake = park::outgoing(&target.name, Look::All, now, now + park::INDEX_LAG);
                send::messages(&self.queue, vec![wake]).await;
            }
            if !settled.stored {
                summary.unchecked += 1;
                break;
            }
            if is_probe {
                continue;
            }
            if let Some(suspicion) = suspected.filter(|_| failed) {
                let reason = format!("{suspicion}, and the health check failed");
                let trip = |b: &Breaker, context: DecisionContext<'_>| b.trip(context, &reason);
                // What was counted comes first, by which it may open by itself.
                self.registry.tend().await;
                let tripped = self.registry.commit_anew(&name, &config, trip).await;
                if let Err(error) = tripped {
                    summary.unchecked += self.unchecked(&target.name, error);
                }
            }
            break;
        }
        summary
    }

    /// Returns 1 for a target that could not be checked or opened, and 0 where its breaker cannot be read: that is counted
    /// by itself, and calling again does not help.
    fn unchecked(&self, target: &TargetName, error: ReadError) -> usize {
        tracing::warn!(%error, %target, "target not checked or not opened");
        match error {
            ReadError::Row(error) => {
                readable::<()>(&self.runtime, Err(error));
                0
            }
            _ => 1,
        }
    }

    async fn ask_health(
        &self,
        url: &SmolStr,
        permit: &Permit<'_, T, R>,
        context: &Context,
    ) -> Option<CallResult> {
        let timeout = permit.time_for(context.deadline, RESERVE);
        if timeout.is_zero() {
            return None;
        }
        let target_call = TargetCall {
            config: &permit.config,
            call: call::health(url, timeout, context),
            purpose: Purpose::Health,
            time_left: &|| permit.time_for(context.deadline, RESERVE),
        };
        Some(self.credentials.make(&self.downstream, &self.runtime, target_call).await)
    }
}
