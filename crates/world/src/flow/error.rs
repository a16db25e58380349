//! The names of errors, and what is known of one.
//!
//! States report errors by name (Amazon States Language, "Errors"). Names that begin with `States.` are Step
//! Functions' own; a Lambda function's error has the `errorType` that the function gave it.

use std::fmt;

use smol_str::SmolStr;

/// A wildcard for all errors but [`RUNTIME`] and [`DATA_LIMIT_EXCEEDED`]. It must stand alone and last
/// (States Language, "Retrying after error"; what it does not match: developer guide, "Handling errors").
pub const ALL: &str = "States.ALL";

/// A wildcard for all that [`ALL`] matches, but not [`TIMEOUT`] (developer guide, "Handling errors").
pub const TASK_FAILED: &str = "States.TaskFailed";

/// A task took longer than its `TimeoutSeconds`, or an execution longer than its machine's.
pub const TIMEOUT: &str = "States.Timeout";

/// The execution cannot go on: a path that finds nothing in `InputPath`, `Parameters`, `ResultSelector`,
/// `OutputPath` or a Choice, or too long a history. It is never retried nor caught (developer guide,
/// "Handling errors").
///
/// The States Language names `States.ParameterPathFailure` for a path in `Parameters`; Step Functions fails
/// with this one, "The JSONPath '…' specified for the field '…' could not be found in the input".
pub const RUNTIME: &str = "States.Runtime";

/// An input or output was larger than 256 KiB. No wildcard matches it (developer guide, "Handling errors").
pub const DATA_LIMIT_EXCEEDED: &str = "States.DataLimitExceeded";

/// The `ResultPath` leads through something that is no object (States Language, "Runtime Errors").
pub const RESULT_PATH_MATCH_FAILURE: &str = "States.ResultPathMatchFailure";

/// No rule of a Choice matched, and it has no `Default` (States Language, "Choice State").
pub const NO_CHOICE_MATCHED: &str = "States.NoChoiceMatched";

/// An intrinsic function was given what it cannot take (States Language, "Payload Template").
pub const INTRINSIC_FAILURE: &str = "States.IntrinsicFailure";

/// All names that begin with `States.` and that `ErrorEquals` may name (developer guide, "Handling errors").
pub(super) const RESERVED: &[&str] = &[
    ALL,
    TASK_FAILED,
    TIMEOUT,
    RUNTIME,
    DATA_LIMIT_EXCEEDED,
    RESULT_PATH_MATCH_FAILURE,
    NO_CHOICE_MATCHED,
    INTRINSIC_FAILURE,
    "States.BranchFailed",
    "States.ExceedToleratedFailureThreshold",
    "States.HeartbeatTimeout",
    "States.Http.Socket",
    "States.ItemReaderFailed",
    "States.ParameterPathFailure",
    "States.Permissions",
    "States.QueryEvaluationError",
    "States.ResultWriterFailed",
];

/// What a failed Lambda task is called where the function itself gave no `errorType` (developer guide,
/// "Handle transient Lambda service exceptions", and its note on `Lambda.Unknown`).
pub mod lambda {
    /// The Lambda service failed with a 500; the function may have run.
    pub const SERVICE: &str = "Lambda.ServiceException";
    /// The Lambda service failed otherwise; the function may have run.
    pub const AWS_LAMBDA: &str = "Lambda.AWSLambdaException";
    /// Step Functions could not reach Lambda, or lost its answer; the function may have run.
    pub const SDK_CLIENT: &str = "Lambda.SdkClientException";
    /// Lambda refused for load; the function did not run.
    pub const TOO_MANY_REQUESTS: &str = "Lambda.TooManyRequestsException";
    /// The function ended without an answer: it crashed or ran out of memory. It may have had its effects.
    pub const UNKNOWN: &str = "Lambda.Unknown";
    /// The function exceeded its own time-out, as newer runtimes say it; older ones say [`UNKNOWN`].
    pub const TIMED_OUT: &str = "Sandbox.Timedout";
}

/// Why a task, a state or an execution failed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TaskError {
    /// The error's name, which `ErrorEquals` is compared with.
    pub error: SmolStr,
    /// More about it. Of a function: its error as JSON, with `errorMessage` and `errorType`. May be empty.
    pub cause: SmolStr,
}

impl TaskError {
    /// An error of this name.
    #[must_use]
    pub fn new(error: impl Into<SmolStr>, cause: impl Into<SmolStr>) -> Self {
        Self { error: error.into(), cause: cause.into() }
    }

    pub(super) fn runtime(cause: impl Into<SmolStr>) -> Self {
        Self::new(RUNTIME, cause)
    }
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.error.as_str(), self.cause.as_str()) {
            ("", "") => f.write_str("an error without a name"),
            (error, "") => f.write_str(error),
            (error, cause) => write!(f, "{error}: {cause:.200}"),
        }
    }
}
