//! What happened to an execution, for people: events that read well in a timeline.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use smol_str::SmolStr;

use super::error::{RUNTIME, TaskError};
use super::outcome::{ExecutionOutcome, TaskId};

/// An event of an execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEvent {
    /// When.
    pub at: Timestamp,
    /// What happened.
    pub what: Happening,
}

/// What happened to an execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// A state was entered.
    Entered {
        /// The state's name.
        state: SmolStr,
    },
    /// A state's task was handed out.
    Called {
        /// The state's name.
        state: SmolStr,
        /// Which task.
        task: TaskId,
    },
    /// A state failed.
    Failed {
        /// The state's name.
        state: SmolStr,
        /// Why.
        error: TaskError,
    },
    /// A failed state will be tried again.
    Retrying {
        /// The state's name.
        state: SmolStr,
        /// Which retry of the state it will be, from 1.
        retry: u32,
        /// In how long.
        after: SignedDuration,
    },
    /// A failed state's error was caught.
    Caught {
        /// The state's name.
        state: SmolStr,
        /// The error's name.
        error: SmolStr,
        /// The state that comes next.
        next: SmolStr,
    },
    /// The execution ended.
    Ended(ExecutionOutcome),
}

impl fmt::Display for HistoryEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.what.fmt(f)
    }
}

impl fmt::Display for Happening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entered { state } => write!(f, "{state}: entered"),
            Self::Called { state, task } => write!(f, "{state}: calls, as {task}"),
            Self::Failed { state, error } => write!(f, "{state}: failed, {error}"),
            Self::Retrying { state, retry, after } => {
                write!(f, "{state}: retry {retry} in {:.1} s", after.as_secs_f64())
            }
            Self::Caught { state, error, next } => write!(f, "{state}: {error} caught by {next}"),
            Self::Ended(outcome) => outcome.fmt(f),
        }
    }
}

/// An execution ends with `States.Runtime` when its history holds so many events (developer guide, "Step
/// Functions service quotas"). Those counted here are fewer than those of Step Functions, which has two to
/// five for each state entered.
pub(super) const MAX_EVENTS: u32 = 25_000;

/// What an execution has counted and noted so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Book {
    pub transitions: u32,
    tasks: u32,
    noted: u32,
    events: Vec<HistoryEvent>,
}

impl Book {
    pub fn note(&mut self, at: Timestamp, what: Happening) {
        self.noted += 1;
        self.events.push(HistoryEvent { at, what });
    }

    /// Counts a state entered, or a retry.
    ///
    /// # Errors
    /// `States.Runtime`: the history is full.
    pub fn transition(&mut self) -> Result<(), TaskError> {
        self.transitions += 1;
        if self.noted >= MAX_EVENTS {
            return Err(TaskError::new(
                RUNTIME,
                "The execution reached the maximum number of history events (25000).",
            ));
        }
        Ok(())
    }

    pub const fn next_task(&mut self) -> TaskId {
        self.tasks += 1;
        TaskId::new(self.tasks)
    }

    /// Gives the events noted since they were last taken.
    pub fn take(&mut self) -> Vec<HistoryEvent> {
        std::mem::take(&mut self.events)
    }

    /// What of it makes one execution differ from another: not the events, which are only for reading.
    pub const fn counts(&self) -> (u32, u32) {
        (self.transitions, self.tasks)
    }
}
