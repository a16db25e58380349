//! What one environment knows of the fleet's breakers, and how it takes part in them.
//!
//! **Reading.** A target's configuration and breakers are read in one call and kept for a TTL, so a closed
//! breaker costs at most one read a TTL and environment.
//!
//! **Counting.** An environment collects the calls that it has not yet reported, and reports them, with one
//! conditional write, when it matters:
//! 1. at once after a call that failed or was slow;
//! 2. with a read, at most once a TTL, while the fleet's window holds any such call.
//!
//! So nothing is written while all goes well, every failure reaches the fleet at once however thin the traffic
//! is spread, and the fleet's failure rate can only be too high: by the good calls that other environments have
//! made since their last read, a TTL at most, or before anyone's first failure.
//!
//! **Without the table.** An environment goes on with what it read last, however old. Its own calls count on
//! top, so it trips by itself; nobody probes, since a permit cannot be had. A target that it has never read
//! cannot be called at all.
//!
//! **Lost answers.** Each write carries a random `writer`. A conflict with one's own write is a success.

mod memory;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use tenfold_ports::metrics::Metric;
use tenfold_ports::table::{Read, WriteError};
use tenfold_ports::{CallError, Host, Table};

use crate::config::TargetConfig;
use crate::decide::breaker::{Breaker, BreakerState, Decision, DecisionContext, ProbeGrant, permit_margin};
use crate::decide::timing::time_left;
use crate::decide::window::CallOutcome;
use crate::error::RegistryError;
use crate::metrics;
use crate::names::{BreakerName, TargetName};
use crate::rows::{BreakerRow, breaker_key, target_key};
use memory::Known;

/// How often a write that somebody overtook is decided anew: of so many writers at once each gets its turn, and
/// a conflict brings the row along, so it costs no read.
const TRIES: usize = 24;
/// How often a write is made again whose answer was lost.
const LOST: usize = 3;

/// The breakers as this environment knows them.
#[derive(Debug, Default)]
pub struct Registry {
    ttl: Duration,
    known: Mutex<HashMap<TargetName, Known>>,
}

/// Leave to call a target, to be handed back with the outcome by [`Registry::settle`].
#[derive(Debug, Clone, PartialEq)]
pub struct Permit {
    /// The configuration to call by.
    pub config: Arc<TargetConfig>,
    breaker: BreakerName,
    kind: PermitKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PermitKind {
    Counted { epoch: u64 },
    Uncounted,
    Probe(ProbeGrant),
}

impl Permit {
    /// Whether the call is a probe.
    #[must_use]
    pub const fn is_probe(&self) -> bool {
        matches!(self.kind, PermitKind::Probe(_))
    }

    /// How long the call may take: as configured, within the invocation's time less `reserve`, and a probe never
    /// beyond its permit.
    #[must_use]
    pub fn time_for(&self, now: Timestamp, deadline: Timestamp, reserve: Duration) -> Duration {
        let left = time_left(now, deadline, reserve, self.config.timeout());
        match &self.kind {
            PermitKind::Probe(grant) => time_left(now, grant.until, permit_margin(), left),
            _ => left,
        }
    }
}

/// What a target's breakers say to a call.
#[derive(Debug, Clone, PartialEq)]
pub enum Admission {
    /// Call it.
    Call(Permit),
    /// Not before this time.
    Wait {
        /// The time, for what it is worth: nobody knows it.
        until: Timestamp,
        /// The configuration to park by.
        config: Arc<TargetConfig>,
        /// The state and its reason, in words.
        why: String,
    },
    /// There is no such target.
    Unknown,
}

/// What happened to a breaker, for metrics and logs.
struct Committed {
    name: BreakerName,
    breaker: Breaker,
}

impl Registry {
    /// Breakers that are read again after `ttl`.
    #[must_use]
    pub fn new(ttl: Duration) -> Self {
        Self { ttl, known: Mutex::default() }
    }

