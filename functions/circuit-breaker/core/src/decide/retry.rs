//! When a parked request is tried again, and when no more.

use std::time::Duration;

use jiff::Timestamp;

use crate::config::{RetryConfig, TargetConfig};
use crate::decide::breaker::Breaker;
use crate::decide::permits::CLOCK_MARGIN;
use crate::rows::RequestRow;

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

/// Returns when a request is to be looked at that is due then: at the latest when it is too old, as it is configured now.
#[must_use]
pub fn not_too_late(row: &RequestRow, retry: &RetryConfig, due: Timestamp) -> Timestamp {
    due.min(row.data.begun + Duration::from_secs(retry.max_age_seconds.into()))
}

/// Returns whether the reason may be gone for which a request was put off: since its last attempt one of its breakers
/// has changed its state, or its target's configuration was changed.
#[must_use]
pub fn worth_a_look(row: &RequestRow, breakers: &[Breaker], configured: Option<Timestamp>) -> bool {
    let last = row.data.attempts.back().map_or(row.data.begun, |attempt| attempt.at.max(row.data.begun));
    let changed = breakers.iter().filter(|breaker| breaker.epoch > 0).map(|breaker| breaker.since);
    changed.chain(configured).any(|changed| changed + CLOCK_MARGIN >= last)
}

fn tried(row: &RequestRow) -> String {
    format!("{} attempts failed", row.data.tries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{prop_assert, proptest};

    fn retries() -> RetryConfig {
        RetryConfig {
            max_attempts: 1,
            max_age_seconds: 1,
            base_delay_ms: 100,
            max_delay_ms: 60_000,
            max_concurrent_calls: 1,
        }
    }

    proptest! {
        #[test]
        fn a_backoff_grows_to_its_maximum_and_never_beyond(tries in 1_u32..200, jitter in 0.0..1.0) {
            let retry = retries();
            let wait = backoff(&retry, tries, None, jitter).as_millis();
            let full = (100_u128 << (tries - 1).min(20)).min(60_000);
            prop_assert!(wait >= full / 2 && wait <= full, "{} of {}", wait, full);
        }
    }

    #[test]
    fn a_target_that_asks_for_time_gets_it() {
        let retry = retries();
        let wait = |seconds| backoff(&retry, 1, Some(Duration::from_secs(seconds)), 0.0);
        assert_eq!(wait(30), Duration::from_secs(30));
        assert_eq!(wait(3600), Duration::from_mins(1), "but not without bound");
    }
}
