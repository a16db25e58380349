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
//! So nothing is written while all goes well, every failure reaches the fleet at once however thin the
//! traffic is spread, and the fleet's failure rate can only be too high: by the good calls that other
//! environments have made since their last read, a TTL at most, or before anyone's first failure.
//!
//! **Without the table.** An environment goes on with what it read last, however old. Its own calls count on
//! top, so it trips by itself; nobody probes, since a permit cannot be had. A target that it has never read
//! cannot be called at all.
//!
//! **Lost answers.** Each write carries a random `writer`. A conflict with one's own write is a success.

mod memory;
mod permit;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use tenfold_pattern::ReadError;
use tenfold_pattern::commit::{self, Committed};
use tenfold_ports::metrics::Metric;
use tenfold_ports::table::{Item, Read};
use tenfold_ports::{CallError, Runtime, Table};

use crate::config::TargetConfig;
use crate::decide::breaker::{Breaker, BreakerState, Decision, DecisionContext};
use crate::decide::half_open::ProbeGrant;
use crate::metrics;
use crate::names::{BreakerName, TargetName};
use crate::rows::{BreakerRow, breaker_key, target_key};
use memory::Known;
use permit::PermitKind;
pub use permit::{Admission, Permit};

/// How often a write that somebody overtook is decided anew: of so many writers at once each gets its turn,
/// and a conflict brings the row along, so it costs no read.
const TRIES: usize = 24;

/// The breakers as one environment knows them, and its way to their table. It is kept as long as the process
/// lives.
#[derive(Debug)]
pub struct Registry<T, R> {
    table: T,
    runtime: R,
    ttl: Duration,
    known: Mutex<HashMap<TargetName, Known>>,
}

/// What the breakers that a call depends on say together.
struct Asked {
    config: Arc<TargetConfig>,
    /// The breaker that decides.
    breaker: BreakerName,
    decision: Decision,
    /// Its state and reason, in words.
    why: String,
}

impl<T: Table, R: Runtime> Registry<T, R> {
    /// Returns a registry that knows nothing yet, and reads a breaker again when what it knows is `ttl` old.
    #[must_use]
    pub fn new(table: T, runtime: R, ttl: Duration) -> Self {
        Self { table, runtime, ttl, known: Mutex::default() }
    }

