//! What came of what was asked for: of a step, by a state machine or a message, and of a saga, by a person.

use serde::Serialize;

use crate::state::SagaState;

/// What came of performing or undoing a step. As JSON it is what a service answers a state machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase", tag = "outcome")]
pub enum StepOutcome {
    /// The step has its effect, by this call.
    Done,
    /// The step had its effect before.
    AlreadyDone,
    /// The step has no effect any more, by this call.
    Undone,
    /// The step had no effect before.
    AlreadyUndone,
    /// The step has its effect: the saga is stuck or was resolved, and only a person changes that.
    LeftAsItIs,
}

/// What came of what an operator asked for: to cancel, to retry or to resolve a saga.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperatorResult {
    /// It is so, by this call or before; the state now.
    Accepted(SagaState),
    /// The state that the saga is in does not allow it.
    WrongState(SagaState),
    /// The pivot was done: there is no way back.
    PastPivot,
    /// There were too many rounds, whoever began them.
    TooManyRounds,
}
