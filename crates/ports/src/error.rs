//! What a failed AWS call says about its effect.

/// Why a call to an AWS service gave no answer of its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
pub enum CallError {
    /// Refused for load; nothing was applied, and trying again later can succeed.
    #[error("throttled: nothing was applied")]
    Throttled,
    /// The service was not reached or failed before applying anything; trying again can succeed.
    #[error("unavailable: nothing was applied")]
    Unavailable,
    /// The answer was lost. The call may or may not have been applied.
    #[error("the answer was lost: the call may have been applied")]
    Unknown,
    /// The service refused the call for good: a missing resource or permission, an item too large.
    /// Nothing was applied, and the same call would be refused again.
    #[error("refused: {0}")]
    Refused(String),
}

impl CallError {
    /// Whether the call may have been applied although it failed.
    #[must_use]
    pub const fn may_have_applied(&self) -> bool {
        matches!(self, Self::Unknown)
    }
}
