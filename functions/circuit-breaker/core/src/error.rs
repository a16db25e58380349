//! Why something could not be done: closed sets, one name a condition.
//!
//! Why a row cannot be had is a [`ReadError`]. What a caller of the API is told is a `Problem`, which is made of it.

use tenfold_pattern::ReadError;

/// Why a run that a schedule or an alarm began did not come to its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduledRunError {
    /// The table did not answer, refused a call, or holds a row that cannot be read.
    #[error(transparent)]
    Table(#[from] ReadError),
    /// So many targets could not be checked or opened: the table did not answer or refused, or no time was left.
    #[error("{0} targets not checked or not opened; the log says why")]
    Unchecked(usize),
}

impl ScheduledRunError {
    /// Returns the name that alarms and people see.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Table(ReadError::Row(_)) => "BadItem",
            Self::Table(ReadError::Refused(_)) => "CallRefused",
            Self::Table(ReadError::Silent(_)) => "ServiceUnavailable",
            Self::Unchecked(_) => "TargetsUnchecked",
        }
    }
}
