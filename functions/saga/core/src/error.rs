//! The names under which functions fail: what the state machine catches and alarms count.

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
