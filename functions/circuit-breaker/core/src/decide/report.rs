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
/// From how many writes a second of a breaker's row on its writers wait.
const CROWDED: f64 = 25.0;
/// The longest that a crowd of writers waits.
const CROWD_WAITS: Duration = Duration::from_secs(30);
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
    let may_trip = recent.failure_rate() * 2.0 >= config.failure_rate_threshold
        || recent.slow_call_rate() * 2.0 >= config.slow_call_rate_threshold;
    if may_trip { SOON.mul_f64(jitter) } else { later(jitter) }
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

/// Returns how long a report waits since others write the breaker's row so many times a second; none where it need not.
/// What they write is of the same target: whoever waits will find it open, or has more to say at once.
#[must_use]
pub fn when_crowded(writes: f64, jitter: f64) -> Option<Duration> {
    let crowd = writes / CROWDED;
    (crowd > 1.0).then(|| Duration::from_secs_f64((crowd * crowd).min(CROWD_WAITS.as_secs_f64()) * jitter))
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
        assert!(has_few(1.0), "the only call of an environment");
        assert_eq!(later(1.0), LATER);
        assert_eq!(when_crowded(25.0, 1.0), None);
        assert_eq!(when_crowded(50.0, 0.5), Some(Duration::from_secs(2)));
        assert_eq!(after_refusals(99, 1.0), Duration::from_secs(16));
    }
}
