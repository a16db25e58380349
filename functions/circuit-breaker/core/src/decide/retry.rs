//! When a parked request is tried again, when no more, and how many at a time.

use std::time::Duration;

use jiff::Timestamp;
use tenfold_ports::queue::BATCH;

use crate::config::{RetryConfig, TargetConfig};
use crate::decide::breaker::{Breaker, BreakerState};
use crate::rows::RequestRow;

/// How long the drain of a target takes to double after its breaker closed.
const RAMP: Duration = Duration::from_secs(2);

/// Returns the wait before the next attempt after `tries` attempts: exponential, with "equal jitter" (AWS
/// Architecture Blog, "Exponential Backoff And Jitter"), and at least what the target asked for, to
/// `retry.maxDelayMs`. `jitter` is a random number of `0.0..1.0`.
#[must_use]
pub fn backoff(retry: &RetryConfig, tries: u32, retry_after: Option<Duration>, jitter: f64) -> Duration {
    let most = f64::from(retry.max_delay_ms);
    let full =
        (f64::from(retry.base_delay_ms) * 2_f64.powi(tries.saturating_sub(1).min(40) as i32)).min(most);
    let jittered = Duration::from_millis((full / 2.0 + full / 2.0 * jitter) as u64);
    jittered.max(retry_after.unwrap_or_default().min(Duration::from_millis(retry.max_delay_ms.into())))
}

/// Returns why a request is not to be tried again, in words; none where it may be.
#[must_use]
pub fn given_up(row: &RequestRow, config: &TargetConfig, now: Timestamp) -> Option<String> {
    let age = now.duration_since(row.data.begun).as_secs();
    if age >= i64::from(config.retry.max_age_seconds) {
        return Some("it grew older than retry.maxAgeSeconds".to_owned());
    }
    (row.data.tries >= config.retry.max_attempts).then(|| tried(row))
}

fn tried(row: &RequestRow) -> String {
    format!("{} attempts failed", row.data.tries)
}

/// Returns how many requests of a target are delivered at a time: 1 after its breaker closed, doubling every
/// two seconds to a batch of 10.
#[must_use]
pub fn ramp(breaker: &Breaker, now: Timestamp) -> usize {
    if breaker.epoch == 0 || breaker.state != BreakerState::Closed {
        return BATCH;
    }
    let closed_for = Duration::try_from(now.duration_since(breaker.since)).unwrap_or_default();
    let doublings = (closed_for.as_millis() / RAMP.as_millis()).min(8) as u32;
    (1_usize << doublings).min(BATCH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{prop_assert, proptest};

    proptest! {
        #[test]
        fn a_backoff_grows_to_its_maximum_and_never_beyond(tries in 1_u32..200, jitter in 0.0..1.0) {
            let retry = RetryConfig { max_attempts: 1, max_age_seconds: 1, base_delay_ms: 100, max_delay_ms: 60_000 };
            let wait = backoff(&retry, tries, None, jitter).as_millis();
            let full = (100_u128 << (tries - 1).min(20)).min(60_000);
            prop_assert!(wait >= full / 2 && wait <= full, "{} of {}", wait, full);
        }
    }

    #[test]
    fn a_target_that_asks_for_time_gets_it() {
        let retry =
            RetryConfig { max_attempts: 1, max_age_seconds: 1, base_delay_ms: 100, max_delay_ms: 60_000 };
        let wait = |seconds| backoff(&retry, 1, Some(Duration::from_secs(seconds)), 0.0);
        assert_eq!(wait(30), Duration::from_secs(30));
        assert_eq!(wait(3600), Duration::from_mins(1), "but not without bound");
    }

    #[test]
    fn the_drain_ramps_up_after_closing() {
        let config = TargetConfig::parse(br#"{"url":"http://a"}"#).unwrap();
        let at = |s| Timestamp::from_second(s).unwrap();
        let mut breaker = Breaker::new(&config, at(0));
        assert_eq!(ramp(&breaker, at(0)), BATCH, "it has never been open");
        breaker.epoch = 3;
        let widths: Vec<_> = (0..10).step_by(2).map(|s| ramp(&breaker, at(s))).collect();
        assert_eq!(widths, [1, 2, 4, 8, 10]);
    }
}
