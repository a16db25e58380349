//! What an environment remembers of breakers, without any call.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use foldhash::fast::RandomState;
use jiff::Timestamp;
use tenfold_ports::table::{BadItem, Item};

use super::kept::{Kept, Known, Urgency, unwritten};
use crate::config::TargetConfig;
use crate::decide::breaker::{Breaker, BreakerState, Decision, DecisionContext, EpochId};
use crate::decide::report::{has_few, may_trip, report_after, when_crowded};
use crate::decide::window::{CallOutcome, Window};
use crate::names::{BreakerName, TargetName};
use crate::rows::{BreakerRow, TargetRow};

/// The number of breakers that are remembered. For one more, those that have no failure to report are
/// forgotten, and with them their good calls.
const REMEMBERED: usize = 2_000;
/// How many TTLs old what was read may be for a call to go by it. It is read anew when it is a TTL old, but after the
/// answer: nobody waits for it.
pub(super) const STALE: u32 = 10;
/// The targets and breakers that an environment remembers.
#[derive(Debug)]
pub(super) struct Memory {
    /// The time after which what was read is to be read anew.
    ttl: Duration,
    known: Mutex<Targets>,
}

#[derive(Debug, Default)]
pub(super) struct Targets {
    pub(super) by_name: HashMap<TargetName, Known, RandomState>,
    /// The breakers that are to be read anew or reported to.
    pub(super) due: BTreeSet<BreakerName>,
}

/// What a call may go by, as it is known.
#[derive(Debug)]
pub(super) enum Deciding {
    /// It is not known, or was read too long ago.
    Unknown,
    /// Nothing is against it: the configuration to call by, and the epoch in which it counts.
    Closed(Arc<TargetConfig>, EpochId),
    /// A breaker has something to say.
    Breaker(Arc<TargetConfig>, BreakerName, Box<Breaker>),
}

