//! Since when failures wait for somebody to tend: nobody may have thought of it, and then no breaker ever trips.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;

/// For how long failures may wait before somebody is told that nobody tends.
const PATIENCE: Duration = Duration::from_secs(10);
const NONE_WAITS: i64 = i64::MIN;

/// When the first failure was that waits, in milliseconds since 1970.
#[derive(Debug)]
pub(super) struct Untended(AtomicI64);

impl Default for Untended {
    fn default() -> Self {
        Self(AtomicI64::new(NONE_WAITS))
    }
}

impl Untended {
    /// Notes a failure that is to be reported. Returns whether it is time to say that nobody tends, once for each time that
    /// it is.
    pub(super) fn failed(&self, now: Timestamp) -> bool {
        let now = now.as_millisecond();
        let (set, read) = (Ordering::Relaxed, Ordering::Relaxed);
        match self.0.compare_exchange(NONE_WAITS, now, set, read) {
            Ok(_) => false,
            Err(since) if now - since < PATIENCE.as_millis() as i64 => false,
            // Of several threads one says it.
            Err(since) => self.0.compare_exchange(since, now, set, read).is_ok(),
        }
    }

    /// Notes that somebody tends.
    pub(super) fn tended(&self) {
        self.0.store(NONE_WAITS, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_waits_for_long_is_said_and_not_with_each_call() {
        let untended = Untended::default();
        let failed = |seconds| untended.failed(Timestamp::from_second(seconds).unwrap());
        assert!(!failed(100) && !failed(109));
        assert!(failed(110));
        assert!(!failed(111) && failed(120));
        untended.tended();
        assert!(!failed(1_000) && !failed(1_009));
    }
}
