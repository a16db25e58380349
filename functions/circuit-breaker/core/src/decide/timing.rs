//! Differences of times: how long to wait, how much is left.

use std::time::Duration;

use jiff::Timestamp;

/// Returns how long it is until `due`; zero where it is past.
#[must_use]
pub fn delay(now: Timestamp, due: Timestamp) -> Duration {
    Duration::try_from(due.duration_since(now)).unwrap_or_default()
}

/// Returns the whole seconds until a time, rounded up and at least 1, for `Retry-After`.
#[must_use]
pub fn seconds_until(now: Timestamp, time: Timestamp) -> u64 {
    let left = time.duration_since(now);
    u64::try_from(left.as_secs()).unwrap_or(0)
        + u64::from(left.subsec_nanos() > 0).max(u64::from(left.as_secs() < 1))
}

/// Returns the time left until `deadline`, less `reserve`, and at most `most`; zero where there is none.
#[must_use]
pub fn time_left(now: Timestamp, deadline: Timestamp, reserve: Duration, most: Duration) -> Duration {
    Duration::try_from(deadline.duration_since(now)).unwrap_or_default().saturating_sub(reserve).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_until_rounds_up_and_is_never_zero() {
        let at = |ms| Timestamp::from_millisecond(ms).unwrap();
        for (time, seconds) in [(0, 1), (1, 1), (1000, 1), (1001, 2), (5000, 5), (-5000, 1)] {
            assert_eq!(seconds_until(at(0), at(time)), seconds, "{time}");
        }
    }
}
