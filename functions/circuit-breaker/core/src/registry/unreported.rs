//! The calls that an environment has not reported: which are to be reported now, and what becomes of them.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tenfold_ports::table::Read;

use super::kept::Urgency;
use super::memory::{Memory, Targets};
use crate::config::TargetConfig;
use crate::decide::breaker::{DecisionContext, EpochId};
use crate::decide::report::{after_refusals, pause_of, when_crowded};
use crate::decide::window::Window;
use crate::mutant::{Mutant, is_in};
use crate::names::BreakerName;

/// Before a report a breaker is read that was read longer ago than this: others may have opened it meanwhile.
const JUST_READ: SignedDuration = SignedDuration::from_millis(100);

/// Calls to report.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) config: Arc<TargetConfig>,
    /// The epoch in which they count.
    pub(super) epoch: EpochId,
    pub(super) calls: Window,
    /// How urgent they are.
    pub(super) urgency: Urgency,
}

impl Memory {
    /// Makes all reports due that are planned, also those that wait for others or after refusals.
    pub(super) fn hasten(&self, now: Timestamp) {
        let mut targets = self.lock();
        let Targets { by_name, due } = &mut *targets;
        for name in &*due {
            let kept = by_name.get_mut(&name.target).and_then(|known| known.kept_mut(name));
            if let Some(kept) = kept.filter(|kept| kept.report_at.is_some()) {
                (kept.report_at, kept.waits) = (Some(now), 1);
            }
        }
    }

    /// Returns how a breaker that is due is to be read now, where it was asked for, or its calls are to be reported and it
    /// was not read just now: those that are written next as they are, since what others wrote meanwhile would refuse it.
    pub(super) fn is_to_be_read(&self, name: &BreakerName, now: Timestamp) -> Option<Read> {
        let targets = self.lock();
        let kept = targets.by_name.get(&name.target).and_then(|known| known.kept(name))?;
        let is_reported = kept.report_at.is_some_and(|at| at <= now);
        (kept.wanted || kept.read_at.is_none_or(|at| now >= at + JUST_READ)).then_some(if is_reported {
            Read::Consistent
        } else {
            Read::Eventual
        })
    }

    /// Takes the calls of a breaker that are to be reported now.
    pub(super) fn take_unreported(&self, name: &BreakerName, now: Timestamp, jitter: f64) -> Option<Report> {
        let mut targets = self.lock();
        let Targets { by_name, due } = &mut *targets;
        let known = by_name.get_mut(&name.target);
        let Some(known) = known else {
            due.remove(name);
            return None;
        };
        let config = Arc::clone(&known.target.config);
        let kept = known.kept_mut(name)?;
        if kept.is_outdated(now) {
            kept.drop_unreported(&config);
        }
        let waits = kept.report_at.is_some_and(|at| at > now);
        if !waits && kept.report_at.is_none() && !kept.wanted {
            due.remove(name);
        }
        if waits || kept.report_at.is_none() || kept_to_oneself(&kept.unreported, &config, now) {
            return None;
        }
        if kept.urgency < Urgency::HasFew && kept.waits == 0 {
            kept.pause = pause_of(kept.writes, kept.pause);
            if let Some(wait) = when_crowded(kept.pause, kept.urgency == Urgency::MayTrip, jitter) {
                kept.report_at = Some(now + wait);
                kept.waits += 1;
                return None;
            }
        }
        due.remove(name);
        (kept.report_at, kept.waits) = (None, 0);
        if kept.unreported.is_empty() {
            return None;
        }
        let urgency = std::mem::take(&mut kept.urgency);
        if urgency == Urgency::MayTrip && !kept.pause.is_zero() {
            // What was kept for so long would only hide how the target is now.
            kept.unreported.keep_latest(kept.latest().calls.max(config.minimum_calls));
        }
        kept.is_bad = false;
        kept.plan_report(&config, now, jitter);
        let calls = std::mem::replace(&mut kept.unreported, config.window.empty());
        Some(Report { config, epoch: kept.row.breaker.epoch_id(), calls, urgency })
    }

    /// Returns for how long a target asked to be left alone.
    pub(super) fn retry_after(&self, name: &BreakerName, now: Timestamp) -> Option<Duration> {
        let targets = self.lock();
        let kept = targets.by_name.get(&name.target).and_then(|known| known.kept(name))?;
        Duration::try_from(kept.left_alone_until.duration_since(now)).ok().filter(|wait| !wait.is_zero())
    }

    /// Notes that a report was taken.
    pub(super) fn reported(&self, name: &BreakerName) {
        let mut targets = self.lock();
        if let Some(kept) = targets.by_name.get_mut(&name.target).and_then(|known| known.kept_mut(name)) {
            kept.refusals = 0;
            if kept.report_at.is_some() {
                targets.due.insert(name.clone());
            }
        }
    }

    /// Keeps calls that could not be reported, to be reported later, and trips this environment's own view by them.
    pub(super) fn count_alone(
        &self,
        name: &BreakerName,
        context: DecisionContext<'_>,
        (epoch, calls, urgency): (EpochId, Window, Urgency),
        retry_after: Option<Duration>,
    ) {
        let mut targets = self.lock();
        let Targets { by_name, due } = &mut *targets;
        let Some(kept) = by_name.get_mut(&name.target).and_then(|known| known.kept_mut(name)) else { return };
        if kept.row.breaker.epoch_id() != epoch {
            return;
        }
        let mut all = calls;
        all.merge(context.config.window, context.now, &kept.unreported);
        if let Some(alone) = kept.row.breaker.absorb(context, epoch, &all, retry_after)
            && alone.epoch != epoch.number
        {
            // Not written anywhere: the next read that succeeds puts the fleet's view back.
            kept.alone = Some(Box::new(alone));
        }
        kept.unreported = all;
        kept.is_bad = true;
        // Its turn has come already: what was refused does not wait for others again.
        (kept.urgency, kept.waits) = (kept.urgency.max(urgency), kept.waits.max(1));
        kept.report_at = Some(context.now + after_refusals(kept.refusals, context.jitter));
        kept.refusals += 1;
        due.insert(name.clone());
    }
}

/// Whether calls are kept from the fleet until they could trip the breaker by themselves: never.
fn kept_to_oneself(unreported: &Window, config: &TargetConfig, now: Timestamp) -> bool {
    is_in(Mutant::CountedAlone) && unreported.tally(config.window, now).calls < config.minimum_calls
}
