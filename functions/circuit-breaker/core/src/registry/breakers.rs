//! The registry itself: reading breakers, changing them and reporting to them.

use std::time::Duration;

use jiff::Timestamp;
use tenfold_pattern::ReadError;
use tenfold_pattern::commit::{self, Committed};
use tenfold_ports::metrics::Metric;
use tenfold_ports::table::{Item, Read};
use tenfold_ports::{CallError, Runtime, Table};

use super::left::LeftProbes;
use super::memory::Memory;
use super::untended::Untended;
use crate::config::TargetConfig;
use crate::decide::breaker::{Breaker, BreakerState, Decision, DecisionContext};
use crate::decide::permits::ProbeGrant;
use crate::metrics;
use crate::names::{BreakerName, TargetName};
use crate::rows::{BreakerRow, TargetRow, breaker_key, target_key};

/// How often a write that somebody overtook is decided anew: of so many writers at once each gets its turn,
/// and a conflict brings the row along, so it costs no read.
pub(super) const TRIES: usize = 24;

/// What becomes of a decision whose result may have been applied already: its answer was lost, and somebody else has
/// written since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WhenUnclear {
    /// It is made anew: it sees what it has done, and does no more.
    DecideAnew,
    /// It is left as it is: better not done than done twice.
    Leave,
    /// It fails, so that whoever asked for it hears of it.
    Fail,
}

/// The breakers as one environment knows them, and its way to their table. It is kept as long as the process
/// lives.
#[derive(Debug)]
pub struct Registry<T, R> {
    table: T,
    pub(super) runtime: R,
    pub(super) memory: Memory,
    pub(super) left: LeftProbes,
    pub(super) untended: Untended,
}

impl<T: Table, R: Runtime> Registry<T, R> {
    /// Returns a registry that knows nothing yet, and reads a breaker again when what it knows is `ttl` old.
    #[must_use]
    pub fn new(table: T, runtime: R, ttl: Duration) -> Self {
        Self {
            table,
            runtime,
            memory: Memory::new(ttl),
            left: LeftProbes::default(),
            untended: Untended::default(),
        }
    }

    /// Reads what of a target and its breakers is not known or older than a TTL, in one call.
    ///
    /// # Errors
    /// The table did not answer and the target is not known from before; or a row cannot be read.
    pub async fn load(&self, target: &TargetName, names: &[&BreakerName]) -> Result<(), ReadError> {
        if self.memory.fresh(target, names, self.runtime.now()) {
            return Ok(());
        }
        self.read(target, names).await.map(|_| ())
    }

    /// Reads a target and breakers. Returns whether there is such a target.
    pub(crate) async fn read(&self, target: &TargetName, names: &[&BreakerName]) -> Result<bool, ReadError> {
        self.read_as(target, names, Read::Eventual).await
    }

    /// Reads them as they are now, for a decision that is a person's.
    pub(crate) async fn read_consistently(
        &self,
        target: &TargetName,
        names: &[&BreakerName],
    ) -> Result<bool, ReadError> {
        self.read_as(target, names, Read::Consistent).await
    }

    pub(super) async fn read_as(
        &self,
        target: &TargetName,
        names: &[&BreakerName],
        read: Read,
    ) -> Result<bool, ReadError> {
        let now = self.runtime.now();
        let mut keys = vec![target_key(target)];
        keys.extend(names.iter().map(|n| breaker_key(n)));
        let mut items = self.table.get_many(&keys, read).await;
        // A target that was put a moment ago must not be denied, and a request not given up for it.
        if items.as_ref().is_ok_and(|items| is_gone(items.first())) {
            items = self.table.get_many(&keys, Read::Consistent).await;
        }
        match items {
            Ok(items) => Ok(self.memory.learn(target, names, &items, now, self.runtime.unit())?),
            // What was read before is better than nothing: the table must not take the target down with it.
            Err(e) if self.memory.put_off(target, names, now) => {
                tracing::warn!(%target, error = %e, "breaker table unavailable: going on with what was read last");
                Ok(true)
            }
            Err(e) => Err(e.into()),
        }
    }

    /// Remembers a target as it was written just now, and none of its breakers: the next call of this environment reads
    /// them.
    pub(crate) fn changed(&self, name: &TargetName, row: Option<TargetRow>) {
        self.memory.forget(name);
        if let Some(row) = row {
            self.memory.learn_target(name, row, self.runtime.now());
        }
    }

    /// Says so in the log where failures of a target have been waiting for long for somebody to [`tend`](Self::tend).
    pub(crate) fn note_failure(&self, target: &TargetName) {
        if self.untended.failed(self.runtime.now()) {
            tracing::warn!(%target, "nobody tends the registry: failures are not reported, and no breaker trips");
        }
    }

    /// Returns the time now, as this environment has it.
    pub(crate) fn now(&self) -> Timestamp {
        self.runtime.now()
    }

    /// Returns a breaker as it was read last; closed in epoch 0 where nothing is known of it.
    #[must_use]
    pub fn row(&self, name: &BreakerName) -> BreakerRow {
        self.memory.row(name)
    }

