//! The breaker itself: a state machine without effects.
//!
//! Each function takes the state as it was read and gives the state as it shall be; `registry` commits it on the
//! condition that nobody has written since. What must hold, whoever runs where:
//!
//! * The epoch grows with every change of state and never shrinks.
//! * In a half-open epoch at most `halfOpenProbes` permits are live at once, and at most as many results count.
//! * A result counts only for the permit that it was made under. A success of an older epoch closes nothing.
//! * A permit ends by the clock. Nobody has to give it back, and nothing waits for a dead prober.
//!
//! The half-open decision and the thresholds follow resilience4j's `CircuitBreaker`; the growing break with
//! jitter follows the AWS Builders' Library, "Timeouts, retries and backoff with jitter".

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::config::TargetConfig;
use crate::decide::window::{CallOutcome, CallTally, Window};
use crate::mutant::{Mutant, is_in};

/// How far two machines' clocks may differ before a permit could be live twice.
pub const CLOCK_MARGIN: Duration = Duration::from_secs(2);

/// By how much a permit outlives the call that it is for.
pub(crate) fn permit_margin() -> Duration {
    if is_in(Mutant::ClocksAgree) { Duration::ZERO } else { CLOCK_MARGIN }
}

/// What a breaker knows, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Breaker {
    /// Counts the changes of state.
    pub epoch: u64,
    /// When the state was entered.
    pub since: Timestamp,
    /// Why, in words.
    pub reason: String,
    /// The state.
    pub state: BreakerState,
    /// The calls of this epoch, as far as they were reported. Only used while closed.
    pub window: Window,
    /// How often it opened since it last closed.
    pub openings: u32,
}

/// The state of a breaker.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum BreakerState {
    /// Calls pass and are counted.
    Closed,
    /// No call passes before `until`.
    Open {
        /// From when on the target may be probed.
        until: Timestamp,
    },
    /// Calls pass that hold one of the permits.
    HalfOpen {
        /// The permits taken so far.
        #[serde(rename = "slots")]
        permits: Vec<ProbePermit>,
    },
    /// No call passes until a person says otherwise.
    ForcedOpen,
    /// Every call passes, and none is counted, until a person says otherwise.
    ForcedClosed,
}

impl BreakerState {
    /// The state's name in the API.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open { .. } => "open",
            Self::HalfOpen { .. } => "halfOpen",
            Self::ForcedOpen => "forcedOpen",
            Self::ForcedClosed => "forcedClosed",
        }
    }
}

/// A permit of a half-open epoch.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ProbePermit {
    /// A random name of who took it.
    pub holder: u64,
    /// When it is free again unless there is a result.
    pub until: Timestamp,
    /// How the probe went.
    pub result: Option<CallOutcome>,
}

/// The right to make one probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ProbeGrant {
    /// In which epoch.
    pub epoch: u64,
    /// By whom.
    pub holder: u64,
    /// Until when the call must have ended, on the clock of whoever took it.
    pub until: Timestamp,
}

/// What a breaker says to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Go, and count it in this epoch.
    Allow,
    /// Go, and do not count it.
    AllowUncounted,
    /// Only with a permit, which [`Breaker::acquire`] may give.
    Probe,
    /// Not before this time.
    Wait(Timestamp),
}

/// What a decision depends on besides the breaker.
#[derive(Debug, Clone, Copy)]
pub struct DecisionContext<'a> {
    /// The time.
    pub now: Timestamp,
    /// The target's configuration.
    pub config: &'a TargetConfig,
    /// A random number of `0.0..1.0`.
    pub jitter: f64,
}

impl Breaker {
    /// The breaker of a target that has never been called.
    #[must_use]
    pub fn new(config: &TargetConfig, since: Timestamp) -> Self {
        Self {
            epoch: 0,
            since,
            reason: "new".to_owned(),
            state: BreakerState::Closed,
            window: config.window.empty(),
            openings: 0,
        }
    }