    /// Asks for leave to call a target, on behalf of a tenant or not.
    ///
    /// The breakers of the target and of the tenant both have a say: the first that is not closed decides,
    /// and is the one that is probed. Where both are closed the call counts for the tenant, so that one
    /// tenant's failures trip only its own breaker.
    ///
    /// # Errors
    /// The table did not answer and the target is not known from before; or a row cannot be read.
    pub async fn admit(
        &self,
        target: &TargetName,
        tenant: Option<&BreakerName>,
    ) -> Result<Admission<'_, T, R>, ReadError> {
        let whole = BreakerName::of(target.clone());
        let names: Vec<&BreakerName> = [Some(&whole), tenant].into_iter().flatten().collect();
        self.load(target, &names).await?;
        let now = self.runtime.now();
        let Some(asked) = self.ask(target, &names, now) else { return Ok(Admission::Unknown) };
        let Asked { config, breaker, decision, why } = asked;
        let kind = match decision {
            Decision::Allow => PermitKind::Counted { epoch: self.row(&breaker).breaker.epoch },
            Decision::AllowUncounted => PermitKind::Uncounted,
            Decision::Wait(until) => return Ok(Admission::Wait { until, config, why }),
            Decision::Probe => {
                let Some(grant) = self.acquire(&breaker, &config).await else {
                    let until = now + Duration::from_millis(config.open_duration_ms.into());
                    return Ok(Admission::Wait { until, config, why });
                };
                PermitKind::Probe(grant)
            }
        };
        Ok(Admission::Call(Permit { config, breaker, kind, registry: self }))
    }

    /// Asks the breakers in their order. Returns none where the target is not known.
    fn ask(&self, target: &TargetName, names: &[&BreakerName], now: Timestamp) -> Option<Asked> {
        let known = self.lock();
        let known = known.get(target)?;
        let config = Arc::clone(&known.target.config);
        let jitter = self.runtime.unit();
        let mut deciding = None;
        for name in names {
            let breaker = known.breaker(name);
            let closed = breaker.state == BreakerState::Closed;
            deciding = Some(((*name).clone(), breaker));
            if !closed {
                break;
            }
        }
        let (name, breaker) = deciding?;
        let decision = breaker.decide(DecisionContext { now, config: &config, jitter });
        let why = format!("{}: {}", breaker.state.name(), breaker.reason);
        Some(Asked { config, breaker: name, decision, why })
    }

    /// Reads what of a target and its breakers is not known or too old, in one call.
    ///
    /// # Errors
    /// The table did not answer and the target is not known from before; or a row cannot be read.
    pub async fn load(&self, target: &TargetName, names: &[&BreakerName]) -> Result<(), ReadError> {
        let now = self.runtime.now();
        if self.fresh(target, names, now) {
            return Ok(());
        }
        let mut keys = vec![target_key(target)];
        keys.extend(names.iter().map(|n| breaker_key(n)));
        let mut items = self.table.get_many(&keys, Read::Eventual).await;
        // A target that was put a moment ago must not be denied, and a request not given up for it.
        if items.as_ref().is_ok_and(|items| items[0].is_none()) {
            items = self.table.get_many(&keys, Read::Consistent).await;
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
            self.report(name, None).await;
        }
        Ok(())
    }

    /// Changes a breaker by a decision that is made anew whenever somebody else was faster. Returns the
    /// breaker as it was written, or none where the decision was to change nothing.
    ///
    /// # Errors
    /// Nothing could be written, or it is not known whether it was.
    pub async fn commit(
        &self,
        name: &BreakerName,
        config: &TargetConfig,
        decide: impl Fn(&Breaker, DecisionContext<'_>) -> Option<Breaker>,
    ) -> Result<Option<Breaker>, ReadError> {
        let writer = self.runtime.next_u64();
        let jitter = self.runtime.unit();
        let mut row = self.row(name);
        let mine = |item: &Item| BreakerRow::read(item).is_ok_and(|current| current.writer == writer);
        for _ in 0..TRIES {
            let context = DecisionContext { now: self.runtime.now(), config, jitter };
            let Some(next) = decide(&row.breaker, context) else { return Ok(None) };
            match commit::write(&self.table, &row.replace(name, next.clone(), writer), mine).await? {
                Committed::Yes => {
                    let committed = BreakerRow { version: row.version + 1, breaker: next, writer };
                    return Ok(Some(self.committed(name, &row.breaker, committed)));
                }
                Committed::Conflict(Some(current)) => {
                    row = BreakerRow::read(&current)?;
                    self.keep(name, row.clone(), self.runtime.now());
                }
                Committed::Conflict(None) => break,
            }
        }
        Err(ReadError::Silent(CallError::Throttled))
    }

    /// Takes a probe permit. Returns none where there is none to take, or it is not known whether it was
    /// taken.
    async fn acquire(&self, name: &BreakerName, config: &TargetConfig) -> Option<ProbeGrant> {
        let holder = self.runtime.next_u64();
        let decide = |b: &Breaker, context: DecisionContext<'_>| b.acquire(context, holder);
        self.commit(name, config, decide).await.ok()??.grant_of(holder)
    }

    /// Reports the unreported calls of a breaker if it matters now.
    async fn report(&self, name: &BreakerName, retry_after: Option<Duration>) {
        let now = self.runtime.now();
        let Some((config, epoch, calls)) = self.take_unreported(name, now) else { return };
        let jitter = self.runtime.unit();
        let absorb =
            |b: &Breaker, context: DecisionContext<'_>| b.absorb(context, epoch, &calls, retry_after);
        if let Err(e) = self.commit(name, &config, absorb).await {
            tracing::warn!(breaker = %name, error = %e, "calls not reported: counting on alone");
            let context = DecisionContext { now, config: &config, jitter };
            self.count_alone(name, context, epoch, calls, retry_after);
        }
    }

    /// Remembers a row that was written, and tells of a change of state.
    fn committed(&self, name: &BreakerName, before: &Breaker, row: BreakerRow) -> Breaker {
        let breaker = row.breaker.clone();
        if before.epoch != breaker.epoch {
            self.record_change(name, &breaker);
        }
        self.keep(name, row, self.runtime.now());
        breaker
    }

    fn record_change(&self, name: &BreakerName, breaker: &Breaker) {
        tracing::info!(
            breaker = %name, state = breaker.state.name(), epoch = breaker.epoch, reason = breaker.reason,
            "breaker changed"
        );
        if name.tenant.is_none() {
            let opened = f64::from(matches!(breaker.state, BreakerState::Open { .. }));
            let changed = [metrics::state(&breaker.state), Metric::count(metrics::OPENED, opened)];
            self.runtime.record(&metrics::of(&name.target), &changed);
        }
    }
}