    /// Asks for leave to call a target, on behalf of a tenant or not.
    ///
    /// The breakers of the target and of the tenant both have a say: the first that is not closed decides, and
    /// is the one that is probed. Where both are closed the call counts for the tenant, so that one tenant's
    /// failures trip only its own breaker.
    ///
    /// # Errors
    /// The table did not answer and the target is not known from before.
    pub async fn admit<T: Table, H: Host>(
        &self,
        table: &T,
        host: &H,
        target: &TargetName,
        tenant: Option<&BreakerName>,
    ) -> Result<Admission, RegistryError> {
        let whole = BreakerName::of(target.clone());
        let names: Vec<&BreakerName> = [Some(&whole), tenant].into_iter().flatten().collect();
        self.load(table, host, target, &names).await?;
        let now = host.now();
        let (config, deciding, decision, why) = {
            let known = self.lock();
            let Some(known) = known.get(target) else { return Ok(Admission::Unknown) };
            let config = Arc::clone(&known.target.config);
            let context = DecisionContext { now, config: &config, jitter: host.unit() };
            let mut last = (&whole, Decision::Allow, String::new());
            for name in &names {
                let breaker = known.breaker(name);
                let closed = breaker.state == BreakerState::Closed;
                last =
                    (*name, breaker.decide(context), format!("{}: {}", breaker.state.name(), breaker.reason));
                if !closed {
                    break;
                }
            }
            (config, last.0.clone(), last.1, last.2)
        };
        let kind = match decision {
            Decision::Allow => PermitKind::Counted { epoch: self.epoch(&deciding) },
            Decision::AllowUncounted => PermitKind::Uncounted,
            Decision::Wait(until) => return Ok(Admission::Wait { until, config, why }),
            Decision::Probe => {
                let Some(grant) = self.acquire(table, host, &deciding, &config).await else {
                    let until = now + Duration::from_millis(config.open_duration_ms.into());
                    return Ok(Admission::Wait { until, config, why });
                };
                PermitKind::Probe(grant)
            }
        };
        Ok(Admission::Call(Permit { config, breaker: deciding, kind }))
    }

    /// Reads what of a target and its breakers is not known or too old, in one call.
    ///
    /// # Errors
    /// The table did not answer and the target is not known from before.
    pub async fn load<T: Table, H: Host>(
        &self,
        table: &T,
        host: &H,
        target: &TargetName,
        names: &[&BreakerName],
    ) -> Result<(), RegistryError> {
        let now = host.now();
        if self.fresh(target, names, now) {
            return Ok(());
        }
        let mut keys = vec![target_key(target)];
        keys.extend(names.iter().map(|n| breaker_key(n)));
        let mut items = table.get_many(&keys, Read::Eventual).await;
        // A target that was put a moment ago must not be denied, and a request not given up for it.
        if items.as_ref().is_ok_and(|items| items[0].is_none()) {
            items = table.get_many(&keys, Read::Consistent).await;
        }
        match items {
            Ok(items) => self.learn(target, names, &items, now)?,
            // What was read before is better than nothing: the table must not take the target down with it.
            Err(e) if self.put_off(target, names, now) => {
                tracing::warn!(%target, error = %e, "breaker table unavailable: going on with what was read last");
            }
            Err(e) => return Err(e.into()),
        }
        for name in names {
            self.report(table, host, name, None).await;
        }
        Ok(())
    }

    /// Hands a permit back with what came of the call.
    pub async fn settle<T: Table, H: Host>(
        &self,
        table: &T,
        host: &H,
        permit: Permit,
        outcome: Option<CallOutcome>,
        retry_after: Option<Duration>,
    ) {
        match (permit.kind, outcome) {
            (PermitKind::Uncounted, _) | (PermitKind::Counted { .. }, None) => {}
            (PermitKind::Counted { epoch }, Some(outcome)) => {
                self.count(host.now(), &permit, epoch, outcome);
                if outcome.is_bad() {
                    self.report(table, host, &permit.breaker, retry_after).await;
                }
            }
            (PermitKind::Probe(grant), outcome) => {
                let failed = outcome.is_some_and(|o| o.failed);
                let probes = [
                    Metric::count(metrics::PROBES, 1.0),
                    Metric::count(metrics::PROBE_FAILURES, f64::from(failed)),
                ];
                host.record(&metrics::of(&permit.breaker.target), &probes);
                let done = |b: &Breaker, context: DecisionContext<'_>| {
                    b.settle(context, &grant, outcome, retry_after)
                };
                // A result that cannot be stored is lost: the permit comes back by the clock.
                let _ = self.commit(table, host, &permit.breaker, &permit.config, done).await;
            }
        }
    }

