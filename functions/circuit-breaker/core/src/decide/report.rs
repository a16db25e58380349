//! When an environment reports its calls to the fleet.
//!
//! What has to be known soon is reported soon: failures where they may trip the breaker, and those of an environment
//! that has few calls, whose next one may be long in coming. All other reports can wait and are made together, so that a
//! steady rate of errors costs a breaker's row few writes, however many environments there are.

use std::time::Duration;

use super::window::CallTally;
use crate::config::TargetConfig;

/// With at most so many calls a second an environment has few: its next one may be long in coming.
const FEW: f64 = 3.0;
/// With fewer calls a second it reports each failure at once.
const SOME: f64 = 8.0;
/// Within what time failures are reported that may trip the breaker. The environments draw their time from all of it:
/// those that come later find the breaker open, and have nothing to report.
const SOON: Duration = Duration::from_millis(500);
/// The number of writes a second of a breaker's row that its writers hold it to, by waiting for each other.
const CROWDED: f64 = 6.0;
/// The longest that a crowd of writers waits, about.
const CROWD_WAITS: Duration = Duration::from_mins(5);
/// The longest that those of a crowd wait whose calls may trip the breaker.
const URGENT_WAITS: Duration = Duration::from_millis(1500);
/// The longest wait after reports that were refused, and how often it halves for fewer of them.
const REFUSED_WAITS: Duration = Duration::from_secs(16);
const REFUSED_DOUBLINGS: u32 = 6;
/// Within what time all other calls are reported, unless many do.
const LATER: Duration = Duration::from_secs(1);

/// Returns how long the report of a failed or slow call may wait, of an environment that has so many calls a second, after
/// the latest of them. `jitter` is a random number of `0.0..1.0`.
#[must_use]
pub fn report_after(calls_a_second: f64, recent: CallTally, config: &TargetConfig, jitter: f64) -> Duration {
    if calls_a_second < SOME {
        return Duration::ZERO;
    }
    if may_trip(recent, config, false) { SOON.mul_f64(jitter) } else { later(jitter) }
}

/// Returns whether the breaker may trip by calls of which so many failed or were slow: by half of a threshold; in a crowd, of
/// which some will have come to it, by all of it.
#[must_use]
pub fn may_trip(recent: CallTally, config: &TargetConfig, in_a_crowd: bool) -> bool {
    let factor = if in_a_crowd { 1.0 } else { 2.0 };
    recent.failure_rate() * factor >= config.failure_rate_threshold
        || recent.slow_call_rate() * factor >= config.slow_call_rate_threshold
}

/// Returns how long the report of calls may wait that went well.
#[must_use]
pub fn later(jitter: f64) -> Duration {
    LATER.mul_f64(jitter)
}

/// Returns whether so many calls a second are few: nobody may come to report them later.
#[must_use]
pub fn has_few(calls_a_second: f64) -> bool {
    calls_a_second <= FEW
}

/// Returns for how long an environment waits before its next report, about, that has waited so long before its last one,
/// where all write the breaker's row so many times a second; none where it need not. Nobody knows how many they are: each
/// waits the longer the more is written, and the less the less, until together they write a fixed number of times a second.
#[must_use]
pub fn pause_of(writes: f64, before: Duration) -> Duration {
    let crowd = writes / CROWDED;
    // Who has not waited yet guesses.
    let pause = (before.as_secs_f64().max(crowd) * crowd).min(CROWD_WAITS.as_secs_f64());
    if pause < LATER.as_secs_f64() { Duration::ZERO } else { Duration::from_secs_f64(pause) }
}

/// Returns how long a report waits whose environment waits so long, about; none where it does not. What may trip waits no
/// longer than others may for their turn: those that come later find the breaker open, and have nothing to report.
#[must_use]
pub fn when_crowded(pause: Duration, is_urgent: bool, jitter: f64) -> Option<Duration> {
    let wait = pause.mul_f64(0.5 + jitter);
    let wait = if is_urgent { wait.min(URGENT_WAITS.mul_f64(jitter)) } else { wait };
    (!pause.is_zero()).then_some(wait)
}

/// Returns how long to wait after so many reports in a row that the table refused, or that others overtook: from none to
/// all of a time that doubles, to a most.
#[must_use]
pub fn after_refusals(refusals: u32, jitter: f64) -> Duration {
    let halvings = REFUSED_DOUBLINGS.saturating_sub(refusals);
    (REFUSED_WAITS / (1 << halvings)).mul_f64(jitter)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(calls: u32, failed: u32) -> CallTally {
        CallTally { calls, failed, slow: 0 }
    }

    #[test]
    fn what_may_trip_is_reported_soon_and_the_rest_together() {
        let config = TargetConfig::parse(br#"{"url":"http://a"}"#).unwrap();
        assert_eq!(report_after(7.9, tally(1, 1), &config, 0.9), Duration::ZERO);
        assert_eq!(report_after(8.0, tally(4, 1), &config, 0.5), Duration::from_millis(250));
        assert_eq!(report_after(9.0, tally(100, 25), &config, 1.0), SOON);
        assert_eq!(report_after(9.0, tally(100, 24), &config, 1.0), LATER);
        assert!(may_trip(tally(100, 25), &config, false) && !may_trip(tally(100, 49), &config, true));
        assert!(has_few(1.0), "the only call of an environment");
        assert_eq!(later(1.0), LATER);
        assert_eq!(after_refusals(99, 1.0), Duration::from_secs(16));
    }

    #[test]
    fn a_crowd_waits_until_it_writes_as_often_as_it_may() {
        let seconds = Duration::from_secs;
        assert_eq!(pause_of(6.0, Duration::ZERO), seconds(1));
        assert_eq!(pause_of(5.9, Duration::ZERO), Duration::ZERO);
        assert_eq!(pause_of(18.0, Duration::ZERO), seconds(9), "a guess");
        assert_eq!(pause_of(12.0, seconds(9)), seconds(18));
        assert_eq!(pause_of(3.0, seconds(18)), seconds(9));
        assert_eq!(pause_of(1_000.0, seconds(60)), CROWD_WAITS);
        assert_eq!(when_crowded(Duration::ZERO, false, 0.9), None);
        assert_eq!(when_crowded(seconds(10), false, 0.5), Some(seconds(10)));
        assert_eq!(when_crowded(seconds(10), true, 1.0), Some(URGENT_WAITS), "and what may trip soon");
    }
}
