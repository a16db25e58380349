//! The rows of the table and how they are written.
//!
//! | pk | sk | holds |
//! |---|---|---|
//! | `saga#<id>` | `saga` | a saga: its state, round and deadline |
//! | `saga#<id>` | `step#<name>` | a step: done, undone, refused or stuck. No row: not done yet |
//! | `saga#<id>` | `log#<round>#<event>` | an entry of its log, written once and never changed |
//!
//! The index `open` (partition `open`, number `wake`) holds the sagas that are not at their end, by state and
//! shard (`running#3`) and by when somebody has to look at them: the deadline of a running, compensating or
//! committing one, the beginning of a stuck one.
//!
//! A log entry is written in the transaction that it tells of. Its key is made of what it tells, so the same
//! transaction made twice cannot append twice. The table's stream brings it to the publisher: it is the outbox.

mod log;
mod partition;
mod saga;
mod step;

use std::fmt::{self, Debug};
use std::hash::Hash;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, format_smolstr};
use tenfold_ports::CallError;
use tenfold_ports::table::BadItem;

pub use log::{LOG, LogEntry, ROUND_MOST, log_key};
pub use partition::Partition;
pub use saga::{OPEN, SagaChange, SagaData, SagaRow, WAKE, check, commit, saga_key};
pub use step::{StepData, StepRow, StepState, step_key};

use crate::names::SagaId;

/// The index of open sagas.
pub const OPEN_INDEX: &str = "open";

fn partition(id: SagaId) -> SmolStr {
    format_smolstr!("saga#{id}")
}

/// What a saga is about. Implemented for all that qualify.
pub trait Payload:
    Serialize + DeserializeOwned + Clone + PartialEq + Hash + Debug + Send + Sync + 'static
{
}

impl<P: Serialize + DeserializeOwned + Clone + PartialEq + Hash + Debug + Send + Sync + 'static> Payload
    for P
{
}

/// Who leads a saga on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Style {
    /// A state machine.
    Orchestrated,
    /// The services, by each other's events.
    Choreographed,
}

impl Style {
    /// The name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Orchestrated => "orchestrated",
            Self::Choreographed => "choreographed",
        }
    }
}

/// For which saga, in which round.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SagaContext<P> {
    /// Which saga.
    pub saga: SagaId,
    /// Counts how often its doing or undoing was begun.
    pub round: u32,
    /// Who leads it on.
    pub style: Style,
    /// What it is about.
    pub payload: P,
}

/// The state of a saga.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SagaState {
    /// On its way to the pivot.
    Running,
    /// The pivot is done, steps after it are not. Only of definitions that have such steps.
    Committing,
    /// All steps are done.
    Committed,
    /// Being undone.
    Compensating,
    /// No step has an effect any more, and none will have.
    Compensated,
    /// A person is needed.
    Stuck,
    /// A person has closed it as it was.
    Resolved,
}

impl SagaState {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Running,
        Self::Committing,
        Self::Committed,
        Self::Compensating,
        Self::Compensated,
        Self::Stuck,
        Self::Resolved,
    ];

    /// The name.
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

    /// The state with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// The partition of the index `open` that holds sagas in this state; none at their end.
    #[must_use]
    pub fn open(self, shard: u8) -> Option<SmolStr> {
        match self {
            Self::Running | Self::Committing | Self::Compensating | Self::Stuck => {
                Some(format_smolstr!("{}#{shard}", self.name()))
            }
            Self::Committed | Self::Compensated | Self::Resolved => None,
        }
    }
}

impl fmt::Display for SagaState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why rows could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The table did not answer.
    #[error("the table did not answer: {0}")]
    Table(#[from] CallError),
    /// A row is not what this version writes.
    #[error(transparent)]
    Row(#[from] BadItem),
}