    /// Whether a call may be made.
    #[must_use]
    pub fn decide(&self, context: DecisionContext<'_>) -> Decision {
        match &self.state {
            BreakerState::Closed => Decision::Allow,
            BreakerState::ForcedClosed => Decision::AllowUncounted,
            // Nobody knows when; ask again after a break.
            BreakerState::ForcedOpen => Decision::Wait(context.now + break_of(context, 0)),
            BreakerState::Open { until } if context.now < *until => Decision::Wait(*until),
            BreakerState::Open { .. } => Decision::Probe,
            BreakerState::HalfOpen { permits } => match free_permit(permits, context) {
                Some(_) => Decision::Probe,
                None => Decision::Wait(context.now + break_of(context, 0).min(context.config.timeout())),
            },
        }
    }

    /// Takes a permit to probe, beginning a half-open epoch where the break is over. None where there is no
    /// permit to take.
    #[must_use]
    pub fn acquire(&self, context: DecisionContext<'_>, holder: u64) -> Option<Self> {
        let until = context.now + context.config.timeout() + permit_margin();
        let permit = ProbePermit { holder, until, result: None };
        let mut next = self.clone();
        match &mut next.state {
            BreakerState::Open { until } if context.now >= *until => {
                next.enter(
                    BreakerState::HalfOpen { permits: vec![permit] },
                    context.now,
                    "the break is over: probing",
                );
            }
            BreakerState::HalfOpen { permits } => {
                let free = free_permit(permits, context)?;
                permits.truncate(context.config.half_open_probes as usize);
                if free < permits.len() { permits[free] = permit } else { permits.push(permit) }
            }
            _ => return None,
        }
        Some(next)
    }

    /// The permit that `holder` has, as it is written: what was decided last need not be what was written, when
    /// an answer was lost on the way.
    #[must_use]
    pub fn grant_of(&self, holder: u64) -> Option<ProbeGrant> {
        let BreakerState::HalfOpen { permits } = &self.state else { return None };
        let permit = permits.iter().find(|p| p.holder == holder)?;
        Some(ProbeGrant { epoch: self.epoch, holder, until: permit.until })
    }

    /// Counts the result of a probe (none: it says nothing, and the permit is free again), and decides the
    /// epoch once the outcome is certain. None where the permit no longer counts or the result is in already.
    #[must_use]
    pub fn settle(
        &self,
        context: DecisionContext<'_>,
        grant: &ProbeGrant,
        result: Option<CallOutcome>,
        retry_after: Option<Duration>,
    ) -> Option<Self> {
        if is_in(Mutant::ResultOfAnyEpoch)
            && self.permit_of(grant).is_none()
            && result.is_some_and(|r| !r.failed)
        {
            return Some(self.force(context, None, "a success, whenever it was"));
        }
        let mine = self.permit_of(grant)?;
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

        let mut tally = CallTally::default();
        let done = permits.iter().filter_map(|p| p.result);
        done.for_each(|o| {
            tally.calls += 1;
            tally.failed += u32::from(o.failed);
            tally.slow += u32::from(o.slow);
        });
        let probes = context.config.half_open_probes.max(tally.calls);
        let missing = probes - tally.calls;
        let at_least = CallTally { calls: probes, ..tally };
        let at_most = CallTally { calls: probes, failed: tally.failed + missing, slow: tally.slow + missing };
        if let Some(why) = trips(at_least, context.config) {
            next.open(context, &format!("probes failed: {why}"), retry_after);
        } else if trips(at_most, context.config).is_none() {
            next.close(
                context,
                &format!("{} of {} probes went well", tally.calls - tally.failed, tally.calls),
            );
        }
        Some(next)
    }