    /// Returns what a breaker is known to say, without any call; none where its target is not known.
    #[must_use]
    pub(crate) fn decision(&self, name: &BreakerName) -> Option<Decision> {
        self.memory.decision(name, self.runtime.now())
    }

    /// Returns a target as it was read last.
    #[must_use]
    pub fn target(&self, name: &TargetName) -> Option<TargetRow> {
        self.memory.target(name)
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
        self.commit_by(name, config, decide, WhenUnclear::Fail, TRIES).await
    }

    /// Changes a breaker as [`commit`](Self::commit) does, and says what is done where a try may have been applied.
    pub(super) async fn commit_by(
        &self,
        name: &BreakerName,
        config: &TargetConfig,
        decide: impl Fn(&Breaker, DecisionContext<'_>) -> Option<Breaker>,
        when_unclear: WhenUnclear,
        tries: usize,
    ) -> Result<Option<Breaker>, ReadError> {
        let writer = self.runtime.next_u64();
        let jitter = self.runtime.unit();
        let mut row = self.memory.row(name);
        let mine = |item: &Item| BreakerRow::is_of(item, writer);
        for _ in 0..tries {
            let context = DecisionContext { now: self.runtime.now(), config, jitter };
            let Some(next) = decide(&row.breaker, context) else { return Ok(None) };
            let next = row.next(name, next, writer, context.now);
            match commit::write(&self.table, &row.replace(name, &next), mine).await? {
                Committed::Yes => return Ok(Some(self.committed(name, &row.breaker, next))),
                Committed::Conflict(current) => row = self.overtaken(name, current.as_ref())?,
                Committed::Unclear(current) => {
                    row = self.overtaken(name, current.as_ref())?;
                    match when_unclear {
                        WhenUnclear::DecideAnew => {}
                        WhenUnclear::Leave => return Ok(None),
                        WhenUnclear::Fail => return Err(ReadError::Silent(CallError::Unknown)),
                    }
                }
            }
        }
        Err(ReadError::Silent(CallError::Throttled))
    }

    /// Changes a breaker by a decision that sees what it has done, and does no more, where a try may have been applied.
    ///
    /// # Errors
    /// Nothing could be written, or it is not known whether it was.
    pub(crate) async fn commit_anew(
        &self,
        name: &BreakerName,
        config: &TargetConfig,
        decide: impl Fn(&Breaker, DecisionContext<'_>) -> Option<Breaker>,
    ) -> Result<Option<Breaker>, ReadError> {
        self.commit_by(name, config, decide, WhenUnclear::DecideAnew, TRIES).await
    }

    /// Takes a probe permit. Returns none where there is none to take.
    ///
    /// # Errors
    /// None could be written, or it is not known whether one was.
    pub(super) async fn acquire(
        &self,
        name: &BreakerName,
        config: &TargetConfig,
    ) -> Result<Option<ProbeGrant>, ReadError> {
        let holder = self.runtime.next_u64();
        let decide = |b: &Breaker, context: DecisionContext<'_>| match b.grant_of(holder) {
            Some(_) => None,
            None => b.acquire(context, holder),
        };
        let committed = self.commit_anew(name, config, decide).await?;
        Ok(committed.unwrap_or_else(|| self.memory.row(name).breaker).grant_of(holder))
    }

    /// Returns the way to the table.
    pub(super) const fn table(&self) -> &T {
        &self.table
    }

    /// Remembers a row that somebody else has written, or that DynamoDB has deleted at its end, and returns it.
    pub(super) fn overtaken(
        &self,
        name: &BreakerName,
        current: Option<&Item>,
    ) -> Result<BreakerRow, ReadError> {
        let (now, jitter) = (self.runtime.now(), self.runtime.unit());
        let Some(current) = current else { return Ok(self.memory.gone(name, now, jitter)) };
        let row = BreakerRow::read(current)?;
        self.memory.keep(name, row.clone(), now, jitter);
        Ok(row)
    }

    /// Remembers a row that was written, and tells of a change of state.
    pub(super) fn committed(&self, name: &BreakerName, before: &Breaker, row: BreakerRow) -> Breaker {
        let breaker = row.breaker.clone();
        if before.epoch != breaker.epoch {
            self.record_change(name, &breaker);
        }
        self.memory.keep(name, row, self.runtime.now(), self.runtime.unit());
        breaker
    }

    fn record_change(&self, name: &BreakerName, breaker: &Breaker) {
        tracing::info!(
            breaker = %name, state = breaker.state.name(), epoch = breaker.epoch, reason = breaker.reason,
            "breaker changed"
        );
        let opened = f64::from(matches!(breaker.state, BreakerState::Open { .. }));
        let opened = Metric::count(metrics::OPENED, opened);
        // The state of a tenant's is none of its target's; and a dimension of tenants would have no end.
        let changed = match name.tenant {
            None => vec![metrics::state(&breaker.state), opened],
            Some(_) => vec![opened],
        };
        self.runtime.record(&metrics::of(&name.target), &changed);
    }
}

/// Whether a target's item says that there is none, or none any more.
fn is_gone(item: Option<&Option<Item>>) -> bool {
    let Some(Some(item)) = item else { return true };
    item.doc::<TargetRow>().is_ok_and(|row| row.deleted.is_some())
}
