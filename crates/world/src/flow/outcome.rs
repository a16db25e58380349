//! How an execution ends, and how its tasks are named.

use std::fmt;

use super::error::TaskError;
use super::json::{SharedJson, brief};

/// Names a task within its execution. A retry is another task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskId(u32);

impl TaskId {
    pub(super) const fn new(number: u32) -> Self {
        Self(number)
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {}", self.0)
    }
}

/// How an execution ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ExecutionOutcome {
    /// With this output.
    Succeeded(SharedJson),
    /// With this error: a Fail state, or one that nothing caught.
    Failed(TaskError),
    /// The machine's `TimeoutSeconds` were over, or a year.
    TimedOut,
}

impl fmt::Display for ExecutionOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Succeeded(output) => write!(f, "succeeded with {}", brief(output)),
            Self::Failed(error) => write!(f, "failed, {error}"),
            Self::TimedOut => f.write_str("timed out"),
        }
    }
}
