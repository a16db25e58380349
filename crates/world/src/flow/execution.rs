//! One run of a state machine.

mod advance;
mod failure;
mod fork;
mod state;
mod walk;

use std::hash::{Hash, Hasher};
use std::rc::Rc;

use jiff::Timestamp;
use serde_json::Value;
use smol_str::{SmolStr, format_smolstr};

use super::context::About;
use super::error::TaskError;
use super::history::{Book, Happening, HistoryEvent};
use super::json::SharedJson;
use super::machine::AslMachine;
use super::outcome::{ExecutionOutcome, TaskId};
use super::resource::Resource;
use walk::{TaskCall, Walk, WalkContext};

/// What an execution asks of whoever drives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExecutionStep {
    /// Call this, and [`resume`](Execution::resume) the execution with the answer. Ask for the next step
    /// at once: other branches may have calls too.
    Invoke {
        /// Which task it is.
        task: TaskId,
        /// What to call.
        resource: Resource,
        /// With what.
        input: SharedJson,
        /// From then on the task has failed with `States.Timeout`, and its answer is not heard.
        deadline: Timestamp,
    },
    /// Nothing to do before this time, unless a task is resumed earlier.
    Wait(Timestamp),
    /// The execution has ended.
    Ended(ExecutionOutcome),
}

/// One run of a state machine: data only, which whoever holds it moves on.
///
/// Two executions hash equally when they are in the same states with the same data, whatever led there, apart
/// from how many transitions and tasks it took.
#[derive(Debug, Clone)]
pub struct Execution {
    machine: AslMachine,
    about: Rc<About>,
    root: Walk,
    book: Book,
    outcome: Option<ExecutionOutcome>,
}

impl Execution {
    /// Starts an execution. Nothing happens before [`Execution::next`].
    ///
    /// Step Functions takes names of 1 to 80 characters and inputs of up to 256 KiB; who starts executions in
    /// the name of others checks that.
    #[must_use]
    pub fn start(
        machine: &AslMachine,
        name: impl Into<SmolStr>,
        input: impl Into<SharedJson>,
        now: Timestamp,
    ) -> Self {
        let (name, input) = (name.into(), input.into());
        let id = format_smolstr!("arn:aws:states:us-east-1:000000000000:execution:{}:{name}", machine.name());
        let root = Walk::new(machine.scope(), input.clone(), now);
        let about = Rc::new(About { id, name, input, started: now });
        Self { machine: machine.clone(), about, root, book: Book::default(), outcome: None }
    }

    /// The machine that it runs.
    #[must_use]
    pub const fn machine(&self) -> &AslMachine {
        &self.machine
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.about.name
    }

    /// The input that it was started with.
    #[must_use]
    pub fn input(&self) -> &SharedJson {
        &self.about.input
    }

    /// How it ended, once it has.
    #[must_use]
    pub const fn outcome(&self) -> Option<&ExecutionOutcome> {
        self.outcome.as_ref()
    }

    /// Goes on as far as it can. `chance` is uniform over 0 to 1, and asked once for each retry with full
    /// jitter.
    pub fn next(&mut self, now: Timestamp, chance: &mut impl FnMut() -> f64) -> ExecutionStep {
        if let Some(outcome) = &self.outcome {
            return ExecutionStep::Ended(outcome.clone());
        }
        let end = self.about.started + self.machine.timeout();
        if now >= end {
            return self.end(now, ExecutionOutcome::TimedOut);
        }
        let mut moment = WalkContext { now, chance, about: &self.about, book: &mut self.book };
        if let Some(TaskCall { task, resource, input, deadline }) = self.root.advance(&mut moment) {
            return ExecutionStep::Invoke { task, resource, input, deadline: deadline.min(end) };
        }
        match self.root.ended() {
            Some(Ok(output)) => {
                let output = output.clone();
                self.end(now, ExecutionOutcome::Succeeded(output))
            }
            Some(Err(error)) => {
                let error = error.clone();
                self.end(now, ExecutionOutcome::Failed(error))
            }
            None => ExecutionStep::Wait(self.root.wakes().min(end)),
        }
    }

    fn end(&mut self, now: Timestamp, outcome: ExecutionOutcome) -> ExecutionStep {
        self.book.note(now, Happening::Ended(outcome.clone()));
        self.outcome = Some(outcome.clone());
        ExecutionStep::Ended(outcome)
    }

    /// Brings a task's answer, which the next [`Execution::next`] takes up. Gives whether anybody still
    /// waited for it: a task that is past its deadline, or whose branch was ended by another's failure, is
    /// not heard.
    pub fn resume(&mut self, task: TaskId, answer: Result<Value, TaskError>, now: Timestamp) -> bool {
        self.outcome.is_none() && self.root.answer(task, answer.map(SharedJson::from), now)
    }

    /// How many state transitions there were, as AWS bills them: one for each state entered, and one for each
    /// retry ("Step Functions counts a state transition each time a step of your workflow is executed …,
    /// including retries", AWS Step Functions pricing).
    #[must_use]
    pub const fn transitions(&self) -> u32 {
        self.book.transitions
    }

    /// Gives what has happened since this was last asked. Who does not read it shall still take it now and
    /// then: there can be 25,000 events.
    pub fn take_events(&mut self) -> Vec<HistoryEvent> {
        self.book.take()
    }
}

impl Hash for Execution {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.machine.hash(state);
        self.about.hash(state);
        self.root.hash(state);
        self.book.counts().hash(state);
        self.outcome.hash(state);
    }
}
