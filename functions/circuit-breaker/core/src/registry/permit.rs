//! Leave to call a target: what it allows, and how it is handed back.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tenfold_pattern::read::{ReadError, readable};
use tenfold_ports::metrics::Metric;
use tenfold_ports::{CallError, Runtime, Table};

use super::breakers::Registry;
use super::left::LeftProbe;
use super::memory::Deciding;
use crate::config::TargetConfig;
use crate::decide::breaker::{Breaker, BreakerState, Decision, DecisionContext, EpochId};
use crate::decide::permits::{ProbeGrant, permit_margin};
use crate::decide::timing::time_left;
use crate::decide::window::CallOutcome;
use crate::metrics;
use crate::mutant::{Mutant, is_in};
use crate::names::{BreakerName, TargetName};

/// What a target's breakers say to a call.
#[derive(Debug)]
pub enum Admission<'a, T, R> {
    /// The target may be called.
    Call(Permit<'a, T, R>),
    /// The target is not to be called before a time.
    Wait {
        /// The time, for what it is worth: nobody knows it. None: before a person says otherwise.
        until: Option<Timestamp>,
        /// The breaker that says so: of the whole target, or of the tenant.
        breaker: BreakerName,
        /// The configuration to park by.
        config: Arc<TargetConfig>,
        /// The state and its reason, in words.
        why: String,
        /// Why no permit was had although one may be free: the table refused its write or did not answer.
        refused: Option<ReadError>,
    },
    /// There is no such target.
    Unknown,
}

/// The leave to call a target once, to be handed back by [`Permit::settle`], [`Permit::release`] or [`Permit::leave`].
///
/// One that is dropped instead, as its process died, counts no call; a probe's is free again by the clock.
#[derive(Debug)]
pub struct Permit<'a, T, R> {
    /// The configuration to call by.
    pub config: Arc<TargetConfig>,
    breaker: BreakerName,
    kind: PermitKind,
    registry: &'a Registry<T, R>,
}

/// What came of handing a permit back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settled {
    /// Whether what was to be stored is; the result of a probe that is not is logged and counted: it is lost, and the
    /// permit comes back by the clock.
    pub stored: bool,
    /// Whether the breaker was closed by it: what waits may go on.
    pub closed: bool,
}

/// How the call of a permit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PermitKind {
    /// In the window, while the breaker is in this epoch.
    Counted { epoch: EpochId },
    /// Not at all: the breaker is forced closed.
    Uncounted,
    /// As a probe of a half-open epoch.
    Probe(ProbeGrant),
}

impl<T: Table, R: Runtime> Registry<T, R> {
    /// Asks for leave to call a target, on behalf of a tenant or not.
    ///
    /// The breakers of the target and of the tenant both have a say: the first that is not closed decides,
    /// and is the one that is probed. Where both are closed the call counts for the tenant, so that one
    /// tenant's failures trip only its own breaker.
    ///
    /// # Errors
    /// The table did not answer and the target is not known from before.
    pub async fn admit(
        &self,
        target: &TargetName,
        tenant: Option<&BreakerName>,
    ) -> Result<Admission<'_, T, R>, ReadError> {
        match self.memory.deciding(target, tenant, Some(self.runtime.now())) {
            Deciding::Closed(config, epoch) => Ok(self.call_counted(target, tenant, config, epoch)),
            // In a box, so that the future of nearly all calls is small: it is copied wherever it goes.
            deciding => Box::pin(self.admit_slowly(target, tenant, deciding)).await,
        }
    }

    fn call_counted(
        &self,
        target: &TargetName,
        tenant: Option<&BreakerName>,
        config: Arc<TargetConfig>,
        epoch: EpochId,
    ) -> Admission<'_, T, R> {
        let breaker = tenant.map_or_else(|| BreakerName::of(target.clone()), BreakerName::clone);
        Admission::Call(Permit { config, breaker, kind: PermitKind::Counted { epoch }, registry: self })
    }

    async fn admit_slowly(
        &self,
        target: &TargetName,
        tenant: Option<&BreakerName>,
        mut deciding: Deciding,
    ) -> Result<Admission<'_, T, R>, ReadError> {
        if matches!(deciding, Deciding::Unknown) {
            let whole = BreakerName::of(target.clone());
            let names: Vec<&BreakerName> = [Some(&whole), tenant].into_iter().flatten().collect();
            if !self.read(target, &names).await? {
                return Ok(Admission::Unknown);
            }
            // However long the read took.
            deciding = self.memory.deciding(target, tenant, None);
        }
        let (config, name, breaker) = match deciding {
            // There was no room for it, among so many others that were read meanwhile.
            Deciding::Unknown => return Err(ReadError::Silent(CallError::Throttled)),
            Deciding::Closed(config, epoch) => return Ok(self.call_counted(target, tenant, config, epoch)),
            Deciding::Breaker(config, name, breaker) => (config, name, breaker),
        };
        let now = self.runtime.now();
        let why = format!("{}: {}", breaker.state.name(), breaker.reason);
        let kind = match breaker.decide(DecisionContext { now, config: &config, jitter: self.runtime.unit() })
        {
            Decision::Allow => PermitKind::Counted { epoch: breaker.epoch_id() },
            Decision::AllowUncounted => PermitKind::Uncounted,
            Decision::Wait(until) => {
                return Ok(Admission::Wait { until, breaker: name, config, why, refused: None });
            }
            Decision::Probe => match self.acquire(&name, &config).await {
                Ok(Some(grant)) => PermitKind::Probe(grant),
                // Its epoch was decided, by results that were there.
                Ok(None) if self.memory.row(&name).breaker.state == BreakerState::Closed => {
                    PermitKind::Counted { epoch: self.memory.row(&name).breaker.epoch_id() }
                }
                none => {
                    let until = Some(now + Duration::from_millis(config.open_duration_ms.into()));
                    let refused = none.err();
                    if let Some(error) = &refused {
                        tracing::warn!(breaker = %name, %error, "permit not taken");
                    }
                    return Ok(Admission::Wait { until, breaker: name, config, why, refused });
                }
            },
        };
        Ok(Admission::Call(Permit { config, breaker: name, kind, registry: self }))
    }

    /// Stores what came of a probe.
    async fn settle_probe(
        &self,
        breaker: &BreakerName,
        config: &TargetConfig,
        grant: &ProbeGrant,
        (outcome, retry_after): (Option<CallOutcome>, Option<Duration>),
    ) -> Settled {
        let result =
            |b: &Breaker, context: DecisionContext<'_>| b.settle(context, grant, outcome, retry_after);
        // Among very many others it was forgotten meanwhile.
        let forgotten = self.memory.row(breaker).breaker.epoch < grant.epoch;
        let read =
            if forgotten { self.read_consistently(&breaker.target, &[breaker]).await } else { Ok(true) };
        let written = match read {
            Ok(_) => self.commit_anew(breaker, config, result).await,
            Err(error) => Err(error),
        };
        match written {
            Ok(written) => Settled {
                stored: true,
                closed: written.is_some_and(|breaker| breaker.state == BreakerState::Closed),
            },
            Err(error) => {
                self.result_lost(breaker, &error);
                Settled { stored: false, closed: false }
            }
        }
    }

    /// Stores what came of probes that were left.
    pub(super) async fn settle_left(&self) {
        while let Some(mut taken) = self.left.take() {
            if let Some(LeftProbe { breaker, config, grant, outcome }) = &taken.probe {
                self.settle_probe(breaker, config, grant, (*outcome, None)).await;
            }
            taken.probe = None;
        }
    }

    fn record_probe(&self, breaker: &BreakerName, outcome: Option<CallOutcome>) {
        let failed = outcome.is_some_and(|o| o.failed);
        let probes =
            [Metric::count(metrics::PROBES, 1.0), Metric::count(metrics::PROBE_FAILURES, f64::from(failed))];
        self.runtime.record(&metrics::of(&breaker.target), &probes);
    }

    /// Logs and counts the result of a probe that could not be stored.
    fn result_lost(&self, name: &BreakerName, error: &ReadError) {
        tracing::warn!(breaker = %name, %error, "result of a probe not stored");
        if let ReadError::Row(error) = error {
            readable::<()>(&self.runtime, Err(error.clone()));
        } else {
            self.runtime.record(&[], &[Metric::count(metrics::UNSETTLED, 1.0)]);
        }
    }
}

