//! The breaker itself: a state machine without effects.
//!
//! Each function takes the state as it was read and gives the state as it shall be; the
//! [registry](crate::registry) commits it on the condition that nobody has written since. What must hold,
//! whoever runs where:
//!
//! * The epoch grows with every change of state and never shrinks.
//! * In a half-open epoch at most `halfOpenProbes` permits are live at once, and at most as many results
//!   count.
//! * A result counts only for the permit that it was made under. A success of an older epoch closes nothing.
//! * A permit ends by the clock. Nobody has to give it back, and nothing waits for a dead prober.
//!
//! The permits of half-open are in [`permits`](super::permits); taking one, and the decision of an epoch, in
//! `half_open`.
//!
//! The thresholds follow resilience4j's `CircuitBreaker`; the growing break with jitter follows the AWS
//! Builders' Library, "Timeouts, retries and backoff with jitter".

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::permits::{ProbePermit, free_permit, results};
use crate::config::TargetConfig;
use crate::decide::window::{CallTally, Window};
use crate::mutant::{Mutant, is_in};

/// The breaker of a target, or of what one tenant asks of it, as it is stored.
///
/// It is driven by whoever calls the target. By hand, from closed to open, half-open and closed again:
///
/// ```
/// use circuit_breaker_core::config::TargetConfig;
/// use circuit_breaker_core::decide::breaker::{Breaker, Decision, DecisionContext};
/// use circuit_breaker_core::decide::window::CallOutcome;
/// use jiff::Timestamp;
///
/// let config = br#"{"url": "https://pay.example/", "minimumCalls": 1, "halfOpenProbes": 1}"#;
/// let config = TargetConfig::parse(config).unwrap();
/// let at = |second| DecisionContext {
///     now: Timestamp::from_second(second).unwrap(),
///     config: &config,
///     jitter: 0.0,
/// };
/// let (good, bad) = (CallOutcome { failed: false, slow: false }, CallOutcome { failed: true, slow: false });
///
/// let closed = Breaker::new(&config, at(0).now);
/// assert_eq!(closed.decide(at(0)), Decision::Allow);
///
/// let mut calls = config.window.empty();
/// calls.push(config.window, at(1).now, bad);
/// let open = closed.absorb(at(1), closed.epoch_id(), &calls, None).unwrap();
/// assert_eq!(open.decide(at(2)), Decision::Wait(Some(at(31).now))); // openDurationMs is 30,000
///
/// let prober = 7; // a random name
/// let half_open = open.acquire(at(31), prober).unwrap();
/// let grant = half_open.grant_of(prober).unwrap();
///
/// let closed = half_open.settle(at(32), &grant, Some(good), None).unwrap();
/// assert_eq!((closed.decide(at(32)), closed.epoch), (Decision::Allow, 3));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Breaker {
    /// The number of changes of state so far.
    pub epoch: u64,
    /// The time at which the state was entered.
    pub since: Timestamp,
    /// The reason why it was entered, in words.
    pub reason: String,
    /// The state.
    pub state: BreakerState,
    /// The calls of this epoch, as far as they were reported. It is only used while closed.
    pub window: Window,
    /// The number of openings since the breaker last closed.
    pub openings: u32,
}

/// Which epoch a call counts in. Its number alone would not do: the row of a tenant's breaker ends when nobody has written it
/// for long, and the next one begins at 0 again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EpochId {
    /// The number of changes of state before it.
    pub number: u64,
    /// The time at which it began.
    pub since: Timestamp,
}

/// The state of a breaker.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum BreakerState {
    /// Calls pass and are counted.
    Closed,
    /// No call passes before `until`.
    Open {
        /// The time from which on the target may be probed.
        until: Timestamp,
    },
    /// Only calls that hold one of the permits pass.
    HalfOpen {
        /// The permits taken so far, at most `halfOpenProbes`.
        #[serde(rename = "slots")]
        permits: Vec<ProbePermit>,
    },
    /// No call passes until a person says otherwise.
    ForcedOpen,
    /// Every call passes, and none is counted, until a person says otherwise.
    ForcedClosed,
}

impl BreakerState {
    /// The names of all states.
    pub const NAMES: [&'static str; 5] = ["closed", "open", "halfOpen", "forcedOpen", "forcedClosed"];

    /// Returns the state's name in the API.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Closed => Self::NAMES[0],
            Self::Open { .. } => Self::NAMES[1],
            Self::HalfOpen { .. } => Self::NAMES[2],
            Self::ForcedOpen => Self::NAMES[3],
            Self::ForcedClosed => Self::NAMES[4],
        }
    }
}

/// What a breaker says to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The call may be made, and counts in this epoch.
    Allow,
    /// The call may be made, and does not count.
    AllowUncounted,
    /// The call may be made only with a permit, which [`Breaker::acquire`] may give.
    Probe,
    /// No call is to be made before this time; none: before a person says otherwise.
    Wait(Option<Timestamp>),
}

