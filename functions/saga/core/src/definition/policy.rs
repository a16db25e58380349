//! How often a step is tried, and how long an attempt may take.

use serde::Serialize;

/// A retry policy: how often something is tried again, and when, after `interval`, each time `backoff` times
/// as long, to `max_delay`; each wait is drawn from zero to that ("full jitter": AWS Architecture Blog,
/// "Exponential Backoff And Jitter").
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Retry {
    /// The longest wait before the second attempt: 1 to 3,600, in seconds.
    pub interval: u32,
    /// The factor by which the wait grows: 1.0 to 10.0.
    pub backoff: f64,
    /// The number of attempts after the first: 0 to 100.
    pub attempts: u32,
    /// What the wait grows to: more than `interval`, to 86,400, in seconds.
    pub max_delay: u32,
}

impl Retry {
    /// The policy for doing: it gives way soon, since there is a way back.
    pub const DO: Self = Self { interval: 1, backoff: 2.0, attempts: 4, max_delay: 10 };
    /// The policy for undoing: it takes about three minutes.
    pub const UNDO: Self = Self { interval: 1, backoff: 2.0, attempts: 8, max_delay: 60 };
    /// The policy for what must be done, after the pivot: it takes about two hours.
    pub const LONG: Self = Self { interval: 2, backoff: 2.0, attempts: 30, max_delay: 300 };

    /// Says what is out of range; none where nothing is.
    fn fault(&self) -> Option<&'static str> {
        if !(1..=3600).contains(&self.interval) {
            Some("the interval should be 1 to 3,600 s")
        } else if !(1.0..=10.0).contains(&self.backoff) {
            Some("the backoff should be 1.0 to 10.0")
        } else if self.attempts > 100 {
            Some("at most 100 attempts are made")
        } else if self.max_delay <= self.interval || self.max_delay > 86_400 {
            // As Step Functions wants it.
            Some("the longest wait should be more than the interval, to 86,400 s")
        } else {
            None
        }
    }
}

/// The policy of a step: how it is tried.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Policy {
    /// How often doing the step is tried.
    pub retry: Retry,
    /// How often undoing the step is tried.
    pub undo_retry: Retry,
    /// How long one attempt may take: 1 to 900, in seconds.
    pub timeout: u32,
}

impl Policy {
    /// Says what is out of range; none where nothing is.
    pub(super) fn fault(&self) -> Option<&'static str> {
        let timeout = (!(1..=900).contains(&self.timeout)).then_some("the timeout should be 1 to 900 s");
        self.retry.fault().or_else(|| self.undo_retry.fault()).or(timeout)
    }
}