impl<T: Table, R: Runtime> Permit<'_, T, R> {
    /// Returns the name of the target that may be called.
    #[must_use]
    pub const fn target(&self) -> &TargetName {
        &self.breaker.target
    }

    /// Returns whether the call is a probe.
    #[must_use]
    pub const fn is_probe(&self) -> bool {
        matches!(self.kind, PermitKind::Probe(_))
    }

    /// Returns how long the call may take: as configured, within the invocation's time less `reserve`, and a
    /// probe never beyond its grant.
    #[must_use]
    pub fn time_for(&self, deadline: Timestamp, reserve: Duration) -> Duration {
        let now = self.registry.runtime.now();
        let left = time_left(now, deadline, reserve, self.config.timeout());
        match &self.kind {
            PermitKind::Probe(grant) if !is_in(Mutant::ProbeOutlivesPermit) => {
                time_left(now, grant.until, permit_margin(), left)
            }
            _ => left,
        }
    }

    /// Hands the permit back unused, or after a call that says nothing of the target.
    pub async fn release(self) {
        self.settle(None, None).await;
    }

    /// Hands the permit back with what came of the call; none: it counts neither way. `retry_after` is how
    /// long the target asked to be left alone. What is to be reported of it, [`Registry::tend`] reports.
    pub async fn settle(self, outcome: Option<CallOutcome>, retry_after: Option<Duration>) -> Settled {
        let Self { config, breaker, kind, registry } = self;
        match (kind, outcome) {
            (PermitKind::Uncounted, _) | (PermitKind::Counted { .. }, None) => {}
            (PermitKind::Counted { epoch }, Some(outcome)) => {
                let (clock, jitter) = (|| registry.runtime.now(), || registry.runtime.unit());
                registry.memory.count(&breaker, &config, epoch, (outcome, retry_after), clock, jitter);
            }
            (PermitKind::Probe(grant), outcome) => {
                registry.record_probe(&breaker, outcome);
                return Box::pin(registry.settle_probe(&breaker, &config, &grant, (outcome, retry_after)))
                    .await;
            }
        }
        Settled { stored: true, closed: false }
    }

    /// Hands the permit back at once, with what is known of a call that was dropped before it came to its end; none: it
    /// counts neither way. The next [`Registry::tend`] gives a probe's permit back to the fleet.
    pub fn leave(self, outcome: Option<CallOutcome>) {
        let Self { config, breaker, kind, registry } = self;
        match (kind, outcome) {
            (PermitKind::Uncounted, _) | (PermitKind::Counted { .. }, None) => {}
            (PermitKind::Counted { epoch }, Some(outcome)) => {
                let (clock, jitter) = (|| registry.runtime.now(), || registry.runtime.unit());
                registry.memory.count(&breaker, &config, epoch, (outcome, None), clock, jitter);
            }
            (PermitKind::Probe(grant), outcome) => {
                registry.record_probe(&breaker, outcome);
                registry.left.add(LeftProbe { breaker, config, grant, outcome });
            }
        }
    }
}
