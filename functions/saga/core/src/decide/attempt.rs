//! An attempt to do or undo a step: what every decision on it goes by.

use jiff::Timestamp;

use crate::context::{Payload, SagaContext};
use crate::definition::{Definition, Step, Work};
use crate::event::{LogEvent, StepEvent};
use crate::rows::{LogEntry, StepData, StepRow};
use crate::state::StepState;

/// An attempt to do or undo the step at `at`, of the saga of a context, at a time.
#[derive(Debug)]
pub(crate) struct Attempt<'a, P> {
    pub(crate) definition: &'a Definition<P>,
    pub(crate) at: usize,
    pub(crate) context: &'a SagaContext<P>,
    pub(crate) now: Timestamp,
}

impl<'a, P: Payload> Attempt<'a, P> {
    /// Returns the step.
    pub(crate) fn step(&self) -> &'a Step<P> {
        &self.definition.steps()[self.at]
    }

    /// Returns what the step works on.
    pub(crate) fn work<'w>(&'w self, payload: &'w P) -> Work<'w, P> {
        Work { saga: self.context.saga, step: &self.step().name, payload, now: self.now }
    }

    /// Returns the log entry that says that this happens to the step.
    pub(crate) fn entry(&self, event: StepEvent) -> LogEntry<P> {
        let event = LogEvent::of(&self.step().name, event);
        LogEntry::of(self.definition, self.context, event, self.now)
    }

    /// Returns the step's row in a state, as of this attempt.
    pub(crate) fn row(&self, state: StepState) -> StepRow {
        let data = StepData { round: self.context.round, at: self.now, item: None, error: None };
        StepRow { state, data }
    }
}