impl Memory {
    /// Returns a memory that knows nothing yet.
    pub(super) fn new(ttl: Duration) -> Self {
        Self { ttl, known: Mutex::default() }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Targets> {
        // Nothing panics while it is held, and what it guards is a cache.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns what a call of a target may go by at a time (none: however old it is), on behalf of a tenant or not. It
    /// allocates nothing where all is well.
    pub(super) fn deciding(
        &self,
        target: &TargetName,
        tenant: Option<&BreakerName>,
        now: Option<Timestamp>,
    ) -> Deciding {
        let mut targets = self.lock();
        let Targets { by_name, due } = &mut *targets;
        let Some(known) = by_name.get_mut(target) else { return Deciding::Unknown };
        let config = &known.target.config;
        let ages = (self.ttl, self.ttl * STALE);
        if known.whole.is_stale(now, ages, || due.insert(BreakerName::of(target.clone()))) {
            return Deciding::Unknown;
        }
        if let Some(breaker) = known.whole.deciding(config, now) {
            return Deciding::Breaker(Arc::clone(config), BreakerName::of(target.clone()), breaker);
        }
        let Some(name) = tenant else {
            return Deciding::Closed(Arc::clone(config), known.whole.row.breaker.epoch_id());
        };
        let kept = name.tenant.as_ref().and_then(|tenant| known.tenants.get_mut(tenant));
        let Some(kept) = kept else { return Deciding::Unknown };
        if kept.is_stale(now, ages, || due.insert(name.clone())) {
            return Deciding::Unknown;
        }
        match kept.deciding(config, now) {
            Some(breaker) => Deciding::Breaker(Arc::clone(config), name.clone(), breaker),
            None => Deciding::Closed(Arc::clone(config), kept.row.breaker.epoch_id()),
        }
    }

    /// Returns whether all of it was read less than a TTL ago.
    pub(super) fn fresh(&self, target: &TargetName, names: &[&BreakerName], now: Timestamp) -> bool {
        let targets = self.lock();
        let Some(known) = targets.by_name.get(target) else { return false };
        let fresh_at = |at: Timestamp| now < at + self.ttl && now >= at;
        fresh_at(known.read_at)
            && names.iter().all(|n| known.kept(n).and_then(|kept| kept.read_at).is_some_and(fresh_at))
    }

    /// Makes do with what is known for another TTL. Returns false where something is not known.
    pub(super) fn put_off(&self, target: &TargetName, names: &[&BreakerName], now: Timestamp) -> bool {
        let mut targets = self.lock();
        let Some(known) = targets.by_name.get_mut(target) else { return false };
        if !names.iter().all(|n| known.kept(n).is_some_and(|kept| kept.read_at.is_some())) {
            return false;
        }
        known.read_at = now;
        for name in names {
            if let Some(kept) = known.kept_mut(name) {
                (kept.read_at, kept.wanted) = (Some(now), false);
            }
        }
        true
    }

    /// Remembers what was read: the target's row, and after it those of the breakers `names`.
    ///
    /// Returns whether there is such a target.
    pub(super) fn learn(
        &self,
        target: &TargetName,
        names: &[&BreakerName],
        items: &[Option<Item>],
        now: Timestamp,
        jitter: f64,
    ) -> Result<bool, BadItem> {
        let row = items.first().and_then(Option::as_ref).map(Item::doc::<TargetRow>).transpose()?;
        let Some(row) = row.filter(|row| row.deleted.is_none()) else {
            self.forget(target);
            return Ok(false);
        };
        self.learn_target(target, row, now);
        let mut targets = self.lock();
        let Targets { by_name, due } = &mut *targets;
        let Some(known) = by_name.get_mut(target) else { return Ok(true) };
        let mut unreadable = None;
        for (name, item) in names.iter().zip(&items[1..]) {
            let row = match item.as_ref().map(BreakerRow::read) {
                None => known.unwritten(),
                Some(Ok(row)) => row,
                // It stops itself only.
                Some(Err(error)) => {
                    unreadable.get_or_insert(error);
                    continue;
                }
            };
            if known.keep(name, row, now, jitter) {
                due.insert((*name).clone());
            }
        }
        unreadable.map_or(Ok(true), Err)
    }

    /// Remembers the row of a target, as it was read or written.
    pub(super) fn learn_target(&self, name: &TargetName, row: TargetRow, now: Timestamp) {
        let mut targets = self.lock();
        if targets.breakers() >= REMEMBERED {
            targets.make_room(now);
        }
        let known = targets.by_name.entry(name.clone()).or_insert_with(|| Known {
            whole: Kept::new(unwritten(&row), row.config.window.empty()),
            target: row.clone(),
            read_at: now,
            tenants: HashMap::default(),
        });
        known.target = row;
        known.read_at = now;
    }

    /// Forgets a target and its breakers.
    pub(super) fn forget(&self, target: &TargetName) {
        let mut targets = self.lock();
        targets.by_name.remove(target);
        targets.due.retain(|name| name.target != *target);
    }

    /// Remembers the row of a breaker, of a target that is known.
    pub(super) fn keep(&self, name: &BreakerName, row: BreakerRow, now: Timestamp, jitter: f64) {
        let mut targets = self.lock();
        let Targets { by_name, due } = &mut *targets;
        if by_name.get_mut(&name.target).is_some_and(|known| known.keep(name, row, now, jitter)) {
            due.insert(name.clone());
        }
    }

    /// Remembers that the row of a breaker is not there any more, and returns what it is then.
    pub(super) fn gone(&self, name: &BreakerName, now: Timestamp, jitter: f64) -> BreakerRow {
        if let Some(known) = self.lock().by_name.get_mut(&name.target) {
            known.lose(name, now, jitter);
        }
        self.row(name)
    }

    /// Returns a breaker as it was read last; closed in epoch 0 where nothing is known of it.
    pub(super) fn row(&self, name: &BreakerName) -> BreakerRow {
        let targets = self.lock();
        match targets.by_name.get(&name.target) {
            Some(known) => known.kept(name).map_or_else(|| known.unwritten(), |kept| kept.row.clone()),
            None => BreakerRow::unwritten(Breaker {
                epoch: 0,
                since: Timestamp::UNIX_EPOCH,
                reason: String::new(),
                state: BreakerState::Closed,
                window: Window::Calls(String::new()),
                openings: 0,
            }),
        }
    }

    /// Returns what a breaker says, as it was read last; none where its target is not known.
    pub(super) fn decision(&self, name: &BreakerName, now: Timestamp) -> Option<Decision> {
        let targets = self.lock();
        let known = targets.by_name.get(&name.target)?;
        let context = DecisionContext { now, config: &known.target.config, jitter: 0.0 };
        // One that is not known is closed.
        Some(known.kept(name).map_or(Decision::Allow, |kept| kept.row.breaker.decide(context)))
    }

    /// Returns a target as it was read last.
    pub(super) fn target(&self, name: &TargetName) -> Option<TargetRow> {
        self.lock().by_name.get(name).map(|k| k.target.clone())
    }

    /// Counts a call of `epoch` that is not reported yet. `clock` and `jitter` are asked for only where they matter.
    pub(super) fn count(
        &self,
        name: &BreakerName,
        config: &TargetConfig,
        epoch: EpochId,
        (outcome, retry_after): (CallOutcome, Option<Duration>),
        clock: impl Fn() -> Timestamp,
        jitter: impl Fn() -> f64,
    ) {
        let mut targets = self.lock();
        let Targets { by_name, due } = &mut *targets;
        let kept = by_name.get_mut(&name.target).and_then(|known| known.kept_mut(name));
        let Some(kept) = kept.filter(|kept| kept.row.breaker.epoch_id() == epoch) else { return };
        kept.recent.add(outcome.failed, outcome.slow);
        let is_bad = outcome.is_bad();
        let now = if is_bad || config.window.needs_time() { clock() } else { Timestamp::UNIX_EPOCH };
        kept.unreported.push(config.window, now, outcome);
        if is_bad {
            kept.is_bad = true;
            kept.left_alone_until = kept.left_alone_until.max(now + retry_after.unwrap_or_default());
            let a_second = kept.calls_a_second(now);
            let latest = kept.latest();
            let urgency = match () {
                () if has_few(a_second) => Urgency::HasFew,
                () if may_trip(latest, config, !kept.pause.is_zero()) => Urgency::MayTrip,
                () => Urgency::None,
            };
            kept.urgency = kept.urgency.max(urgency);
            // While it waits for others, only what is urgent is reported before.
            let wait = match urgency {
                Urgency::None if kept.waits > 0 => None,
                Urgency::MayTrip if kept.waits > 0 => when_crowded(kept.pause, true, jitter()),
                _ => Some(report_after(a_second, latest, config, jitter())),
            };
            if let Some(wait) = wait.filter(|_| kept.refusals == 0) {
                let at = now + wait;
                kept.report_at = Some(kept.report_at.map_or(at, |before| before.min(at)));
            }
            due.insert(name.clone());
        }
    }

    /// Returns the breakers of each target that are to be read anew, or reported to, now.
    pub(super) fn due(&self, now: Timestamp) -> Vec<BreakerName> {
        let targets = self.lock();
        if targets.due.is_empty() {
            return Vec::new();
        }
        let is_due = |name: &&BreakerName| {
            let kept = targets.by_name.get(&name.target).and_then(|known| known.kept(name));
            kept.is_some_and(|kept| kept.wanted || kept.report_at.is_some_and(|at| at <= now))
        };
        targets.due.iter().filter(is_due).cloned().collect()
    }
}

impl Targets {
    fn breakers(&self) -> usize {
        self.by_name.values().map(|known| 1 + known.tenants.len()).sum()
    }

    /// Forgets what can be read again. Failures wait only until they are reported; when even these are too many, memory
    /// comes first.
    fn make_room(&mut self, now: Timestamp) {
        for known in self.by_name.values_mut() {
            known.tenants.retain(|_, kept| kept.is_bad);
        }
        self.by_name
            .retain(|_, known| known.whole.is_bad || !known.tenants.is_empty() || known.read_at >= now);
        if self.breakers() >= REMEMBERED {
            self.by_name.clear();
        }
        let by_name = &self.by_name;
        self.due.retain(|name| by_name.get(&name.target).is_some_and(|known| known.kept(name).is_some()));
    }
}
