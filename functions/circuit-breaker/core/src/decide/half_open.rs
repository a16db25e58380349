//! Half-open: taking permits to probe, and the decision of an epoch by what came of the probes.
//!
//! The decision follows resilience4j's `CircuitBreaker`, but does not wait for results that cannot change it.

use std::time::Duration;

use super::breaker::{Breaker, BreakerState, DecisionContext, trips};
use super::permits::{ProbeGrant, ProbePermit, free_permit, permit_margin, results};
use crate::decide::window::{CallOutcome, CallTally};
use crate::mutant::{Mutant, is_in};

impl Breaker {
    /// Takes a permit to probe, and begins a half-open epoch where the break is over; or decides the epoch where there are
    /// results enough, since fewer are asked for by now. Returns none where there is no permit to take.
    #[must_use]
    pub fn acquire(&self, context: DecisionContext<'_>, holder: u64) -> Option<Self> {
        let until = context.now + context.config.timeout() + permit_margin();
        let permit = ProbePermit { holder, until, result: None };
        let mut next = self.clone();
        match &mut next.state {
            BreakerState::Open { until } if context.now >= self.ends(*until, context.config) => {
                let state = BreakerState::HalfOpen { permits: vec![permit] };
                next.enter(state, context.now, "the break is over: probing");
            }
            // There are as many results as decide by now: fewer are asked for than before.
            BreakerState::HalfOpen { permits }
                if results(permits).calls >= context.config.half_open_probes =>
            {
                let tally = results(permits);
                next.decide_epoch(context, tally, None);
            }
            BreakerState::HalfOpen { permits } => {
                let free = free_permit(permits, context.config, context.now)?;
                if free < permits.len() { permits[free] = permit } else { permits.push(permit) }
            }
            _ => return None,
        }
        Some(next)
    }

    /// Returns the grant that `holder` has, as it is written: what was decided last need not be what was
    /// written, when an answer was lost on the way.
    #[must_use]
    pub fn grant_of(&self, holder: u64) -> Option<ProbeGrant> {
        let BreakerState::HalfOpen { permits } = &self.state else { return None };
        let permit = permits.iter().find(|p| p.holder == holder)?;
        Some(ProbeGrant { epoch: self.epoch, holder, until: permit.until })
    }

    /// Counts the result of a probe (none: it says nothing, and the permit is free again), and decides the
    /// epoch once the outcome is certain. Returns none where the permit no longer counts or the result is in
    /// already.
    ///
    /// `retry_after` is how long the target asked to be left alone; a break that begins is at least as long.
    #[must_use]
    pub fn settle(
        &self,
        context: DecisionContext<'_>,
        grant: &ProbeGrant,
        result: Option<CallOutcome>,
        retry_after: Option<Duration>,
    ) -> Option<Self> {
        let Some(mine) = self.permit_of(grant) else { return self.too_late(context, result) };
        let mut next = self.clone();
        let BreakerState::HalfOpen { permits } = &mut next.state else { return None };
        if permits[mine].result.is_some() {
            return None;
        }
        if result.is_none() {
            permits.remove(mine);
            return Some(next);
        }
        permits[mine].result = result;
        let tally = results(permits);
        next.decide_epoch(context, tally, retry_after);
        Some(next)
    }

    /// Closes or opens a half-open breaker, if what is still missing can make no difference.
    fn decide_epoch(
        &mut self,
        context: DecisionContext<'_>,
        tally: CallTally,
        retry_after: Option<Duration>,
    ) {
        let probes = context.config.half_open_probes.max(tally.calls);
        let missing = probes - tally.calls;
        let at_least = CallTally { calls: probes, ..tally };
        let at_most = CallTally { calls: probes, failed: tally.failed + missing, slow: tally.slow + missing };
        if let Some(why) = trips(at_least, context.config) {
            self.open(context, &format!("probes failed: {why}"), retry_after);
        } else if trips(at_most, context.config).is_none() {
            self.close(
                context,
                &format!("{} of {} probes went well", tally.calls - tally.failed, tally.calls),
            );
        }
    }

    /// What a result does whose permit is gone: nothing.
    fn too_late(&self, context: DecisionContext<'_>, result: Option<CallOutcome>) -> Option<Self> {
        let counts = is_in(Mutant::ResultOfAnyEpoch) && result.is_some_and(|r| !r.failed);
        counts.then(|| self.force(context, None, "a success, whenever it was"))
    }

    /// Returns the place of a grant's permit, none where the grant is of another epoch or its permit was
    /// taken over.
    fn permit_of(&self, grant: &ProbeGrant) -> Option<usize> {
        match &self.state {
            BreakerState::HalfOpen { permits } if self.epoch == grant.epoch => {
                permits.iter().position(|p| p.holder == grant.holder)
            }
            _ => None,
        }
    }
}
