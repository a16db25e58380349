//! What names invocations and executions.

use crate::flow::TaskId;

/// An invocation of an environment: the environment's place, and which of its invocations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct InvocationId {
    pub environment: u32,
    pub generation: u32,
}

/// An execution: its machine, its place there, and which execution at this place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ExecutionId {
    pub machine: usize,
    pub place: usize,
    pub number: u64,
}

/// A task of an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TaskOf {
    pub run: ExecutionId,
    pub task: TaskId,
}
