//! When a target for which requests wait is to be looked at.

use jiff::{SignedDuration, Timestamp};

use super::breaker::{Decision, DecisionContext};
use crate::park::Look;
use crate::targets::TargetState;

/// How often there is a sweep: what is due before the next one, whoever looks now sends a message for.
pub const SWEEP_EVERY: SignedDuration = SignedDuration::from_mins(1);
/// For how long a change of a breaker or a configuration is one that nobody may have told of: two sweeps, and what
/// they are late.
const LATELY: SignedDuration = SignedDuration::from_secs(150);

/// Returns how a target is to be looked at, and when; none where nothing waits for it, or the sweep of the next minute is
/// early enough. `first` is when the first of its requests may be tried.
#[must_use]
pub fn look_at(target: &TargetState, first: Option<Timestamp>, now: Timestamp) -> Option<(Look, Timestamp)> {
    let first = first?;
    if target.row.deleted.is_some() {
        return Some((Look::Due, now));
    }
    let config = &target.row.config;
    let decision = target.breaker.decide(DecisionContext { now, config, jitter: 0.0 });
    if let Decision::Wait(until) = decision {
        // Then it is certainly too old.
        let oldest = SignedDuration::from_secs(config.retry.max_age_seconds.into());
        if first + oldest <= now {
            return Some((Look::TooOld, now));
        }
        return until.filter(|until| *until <= now + SWEEP_EVERY).map(|until| (Look::Due, until));
    }
    let turned = (target.breaker.epoch > 0).then_some(target.breaker.since);
    if turned.into_iter().chain(target.row.changed).any(|changed| now < changed + LATELY) {
        return Some((Look::All, now));
    }
    (first <= now + SWEEP_EVERY).then(|| (Look::Due, first.max(now)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::config::TargetConfig;
    use crate::decide::breaker::{Breaker, BreakerState};
    use crate::names::TargetName;
    use crate::rows::TargetRow;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn target(state: BreakerState) -> TargetState {
        let config = br#"{"url":"http://a","retry":{"maxAgeSeconds":1000}}"#;
        let config = Arc::new(TargetConfig::parse(config).unwrap());
        let breaker = Breaker { epoch: 1, state, ..Breaker::new(&config, at(0)) };
        let row = TargetRow::new(config, at(0));
        TargetState { name: TargetName::parse("a").unwrap(), row, breaker }
    }

    #[test]
    fn what_is_due_soon_is_looked_at_then() {
        let closed = target(BreakerState::Closed);
        assert_eq!(look_at(&closed, None, at(500)), None);
        assert_eq!(look_at(&closed, Some(at(400)), at(500)), Some((Look::Due, at(500))));
        assert_eq!(look_at(&closed, Some(at(560)), at(500)), Some((Look::Due, at(560))));
        assert_eq!(look_at(&closed, Some(at(561)), at(500)), None);
    }

    #[test]
    fn a_change_makes_all_worth_a_look() {
        let mut closed = target(BreakerState::Closed);
        assert_eq!(look_at(&closed, Some(at(9999)), at(149)), Some((Look::All, at(149))));
        assert_eq!(look_at(&closed, Some(at(9999)), at(150)), None);
        closed.row.changed = Some(at(300));
        assert_eq!(look_at(&closed, Some(at(9999)), at(310)), Some((Look::All, at(310))));
    }

    #[test]
    fn behind_an_open_breaker_only_what_is_too_old_is_looked_at() {
        let open = target(BreakerState::Open { until: at(600) });
        assert_eq!(look_at(&open, Some(at(0)), at(500)), None);
        assert_eq!(look_at(&open, Some(at(0)), at(550)), Some((Look::Due, at(600))));
        let forced = target(BreakerState::ForcedOpen);
        assert_eq!(look_at(&forced, Some(at(0)), at(999)), None);
        assert_eq!(look_at(&forced, Some(at(0)), at(1000)), Some((Look::TooOld, at(1000))));
    }

    #[test]
    fn what_waits_for_a_deleted_target_is_looked_at_at_once() {
        let mut gone = target(BreakerState::ForcedOpen);
        gone.row.deleted = Some(at(1));
        assert_eq!(look_at(&gone, Some(at(9999)), at(500)), Some((Look::Due, at(500))));
    }
}
