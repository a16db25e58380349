//! How a run ends.

/// Why a run ends before its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// An invariant does not hold: what, for a person.
    Broken(String),
    /// Another run has come to just this state, and all that can follow was looked at.
    Seen,
}

impl From<String> for Stop {
    fn from(what: String) -> Self {
        Self::Broken(what)
    }
}

impl From<&str> for Stop {
    fn from(what: &str) -> Self {
        Self::Broken(what.to_owned())
    }
}

/// What a run comes to: an invariant that does not hold, or nothing to say.
pub type RunOutcome = Result<(), Stop>;
