//! Why a step, an undo or a settling failed, and under which name: what the state machine catches and alarms
//! count.

use tenfold_pattern::ReadError;
use tenfold_ports::CallError;
use tenfold_ports::table::BadItem;

use crate::names::{Name, SagaId};
use crate::state::SagaState;

/// The service refuses the step for good. Nothing was done.
pub const STEP_REFUSED: &str = "StepRefused";
/// The saga is being undone, or over: its steps are not done any more. Nothing was done.
pub const SAGA_NOT_RUNNING: &str = "SagaNotRunning";
/// The pivot was done: the saga is not undone any more.
pub const SAGA_COMMITTED: &str = "SagaCommitted";
/// The service does not take the step back. It is stuck, which is written down.
pub const UNDO_REFUSED: &str = "UndoRefused";
/// The saga is stuck: a person is needed.
pub const SAGA_STUCK: &str = "SagaStuck";
/// The saga is not at its end, and somebody else goes on with it.
pub const SAGA_UNSETTLED: &str = "SagaUnsettled";
/// There is no saga with this id.
pub const UNKNOWN_SAGA: &str = "UnknownSaga";
/// The function is not for this step.
pub const WRONG_STEP: &str = "WrongStep";
/// The event could not be understood: as `tenfold-lambda` names it.
pub const BAD_EVENT: &str = "BadEvent";
/// The table did not answer or refused the call, or others kept writing the same rows. Trying again is safe.
pub const SERVICE_UNAVAILABLE: &str = "ServiceUnavailable";
/// A row is not what this version writes.
pub const BAD_ITEM: &str = "BadItem";

/// The error of a step that was not done or undone, or of a saga that is not compensated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SagaError {
    /// The service refuses the step.
    #[error("{step} of saga {saga} was refused: {why}")]
    StepRefused {
        /// The saga's id.
        saga: SagaId,
        /// The step's name.
        step: Name,
        /// The reason, in the service's words.
        why: String,
    },
    /// The saga does not go forward any more.
    #[error("saga {0} is not running: it is undone, or over")]
    SagaNotRunning(SagaId),
    /// The pivot was done.
    #[error("saga {0} is past its pivot and is not undone any more")]
    SagaCommitted(SagaId),
    /// The service does not take the step back.
    #[error("{step} of saga {saga} cannot be undone: {why}")]
    UndoRefused {
        /// The saga's id.
        saga: SagaId,
        /// The step's name.
        step: Name,
        /// The reason, in the service's words.
        why: String,
    },
    /// A person is needed.
    #[error("saga {saga} is {state}: some of its steps could not be undone, or not be done")]
    SagaStuck {
        /// The saga's id.
        saga: SagaId,
        /// The saga's state: stuck, or resolved since.
        state: SagaState,
    },
    /// Somebody else goes on with the saga.
    #[error("saga {saga} is {state} in round {round}: that round or the next one ends it")]
    SagaUnsettled {
        /// The saga's id.
        saga: SagaId,
        /// The saga's state.
        state: SagaState,
        /// The round that it is in.
        round: u32,
    },
    /// There is no saga with this id.
    #[error("there is no saga {0}")]
    UnknownSaga(SagaId),
    /// The function is for another step.
    #[error("{found} was asked for; this function is for {expected}")]
    WrongStep {
        /// The step of this function.
        expected: Name,
        /// The step that was asked for.
        found: Name,
    },
    /// Others kept writing the same rows.
    #[error("others kept writing the rows of saga {0}; try again")]
    Conflict(SagaId),
    /// The table did not answer or refused the call, or a row is of another shape.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl SagaError {
    /// Returns the name under which a caller sees the error: the Lambda `errorType`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::StepRefused { .. } => STEP_REFUSED,
            Self::SagaNotRunning(_) => SAGA_NOT_RUNNING,
            Self::SagaCommitted(_) => SAGA_COMMITTED,
            Self::UndoRefused { .. } => UNDO_REFUSED,
            Self::SagaStuck { .. } => SAGA_STUCK,
            Self::SagaUnsettled { .. } => SAGA_UNSETTLED,
            Self::UnknownSaga(_) => UNKNOWN_SAGA,
            Self::WrongStep { .. } => WRONG_STEP,
            // A permission that is missing may be given: what is tried again goes on then.
            Self::Conflict(_) | Self::Read(ReadError::Silent(_) | ReadError::Refused(_)) => {
                SERVICE_UNAVAILABLE
            }
            Self::Read(ReadError::Row(_)) => BAD_ITEM,
        }
    }
}

impl SagaError {
    /// Returns whether it is a fault, and no answer about the saga: nobody has refused, and it may succeed later.
    #[must_use]
    pub const fn is_fault(&self) -> bool {
        match self {
            Self::StepRefused { .. }
            | Self::SagaNotRunning(_)
            | Self::SagaCommitted(_)
            | Self::UndoRefused { .. }
            | Self::SagaStuck { .. }
            | Self::SagaUnsettled { .. } => false,
            Self::UnknownSaga(_) | Self::WrongStep { .. } | Self::Conflict(_) | Self::Read(_) => true,
        }
    }
}

impl From<CallError> for SagaError {
    fn from(error: CallError) -> Self {
        Self::Read(error.into())
    }
}

impl From<BadItem> for SagaError {
    fn from(error: BadItem) -> Self {
        Self::Read(error.into())
    }
}
