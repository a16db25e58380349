//! How a call of yours counts.

use std::time::Duration;

/// How a call counts in the breaker. Whether it was slow, the guard sees by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Classification {
    /// The target did what a target does: also where it said no, with good reason.
    Success,
    /// The target failed.
    Failure {
        /// The time for which it asked to be left alone (`Retry-After`): a break is at least as long.
        retry_after: Option<Duration>,
    },
    /// The call says nothing of the target, and counts neither way.
    Ignored,
}

/// Says how a call counts, by what came of it: each `Fn(&Result<A, E>) -> Classification` does.
///
/// ```
/// use circuit_breaker_core::guard::{Classification, Classify};
///
/// /// A target that is full is no failure, and a request of ours that it cannot read neither.
/// #[derive(Clone)]
/// struct Statuses;
///
/// impl<E> Classify<u16, E> for Statuses {
///     fn classify(&self, result: &Result<u16, E>) -> Classification {
///         match result {
///             Ok(507) => Classification::Ignored,
///             Ok(0..=499) => Classification::Success,
///             Ok(_) | Err(_) => Classification::Failure { retry_after: None },
///         }
///     }
/// }
///
/// assert_eq!(Statuses.classify(&Ok::<_, ()>(404)), Classification::Success);
/// ```
pub trait Classify<A, E> {
    /// Returns how a call counts that came to this.
    fn classify(&self, result: &Result<A, E>) -> Classification;
}

/// Every `Ok` is a success and every `Err` a failure.
///
/// ```
/// use circuit_breaker_core::guard::{Classification, Classify, ErrIsFailure};
///
/// assert_eq!(ErrIsFailure.classify(&Ok::<_, ()>(1)), Classification::Success);
/// assert_eq!(ErrIsFailure.classify(&Err::<(), _>(1)), Classification::Failure { retry_after: None });
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ErrIsFailure;

impl<A, E> Classify<A, E> for ErrIsFailure {
    fn classify(&self, result: &Result<A, E>) -> Classification {
        match result {
            Ok(_) => Classification::Success,
            Err(_) => Classification::Failure { retry_after: None },
        }
    }
}

impl<A, E, C: Fn(&Result<A, E>) -> Classification> Classify<A, E> for C {
    fn classify(&self, result: &Result<A, E>) -> Classification {
        self(result)
    }
}
