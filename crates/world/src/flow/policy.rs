//! What becomes of an error: retriers and catchers (States Language, "Retrying after error" and "Fallback
//! states").

use jiff::SignedDuration;
use smol_str::SmolStr;

use super::error::{ALL, DATA_LIMIT_EXCEEDED, RUNTIME, TASK_FAILED, TIMEOUT};
use super::path::ReferencePath;

/// The error names that a retrier or a catcher is for.
#[derive(Debug, Clone)]
pub(super) struct ErrorEquals(pub Vec<SmolStr>);

impl ErrorEquals {
    /// Whether it is for this error.
    pub fn matches(&self, error: &str) -> bool {
        self.0.iter().any(|name| match name.as_str() {
            ALL => error != DATA_LIMIT_EXCEEDED,
            TASK_FAILED => error != DATA_LIMIT_EXCEEDED && error != TIMEOUT,
            name => name == error,
        }) && error != RUNTIME
    }
}

/// How a failed state is tried again.
#[derive(Debug, Clone)]
pub(super) struct RetryPolicy {
    pub errors: ErrorEquals,
    /// Before the first retry: 1 to 99,999,999 s.
    pub interval: u32,
    /// Retries, not attempts: 0 to 99,999,999.
    pub most: u32,
    /// At least 1.
    pub rate: f64,
    /// What the delay grows to: below 31,622,400 s.
    pub longest: Option<u32>,
    /// `JitterStrategy: FULL`.
    pub jitter: bool,
}

impl RetryPolicy {
    /// How long to wait before the next retry, after `before` retries by this retrier. `chance` is uniform
    /// over 0 to 1, and asked only for full jitter, which waits between nothing and the computed delay
    /// (developer guide, "Handling errors").
    pub fn delay(&self, before: u32, chance: &mut dyn FnMut() -> f64) -> SignedDuration {
        let grown = f64::from(self.interval) * self.rate.powf(f64::from(before));
        let delay = grown.min(f64::from(self.longest.unwrap_or(LONGEST)));
        let delay = if self.jitter { delay * chance().clamp(0.0, 1.0) } else { delay };
        SignedDuration::from_millis((delay * 1000.0).round() as i64)
    }
}

/// No execution outlives a year, so no delay has to.
const LONGEST: u32 = 366 * 24 * 60 * 60;

/// Where an error leads to.
#[derive(Debug, Clone)]
pub(super) struct CatchPolicy {
    pub errors: ErrorEquals,
    /// Where the error output is put in the state's input; none drops it.
    pub place: Option<ReferencePath>,
    pub next: usize,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::error::{INTRINSIC_FAILURE, lambda};

    fn of(name: &str) -> ErrorEquals {
        ErrorEquals(vec![name.into()])
    }

    #[test]
    fn wildcards_match_what_the_developer_guide_says() {
        for (error, all, task_failed) in [
            ("SoldOut", true, true),
            (lambda::UNKNOWN, true, true),
            (INTRINSIC_FAILURE, true, true),
            (TASK_FAILED, true, true),
            (TIMEOUT, true, false),
            (DATA_LIMIT_EXCEEDED, false, false),
            (RUNTIME, false, false),
        ] {
            assert_eq!(of(ALL).matches(error), all, "{error}");
            assert_eq!(of(TASK_FAILED).matches(error), task_failed, "{error}");
        }
        assert!(of(TIMEOUT).matches(TIMEOUT));
        assert!(of(DATA_LIMIT_EXCEEDED).matches(DATA_LIMIT_EXCEEDED));
        assert!(!of(RUNTIME).matches(RUNTIME), "it always ends the execution");
        assert!(!of("soldout").matches("SoldOut"), "names are case-sensitive");
    }

    fn retrier(interval: u32, rate: f64, longest: Option<u32>, jitter: bool) -> RetryPolicy {
        RetryPolicy { errors: of(ALL), interval, most: 3, rate, longest, jitter }
    }

    fn seconds(retrier: &RetryPolicy, mut chance: impl FnMut() -> f64) -> Vec<f64> {
        (0..4).map(|before| retrier.delay(before, &mut chance).as_secs_f64()).collect()
    }

    /// The first of States Language, "Retrying after error".
    #[test]
    fn delays_grow_by_the_rate_up_to_the_longest() {
        let never = || -> f64 { panic!("nothing is left to chance") };
        assert_eq!(seconds(&retrier(3, 1.5, None, false), never), [3.0, 4.5, 6.75, 10.125]);
        assert_eq!(seconds(&retrier(3, 1.5, Some(5), false), never), [3.0, 4.5, 5.0, 5.0]);
        assert_eq!(seconds(&retrier(2, 1.0, None, false), never), [2.0; 4]);
    }

    #[test]
    fn full_jitter_is_between_nothing_and_the_delay() {
        assert_eq!(seconds(&retrier(2, 2.0, Some(10), true), || 0.0), [0.0; 4]);
        assert_eq!(seconds(&retrier(2, 2.0, Some(10), true), || 1.0), [2.0, 4.0, 8.0, 10.0]);
        assert_eq!(seconds(&retrier(2, 2.0, Some(10), true), || 0.25), [0.5, 1.0, 2.0, 2.5]);
    }

    #[test]
    fn a_delay_never_overflows() {
        let long = retrier(99_999_999, 1e300, None, false).delay(99_999_999, &mut || 1.0);
        assert_eq!(long.as_secs(), i64::from(LONGEST));
    }
}
