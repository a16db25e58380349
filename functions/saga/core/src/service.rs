//! A service: `saga-flight`, `saga-hotel`, `saga-car`. One handler for one step, in both styles.
//!
//! A state machine calls it with a [`StepTask`] and goes on by its error's name. A message of its queue holds
//! a log entry, and what goes on is the log: a refusal was written down, so the message is done.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use tenfold_pattern::read::{ReadError, readable};
use tenfold_ports::table::BadItem;
use tenfold_ports::{Carrier, Context, Runtime, Table};
use tracing::Instrument;

use crate::context::{Payload, SagaContext, span};
use crate::decide::StepOutcome;
use crate::definition::choreography::Direction;
use crate::definition::{Definition, Role};
use crate::error::{BAD_EVENT, SagaError};
use crate::metrics::{self, FaultOnPanic};
use crate::names::Name;
use crate::rows::LogEntry;
use crate::steps::Steps;

/// The service of one step, for both styles.
#[derive(Debug)]
pub struct StepService<T, R, P> {
    steps: Steps<T, R, P>,
    at: usize,
}

/// A task: what a state machine asks of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepTask<P> {
    /// Whether the step is to be done or to be undone.
    #[serde(rename = "action")]
    pub direction: Direction,
    /// The step's name.
    pub step: Name,
    /// The saga that the step is asked of.
    #[serde(flatten)]
    pub context: SagaContext<P>,
    /// The trace and the correlation id of the execution, as its whole input says them; tasks of before have none.
    #[serde(default)]
    pub carrier: Carrier,
}

/// The error of a service for a step that the definition does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the saga `{saga}` has no step `{step}`; it has {known}")]
pub struct NoStep {
    saga: Name,
    step: SmolStr,
    known: String,
}

/// The error of a message that has to come again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// It is no log entry of this saga. It comes again until it is in the dead-letter queue.
    #[error("no log entry of the saga `{definition}`: {why}")]
    Unreadable {
        /// The definition whose entries were expected.
        definition: Name,
        /// The reason why it is none.
        why: String,
    },
    /// It could not be acted on yet.
    #[error(transparent)]
    Saga(#[from] SagaError),
}

impl MessageError {
    /// Returns the name under which the error is logged.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => BAD_EVENT,
            Self::Saga(error) => error.name(),
        }
    }
}

impl<T: Table, R: Runtime, P: Payload> StepService<T, R, P> {
    /// Returns the service of the step `step`.
    ///
    /// # Errors
    /// The definition has no such step.
    pub fn new(table: T, runtime: R, definition: Definition<P>, step: &str) -> Result<Self, NoStep> {
        let at = definition.steps().iter().position(|s| s.name.as_str() == step).ok_or_else(|| NoStep {
            saga: definition.name().clone(),
            step: step.into(),
            known: definition.steps().iter().map(|s| s.name.to_string()).collect::<Vec<_>>().join(", "),
        })?;
        Ok(Self { steps: Steps { table, runtime, definition }, at })
    }

    /// Does what a state machine asks for.
    ///
    /// # Errors
    /// By the names that the state machine catches.
    pub async fn handle_task(&self, task: &StepTask<P>, context: &Context) -> Result<StepOutcome, SagaError> {
        let _guard = self.guard();
        if task.step != *self.name() {
            self.attempted(true);
            return Err(SagaError::WrongStep { expected: self.name().clone(), found: task.step.clone() });
        }
        let context = context.of(&task.context.carrier).of(&task.carrier);
        self.carry_out(task.direction, task.context.clone(), &context).await
    }

