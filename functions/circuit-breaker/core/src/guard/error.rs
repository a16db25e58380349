//! Why a guarded call has no result.

use std::time::Duration;

use tenfold_pattern::ReadError;

use crate::names::{BreakerName, TargetName};

/// Why a guarded call has no result: it was not made, or it failed.
///
/// ```
/// use std::time::Duration;
/// use circuit_breaker_core::guard::GuardError;
///
/// let error: GuardError<std::io::Error> = GuardError::TimedOut(Duration::from_secs(5));
/// assert!(error.was_called(), "nobody knows what the target has done");
/// assert_eq!(error.to_string(), "the target did not answer within 5s");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GuardError<E> {
    /// The breaker lets nothing through. The target was not called.
    #[error("{breaker} is not to be called: {why}")]
    Waiting {
        /// The time to wait, for what it is worth: nobody knows when the target is well. None: a person has opened the
        /// breaker, and has to say otherwise.
        retry_after: Option<Duration>,
        /// The breaker that says so: of the whole target, or of the tenant.
        breaker: BreakerName,
        /// The state and its reason, in words.
        why: String,
        /// Why no permit was had although one may be free: the table refused its write or did not answer.
        refused: Option<Box<ReadError>>,
    },
    /// There is no such target in the table. Nothing was called.
    #[error("there is no target {0}")]
    UnknownTarget(TargetName),
    /// The target is not known, and the table did not answer, refused the read, or holds a row that cannot be read. Nothing
    /// was called.
    #[error(transparent)]
    Table(#[from] ReadError),
    /// The deadline had passed, or the probe's permit, before the call began.
    #[error("no time is left for the call")]
    NoTime,
    /// The target did not answer in this time. It may have done what it was asked.
    #[error("the target did not answer within {0:?}")]
    TimedOut(Duration),
    /// The service has not become ready to be called. It was not called.
    #[error("{0}")]
    NotReady(E),
    /// The call's own error, however it counts.
    #[error("{0}")]
    Failed(E),
}

impl<E> GuardError<E> {
    /// Returns whether the target was called, so that it may have done what it was asked.
    #[must_use]
    pub const fn was_called(&self) -> bool {
        matches!(self, Self::TimedOut(_) | Self::Failed(_))
    }

    /// Returns how long to wait before the next call, where the breaker says.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Waiting { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}
