//! What an environment knows of one target and its breakers.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::RandomState;
use jiff::{SignedDuration, Timestamp};

use crate::config::TargetConfig;
use crate::decide::breaker::{Breaker, BreakerState, Decision, DecisionContext};
use crate::decide::report::later;
use crate::decide::window::{CallTally, Window};
use crate::names::BreakerName;
use crate::rows::{BreakerRow, TENANT_KEPT, TargetRow};

/// How long ago a row was looked at whose end is not ruled out: a day less than the rows of tenants are kept after their last
/// write, for clocks and reads that lag.
const OUTDATED: SignedDuration = SignedDuration::from_hours(6 * 24);
const _: () = assert!(OUTDATED.as_secs() < TENANT_KEPT.as_secs());

/// What is known of a target.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) target: TargetRow,
    pub(super) read_at: Timestamp,
    pub(super) whole: Kept,
    pub(super) tenants: HashMap<smol_str::SmolStr, Kept, RandomState>,
}

/// How urgent the report of calls is, where others report too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Urgency {
    /// They wait for their turn.
    #[default]
    None,
    /// So many of the latest failed that the breaker may trip by them.
    MayTrip,
    /// One of them was when the environment had few calls: nobody may come to report it later.
    HasFew,
}

/// What is known of a breaker.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) row: BreakerRow,
    /// When it was read last; none: never.
    pub(super) read_at: Option<Timestamp>,
    /// Whether it was asked for since it is older than a TTL, and is to be read anew.
    pub(super) wanted: bool,
    /// The calls of `row`'s epoch that the fleet does not know of, and whether any of them is a reason to trip.
    pub(super) unreported: Window,
    pub(super) is_bad: bool,
    /// The calls since it was read last.
    pub(super) recent: CallTally,
    /// When they are to be reported; none: they need not be.
    pub(super) report_at: Option<Timestamp>,
    /// How many reports in a row were refused.
    pub(super) refusals: u32,
    /// Until when the target asked to be left alone.
    pub(super) left_alone_until: Timestamp,
    /// The breaker as this environment has opened it for itself, where the fleet cannot be told: until its break ends, or
    /// the row is read.
    pub(super) alone: Option<Box<Breaker>>,
    /// How often they have waited, since others wrote the row, and for how long the latest ones did, about.
    pub(super) waits: u32,
    pub(super) pause: Duration,
    /// How urgent they are.
    pub(super) urgency: Urgency,
    /// Since when `recent` counts, and which calls there were for how many seconds before.
    pub(super) recent_since: Timestamp,
    pub(super) before: (CallTally, f64),
    /// How many times a second the fleet writes the row, and the version and time since when that is measured.
    pub(super) writes: f64,
    pub(super) measured: Option<(i64, Timestamp)>,
}

impl Known {
    pub(super) fn kept(&self, name: &BreakerName) -> Option<&Kept> {
        match &name.tenant {
            None => Some(&self.whole),
            Some(tenant) => self.tenants.get(tenant),
        }
    }

    pub(super) fn kept_mut(&mut self, name: &BreakerName) -> Option<&mut Kept> {
        match &name.tenant {
            None => Some(&mut self.whole),
            Some(tenant) => self.tenants.get_mut(tenant),
        }
    }

    /// Returns the row of a breaker that nobody has written yet.
    pub(super) fn unwritten(&self) -> BreakerRow {
        unwritten(&self.target)
    }

    /// Takes over that a breaker has no row any more, whatever this clock says of its end.
    pub(super) fn lose(&mut self, name: &BreakerName, now: Timestamp, jitter: f64) {
        if let Some(kept) = self.kept_mut(name) {
            kept.row.expires = Some(now);
        }
        self.keep(name, self.unwritten(), now, jitter);
    }

    /// Takes a row over unless a newer one is known: reads are eventually consistent. Returns whether good calls are to be
    /// reported, since the fleet knows of bad ones.
    pub(super) fn keep(&mut self, name: &BreakerName, row: BreakerRow, now: Timestamp, jitter: f64) -> bool {
        let row = row.of(&self.target);
        let config = Arc::clone(&self.target.config);
        let kept = match &name.tenant {
            None => &mut self.whole,
            Some(tenant) => self
                .tenants
                .entry(tenant.clone())
                .or_insert_with(|| Kept::new(row.clone(), config.window.empty())),
        };
        if kept.is_outdated(now) {
            kept.drop_unreported(&config);
        }
        if kept.row.has_ended(now) {
            // The versions of the next row begin elsewhere.
            (kept.measured, kept.writes) = (None, 0.0);
        }
        kept.measure(row.version, now);
        kept.begin_recent(now);
        (kept.read_at, kept.wanted, kept.alone) = (Some(now), false, None);
        // One that is not there was, unless it has ended.
        let is_gone = row.version == 0 && kept.row.has_ended(now);
        if is_gone || row.version >= kept.row.version {
            if row.breaker.epoch_id() != kept.row.breaker.epoch_id() {
                kept.drop_unreported(&config);
            }
            kept.row = row;
        }
        if kept.report_at.is_none() && !kept.unreported.is_empty() {
            kept.plan_report(&config, now, jitter);
        }
        kept.report_at.is_some()
    }
}