    /// Does what an event asks for; `body` is the log entry as JSON.
    ///
    /// # Errors
    /// The message has to come again.
    pub async fn handle_message(&self, body: &str, context: &Context) -> Result<(), MessageError> {
        let _guard = self.guard();
        let definition = &self.steps.definition;
        let entry = self.entry(body).map_err(|why| {
            let bad = BadItem { key: "a message".to_owned(), attribute: "body".to_owned(), why: why.clone() };
            readable::<()>(&self.steps.runtime, Err(bad));
            self.attempted(true);
            MessageError::Unreadable { definition: definition.name().clone(), why }
        })?;
        let Some(direction) = definition.reaction(self.at, &entry.event) else {
            // The subscription lets through more than the service acts on.
            tracing::warn!(event = %entry.event, saga = %entry.saga, "nothing to do");
            return Ok(());
        };
        let context = context.of(&entry.carrier);
        match self.carry_out(direction, entry.context(), &context).await {
            Err(error) if !self.is_final(direction, &error) => Err(error.into()),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// The log entry that a message holds, or what is wrong with it.
    fn entry(&self, body: &str) -> Result<LogEntry<P>, String> {
        let entry: LogEntry<P> = serde_json::from_str(body).map_err(|error| error.to_string())?;
        if entry.definition == *self.steps.definition.name() {
            return Ok(entry);
        }
        Err(format!("it is one of `{}`", entry.definition))
    }

    /// Says whether what kept a step from being done or undone is written down, so that the log leads on.
    fn is_final(&self, direction: Direction, error: &SagaError) -> bool {
        // After the pivot a refusal is written nowhere: it is tried again.
        let retryable = matches!(self.steps.definition.steps()[self.at].role, Role::Retryable(_));
        match (direction, error) {
            (Direction::Do, SagaError::StepRefused { .. }) => !retryable,
            (Direction::Do, SagaError::SagaNotRunning(_))
            | (Direction::Undo, SagaError::UndoRefused { .. } | SagaError::SagaCommitted(_)) => true,
            _ => false,
        }
    }

    /// The step's name, which is the service's.
    fn name(&self) -> &Name {
        &self.steps.definition.steps()[self.at].name
    }

    /// Counts an attempt, and whether it was not done though nobody refused it. Lambda's own metric counts refusals as
    /// errors, and does not know which messages of a batch come again.
    fn attempted(&self, is_fault: bool) {
        metrics::attempt(&self.steps.runtime, self.name().as_str(), is_fault);
    }

    /// Counts an attempt that panics, in a step of somebody's own.
    fn guard(&self) -> FaultOnPanic<'_, R> {
        FaultOnPanic::of(&self.steps.runtime, self.name().as_str())
    }

    async fn carry_out(
        &self,
        direction: Direction,
        saga: SagaContext<P>,
        context: &Context,
    ) -> Result<StepOutcome, SagaError> {
        let span = span(saga.saga, context);
        let round = saga.round;
        let saga = saga.carried_by(context.carrier());
        let work = async {
            let result = match direction {
                Direction::Do => self.steps.perform(self.at, &saga).await,
                Direction::Undo => self.steps.undo(self.at, &saga).await,
            };
            match &result {
                Ok(outcome) => tracing::info!(round, action = ?direction, ?outcome, "step"),
                Err(error) => {
                    tracing::warn!(round, action = ?direction, error = error.name(), why = %error, "step");
                    if let SagaError::Read(ReadError::Row(error)) = error {
                        readable::<()>(&self.steps.runtime, Err(error.clone()));
                    }
                }
            }
            self.attempted(result.as_ref().is_err_and(SagaError::is_fault));
            result
        };
        work.instrument(span).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trip::Trip;

    #[test]
    fn a_task_is_read_as_the_state_machine_makes_it() {
        let text = r#"{"action":"undo","step":"hotel","saga":"7b357e39-9cbe-534c-a136-fc65a8428e65","round":2,
            "style":"orchestrated","payload":{"traveller":"Ada","flight":"F","hotel":"H","car":"C",
            "from":"2030-01-01","to":"2030-01-02"}}"#;
        let task: StepTask<Trip> = serde_json::from_str(text).unwrap();
        assert_eq!((task.direction, task.step.as_str(), task.context.round), (Direction::Undo, "hotel", 2));
        assert_eq!(task.context.payload.to.to_string(), "2030-01-02");
        assert_eq!(task.carrier, Carrier::default(), "one of before");
        let input = r#""carrier":{"correlation":"order-17","round":2,"more":1},"payload""#;
        let task: StepTask<Trip> = serde_json::from_str(&text.replace(r#""payload""#, input)).unwrap();
        assert_eq!(task.carrier.correlation.as_deref(), Some("order-17"));
    }
}