    /// Adds calls of this epoch to the window and trips where a threshold is reached. None where the breaker
    /// is no longer closed in that epoch, so that the calls count no more.
    #[must_use]
    pub fn absorb(
        &self,
        context: DecisionContext<'_>,
        epoch: u64,
        calls: &Window,
        retry_after: Option<Duration>,
    ) -> Option<Self> {
        if self.epoch != epoch || self.state != BreakerState::Closed {
            return None;
        }
        let mut next = self.clone();
        next.window.merge(context.config.window, context.now, calls);
        let tally = next.window.tally(context.config.window, context.now);
        if tally.calls >= context.config.minimum_calls
            && let Some(why) = trips(tally, context.config)
        {
            next.open(context, &why, retry_after);
        }
        Some(next)
    }

    /// Opens a closed breaker on evidence from outside its window.
    #[must_use]
    pub fn trip(&self, context: DecisionContext<'_>, reason: &str) -> Option<Self> {
        if self.state != BreakerState::Closed {
            return None;
        }
        let mut next = self.clone();
        next.open(context, reason, None);
        Some(next)
    }

    /// Sets the state by hand; `None` gives the breaker back to itself, closed.
    #[must_use]
    pub fn force(&self, context: DecisionContext<'_>, state: Option<BreakerState>, reason: &str) -> Self {
        let mut next = self.clone();
        match state {
            Some(state) => next.enter(state, context.now, reason),
            None => next.close(context, reason),
        }
        next
    }

    fn permit_of(&self, grant: &ProbeGrant) -> Option<usize> {
        match &self.state {
            BreakerState::HalfOpen { permits } if self.epoch == grant.epoch => {
                permits.iter().position(|p| p.holder == grant.holder)
            }
            _ => None,
        }
    }

    fn open(&mut self, context: DecisionContext<'_>, reason: &str, retry_after: Option<Duration>) {
        let longest = Duration::from_millis(context.config.max_open_duration_ms.into());
        let pause = break_of(context, self.openings).max(retry_after.unwrap_or_default()).min(longest);
        self.openings = self.openings.saturating_add(1);
        self.enter(BreakerState::Open { until: context.now + pause }, context.now, reason);
    }

    fn close(&mut self, context: DecisionContext<'_>, reason: &str) {
        self.openings = 0;
        self.window = context.config.window.empty();
        self.enter(BreakerState::Closed, context.now, reason);
    }

    fn enter(&mut self, state: BreakerState, now: Timestamp, reason: &str) {
        self.epoch += u64::from(!is_in(Mutant::EpochKept));
        self.since = now;
        reason.clone_into(&mut self.reason);
        self.state = state;
    }
}

/// The break after `openings` openings before this one: it doubles each time, and up to a fifth of jitter is
/// added so that breakers that opened together do not probe together.
fn break_of(context: DecisionContext<'_>, openings: u32) -> Duration {
    let longest = f64::from(context.config.max_open_duration_ms);
    let pause = f64::from(context.config.open_duration_ms) * 2_f64.powi(openings.min(30) as i32);
    Duration::from_millis((pause * (1.0 + context.jitter / 5.0)).min(longest) as u64)
}

/// The first permit that can be taken: one that has ended without a result, or a new one.
fn free_permit(permits: &[ProbePermit], context: DecisionContext<'_>) -> Option<usize> {
    if is_in(Mutant::PermitsWithoutLimit) {
        return Some(permits.len());
    }
    let most = context.config.half_open_probes as usize;
    permits
        .iter()
        .take(most)
        .position(|p| p.result.is_none() && p.until <= context.now && !is_in(Mutant::PermitWithoutEnd))
        .or_else(|| (permits.len() < most).then_some(permits.len()))
}

fn trips(tally: CallTally, config: &TargetConfig) -> Option<String> {
    let (failed, slow) = (tally.failure_rate(), tally.slow_call_rate());
    if failed >= config.failure_rate_threshold {
        Some(format!("{} of {} calls failed ({failed:.0} %)", tally.failed, tally.calls))
    } else if slow >= config.slow_call_rate_threshold {
        Some(format!("{} of {} calls were slow ({slow:.0} %)", tally.slow, tally.calls))
    } else {
        None
    }
}
