//! The states of a saga and of its steps, by the names under which they are stored and shown.
//!
//! What they mean for the index of open sagas is in [`rows`](crate::rows); which follows which is decided in
//! [`decide`](crate::decide).

use std::fmt;

use serde::{Deserialize, Serialize};

/// The state of a saga.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SagaState {
    /// The saga is on its way to the pivot.
    Running,
    /// The pivot is done, steps after it are not. Only definitions that have such steps know it.
    Committing,
    /// All steps are done.
    Committed,
    /// The saga is being undone.
    Compensating,
    /// No step has an effect any more, and none will have.
    Compensated,
    /// A person is needed.
    Stuck,
    /// A person has closed the saga as it was.
    Resolved,
}

impl SagaState {
    /// All states.
    pub const ALL: [Self; 7] = [
        Self::Running,
        Self::Committing,
        Self::Committed,
        Self::Compensating,
        Self::Compensated,
        Self::Stuck,
        Self::Resolved,
    ];

    /// Returns the state's name, as rows and answers have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Committing => "committing",
            Self::Committed => "committed",
            Self::Compensating => "compensating",
            Self::Compensated => "compensated",
            Self::Stuck => "stuck",
            Self::Resolved => "resolved",
        }
    }

    /// Returns the state with this name; none where it is no state's.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

impl fmt::Display for SagaState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The state of a step. A step to which nothing has happened yet has no row and so no state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StepState {
    /// The step has its effect.
    Done,
    /// The step has no effect and never will have: it was taken back, or never arrived.
    Undone,
    /// The step was refused and never will have an effect.
    Refused,
    /// The step has its effect, and that could not be taken back.
    Stuck,
}

impl StepState {
    /// All states.
    pub const ALL: [Self; 4] = [Self::Done, Self::Undone, Self::Refused, Self::Stuck];

    /// Returns the state's name, as rows and answers have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Undone => "undone",
            Self::Refused => "refused",
            Self::Stuck => "stuck",
        }
    }

    /// Returns the state with this name; none where it is no state's.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Says whether the step has no effect and never will have: its row is a tombstone.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Undone | Self::Refused)
    }
}