/// What a decision depends on besides the breaker.
#[derive(Debug, Clone, Copy)]
pub struct DecisionContext<'a> {
    /// The time at which it is made.
    pub now: Timestamp,
    /// The target's configuration.
    pub config: &'a TargetConfig,
    /// A random number of `0.0..1.0`, which makes a break up to a fifth longer.
    pub jitter: f64,
}

impl Breaker {
    /// Returns the breaker of a target that has never been called: closed since then.
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

    /// Returns which epoch it is in.
    #[must_use]
    pub const fn epoch_id(&self) -> EpochId {
        EpochId { number: self.epoch, since: self.since }
    }

    /// Returns whether a call may be made.
    #[must_use]
    pub fn decide(&self, context: DecisionContext<'_>) -> Decision {
        match &self.state {
            BreakerState::Closed => Decision::Allow,
            BreakerState::ForcedClosed => Decision::AllowUncounted,
            BreakerState::ForcedOpen => Decision::Wait(None),
            BreakerState::Open { until } if context.now < self.ends(*until, context.config) => {
                Decision::Wait(Some(self.ends(*until, context.config)))
            }
            BreakerState::Open { .. } => Decision::Probe,
            BreakerState::HalfOpen { permits }
                if results(permits).calls >= context.config.half_open_probes =>
            {
                Decision::Probe
            }
            BreakerState::HalfOpen { permits } => match free_permit(permits, context.config, context.now) {
                Some(_) => Decision::Probe,
                None => {
                    Decision::Wait(Some(context.now + break_of(context, 0).min(context.config.timeout())))
                }
            },
        }
    }

    /// Returns when a break ends: the longest may have been made shorter meanwhile.
    pub(super) fn ends(&self, until: Timestamp, config: &TargetConfig) -> Timestamp {
        until.min(self.since + Duration::from_millis(config.max_open_duration_ms.into()))
    }

    /// Adds calls of `epoch` to the window and opens where a threshold is reached. Returns none where the
    /// breaker is no longer closed in that epoch, so that the calls count no more.
    ///
    /// `retry_after` is how long the target asked to be left alone; the break is at least as long.
    #[must_use]
    pub fn absorb(
        &self,
        context: DecisionContext<'_>,
        epoch: EpochId,
        calls: &Window,
        retry_after: Option<Duration>,
    ) -> Option<Self> {
        if self.epoch_id() != epoch || self.state != BreakerState::Closed {
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

    /// Returns whether half of what would open the breaker has come: half of the calls, at half of a rate. It is how one is
    /// told that fails from one that had a bad call.
    #[must_use]
    pub fn may_trip(&self, context: DecisionContext<'_>) -> bool {
        let tally = self.window.tally(context.config.window, context.now);
        let half = |rate: f64, threshold: f64| rate * 2.0 >= threshold;
        let enough = tally.calls.saturating_mul(2) >= context.config.minimum_calls;
        enough
            && tally.calls > 0
            && (half(tally.failure_rate(), context.config.failure_rate_threshold)
                || half(tally.slow_call_rate(), context.config.slow_call_rate_threshold))
    }

    /// Opens a closed breaker on evidence from outside its window. Returns none where it is not closed.
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

    pub(super) fn open(&mut self, context: DecisionContext<'_>, reason: &str, retry_after: Option<Duration>) {
        let longest = Duration::from_millis(context.config.max_open_duration_ms.into());
        let pause = break_of(context, self.openings).max(retry_after.unwrap_or_default()).min(longest);
        self.openings = self.openings.saturating_add(1);
        self.enter(BreakerState::Open { until: context.now + pause }, context.now, reason);
    }

    pub(super) fn close(&mut self, context: DecisionContext<'_>, reason: &str) {
        self.openings = 0;
        self.window = context.config.window.empty();
        self.enter(BreakerState::Closed, context.now, reason);
    }

    pub(super) fn enter(&mut self, state: BreakerState, now: Timestamp, reason: &str) {
        self.epoch += u64::from(!is_in(Mutant::EpochKept));
        // Not before the state before it, whoever's clock is behind: a breaker older than its target would not count.
        self.since = now.max(self.since);
        reason.clone_into(&mut self.reason);
        self.state = state;
    }
}

/// Returns the break after `openings` openings before this one: it doubles each time, and up to a fifth of
/// jitter is added so that breakers that opened together do not probe together.
fn break_of(context: DecisionContext<'_>, openings: u32) -> Duration {
    let longest = f64::from(context.config.max_open_duration_ms);
    let pause = f64::from(context.config.open_duration_ms) * 2_f64.powi(openings.min(30) as i32);
    Duration::from_millis((pause * (1.0 + context.jitter / 5.0)).min(longest) as u64)
}

/// Returns which threshold so many calls reach, in words.
pub(super) fn trips(tally: CallTally, config: &TargetConfig) -> Option<String> {
    let (failed, slow) = (tally.failure_rate(), tally.slow_call_rate());
    if failed >= config.failure_rate_threshold {
        Some(format!("{} of {} calls failed ({failed:.0} %)", tally.failed, tally.calls))
    } else if slow >= config.slow_call_rate_threshold {
        Some(format!("{} of {} calls were slow ({slow:.0} %)", tally.slow, tally.calls))
    } else {
        None
    }
}