    /// Changes a breaker by a decision that is made anew whenever somebody else was faster. None where the
    /// decision was to change nothing.
    ///
    /// # Errors
    /// Nothing could be written, or it is not known whether it was.
    pub async fn commit<T: Table, H: Host>(
        &self,
        table: &T,
        host: &H,
        name: &BreakerName,
        config: &TargetConfig,
        decide: impl Fn(&Breaker, DecisionContext<'_>) -> Option<Breaker>,
    ) -> Result<Option<Breaker>, CallError> {
        let writer = host.next_u64();
        let jitter = host.unit();
        let mut row = self.row(name);
        let (mut failure, mut lost) = (None, 0);
        for _ in 0..TRIES {
            let context = DecisionContext { now: host.now(), config, jitter };
            let Some(next) = decide(&row.breaker, context) else { return Ok(None) };
            match table.write(row.replace(name, next.clone(), writer)).await {
                Ok(()) => {
                    let committed = BreakerRow { version: row.version + 1, breaker: next, writer };
                    return Ok(Some(self.committed(host, name, &row.breaker, committed)));
                }
                Err(WriteError::Conflict { current }) => {
                    let current = current.as_ref().map(BreakerRow::read);
                    let Some(Ok(current)) = current else { break };
                    if current.writer == writer {
                        return Ok(Some(self.committed(host, name, &row.breaker, current)));
                    }
                    self.keep(name, current.clone(), host.now());
                    row = current;
                }
                // Writing again tells whether it was applied: then it conflicts with itself.
                Err(WriteError::Call(e)) => {
                    lost += 1;
                    let go_on = e.may_have_applied() && lost <= LOST;
                    failure = Some(e);
                    if !go_on {
                        break;
                    }
                }
            }
        }
        Err(failure.unwrap_or(CallError::Throttled))
    }

    async fn acquire<T: Table, H: Host>(
        &self,
        table: &T,
        host: &H,
        name: &BreakerName,
        config: &TargetConfig,
    ) -> Option<ProbeGrant> {
        let holder = host.next_u64();
        let decide = |b: &Breaker, context: DecisionContext<'_>| b.acquire(context, holder);
        self.commit(table, host, name, config, decide).await.ok()??.grant_of(holder)
    }

    /// Reports the unreported calls of a breaker if it matters now.
    async fn report<T: Table, H: Host>(
        &self,
        table: &T,
        host: &H,
        name: &BreakerName,
        retry_after: Option<Duration>,
    ) {
        let now = host.now();
        let Some((config, epoch, calls)) = self.take_unreported(name, now) else { return };
        let jitter = host.unit();
        let absorb =
            |b: &Breaker, context: DecisionContext<'_>| b.absorb(context, epoch, &calls, retry_after);
        if let Err(e) = self.commit(table, host, name, &config, absorb).await {
            tracing::warn!(breaker = %name, error = %e, "calls not reported: counting on alone");
            let context = DecisionContext { now, config: &config, jitter };
            self.count_alone(name, context, epoch, calls, retry_after);
        }
    }

    fn committed<H: Host>(&self, host: &H, name: &BreakerName, before: &Breaker, row: BreakerRow) -> Breaker {
        let breaker = row.breaker.clone();
        if before.epoch != breaker.epoch {
            Committed { name: name.clone(), breaker: breaker.clone() }.tell(host);
        }
        self.keep(name, row, host.now());
        breaker
    }
}

impl Committed {
    fn tell<H: Host>(&self, host: &H) {
        let Self { name, breaker } = self;
        tracing::info!(
            breaker = %name, state = breaker.state.name(), epoch = breaker.epoch, reason = breaker.reason,
            "breaker changed"
        );
        if name.tenant.is_none() {
            let opened = f64::from(matches!(breaker.state, BreakerState::Open { .. }));
            let changed = [metrics::state(&breaker.state), Metric::count(metrics::OPENED, opened)];
            host.record(&metrics::of(&name.target), &changed);
        }
    }
}