impl Kept {
    pub(super) const fn new(row: BreakerRow, unreported: Window) -> Self {
        Self {
            row,
            read_at: None,
            wanted: false,
            unreported,
            is_bad: false,
            recent: CallTally { calls: 0, failed: 0, slow: 0 },
            report_at: None,
            refusals: 0,
            left_alone_until: Timestamp::UNIX_EPOCH,
            alone: None,
            waits: 0,
            pause: Duration::ZERO,
            urgency: Urgency::None,
            recent_since: Timestamp::UNIX_EPOCH,
            before: (CallTally { calls: 0, failed: 0, slow: 0 }, 0.0),
            writes: 0.0,
            measured: None,
        }
    }

    /// Returns whether it is too old to go by. What is only older than a TTL is wanted, of which `tell` is told once.
    pub(super) fn is_stale(
        &mut self,
        now: Option<Timestamp>,
        (ttl, stale): (Duration, Duration),
        tell: impl FnOnce() -> bool,
    ) -> bool {
        let Some(read_at) = self.read_at else { return true };
        let Some(now) = now else { return false };
        // What seems to have been read later than now was read by another clock: by its age nothing can be said.
        let age = Duration::try_from(now.duration_since(read_at)).unwrap_or(Duration::MAX);
        if age >= ttl && !self.wanted {
            self.wanted = true;
            tell();
        }
        age >= stale
    }

    /// Returns whether the row was looked at so long ago that there may have been an end of it and another one since. Its
    /// epochs are not those of that one.
    pub(super) fn is_outdated(&self, now: Timestamp) -> bool {
        now >= self.recent_since + OUTDATED
    }

    /// Forgets the calls that the fleet does not know of.
    pub(super) fn drop_unreported(&mut self, config: &TargetConfig) {
        self.unreported = config.window.empty();
        (self.is_bad, self.report_at, self.refusals) = (false, None, 0);
        (self.urgency, self.waits, self.pause) = (Urgency::None, 0, Duration::ZERO);
    }

    /// Begins to count the latest calls anew, unless that was just now.
    fn begin_recent(&mut self, now: Timestamp) {
        let seconds = now.duration_since(self.recent_since).as_secs_f64();
        if seconds >= 0.5 {
            self.before = (self.recent, if self.read_at.is_some() { seconds } else { 0.0 });
            (self.recent, self.recent_since) = (CallTally::default(), now);
        }
    }

    /// Returns how many calls a second there are.
    pub(super) fn calls_a_second(&self, now: Timestamp) -> f64 {
        let (calls, seconds) = self.before;
        let since = now.duration_since(self.recent_since).as_secs_f64();
        f64::from(calls.calls + self.recent.calls) / (seconds + since).max(1.0)
    }

    /// Returns the latest calls, of some seconds.
    pub(super) fn latest(&self) -> CallTally {
        let CallTally { calls, failed, slow } = self.before.0;
        let now = self.recent;
        CallTally { calls: calls + now.calls, failed: failed + now.failed, slow: slow + now.slow }
    }

    /// Measures how often the fleet writes the row, by a version that was read now: over half a second at least, since what
    /// is read again at once says nothing.
    fn measure(&mut self, version: i64, now: Timestamp) {
        // The first version of a row says nothing of a number of writes.
        let Some((before, since)) = self.measured.filter(|(before, _)| (1..=version).contains(before)) else {
            self.measured = Some((version, now));
            return;
        };
        let seconds = now.duration_since(since).as_secs_f64();
        if seconds >= 0.5 {
            self.writes = (version - before) as f64 / seconds;
            self.measured = Some((version, now));
        }
    }

    /// Returns the breaker that has something to say to a call; none where it is closed.
    pub(super) fn deciding(&self, config: &TargetConfig, now: Option<Timestamp>) -> Option<Box<Breaker>> {
        if self.row.breaker.state != BreakerState::Closed {
            return Some(Box::new(self.row.breaker.clone()));
        }
        let alone = self.alone.as_ref()?;
        let context = DecisionContext { now: now?, config, jitter: 0.0 };
        matches!(alone.decide(context), Decision::Wait(_)).then(|| alone.clone())
    }

    /// Plans the report of the good calls to come, while the fleet's window holds bad ones.
    pub(super) fn plan_report(&mut self, config: &TargetConfig, now: Timestamp, jitter: f64) {
        self.report_at =
            (self.is_bad || has_bad(&self.row.breaker.window, config, now)).then(|| now + later(jitter));
    }
}

fn has_bad(window: &Window, config: &TargetConfig, now: Timestamp) -> bool {
    let tally = window.tally(config.window, now);
    tally.failed + tally.slow > 0
}

pub(super) fn unwritten(target: &TargetRow) -> BreakerRow {
    BreakerRow::unwritten(Breaker::new(&target.config, target.created))
}
