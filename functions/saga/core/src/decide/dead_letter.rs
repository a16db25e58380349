//! Dead letters: what a person has to look at.

use serde::Serialize;
use tenfold_ports::Carrier;
use tenfold_ports::stream::Record;
use tenfold_ports::table::BadItem;

use crate::context::Style;
use crate::error::{BAD_ITEM, SAGA_STUCK, UNDO_REFUSED};
use crate::event::{LogEvent, StepEvent};
use crate::names::{Name, SagaId};
use crate::rows::LogEntry;
use crate::state::SagaState;

/// A dead letter about something that a person has to look at, as the state machine writes it too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct DeadLetter {
    saga: SagaId,
    round: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<Name>,
    pub(super) error: DeadLetterError,
    #[serde(flatten)]
    carrier: Carrier,
}

/// A dead letter about a log entry that is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct UnreadableEntry {
    entry: String,
    pub(super) error: DeadLetterError,
}

/// As Step Functions names its parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DeadLetterError {
    pub(super) error: &'static str,
    cause: String,
}

/// Returns the dead letter about an entry; none where nobody needs to look at it. A step that an orchestrated
/// saga could not undo has a letter of the state machine's already.
pub(crate) fn dead_letter<P>(entry: &LogEntry<P>) -> Option<DeadLetter> {
    let step = match &entry.event {
        LogEvent::Step(step, event) => Some((step, *event == StepEvent::Stuck)),
        LogEvent::Saga(_) => None,
    };
    let step_stuck = entry.style == Style::Choreographed && step.is_some_and(|(_, stuck)| stuck);
    if !step_stuck && entry.state != Some(SagaState::Stuck) {
        return None;
    }
    let cause = entry.error.clone().unwrap_or_else(|| format!("stuck by {}", entry.event));
    let error = if step_stuck { UNDO_REFUSED } else { SAGA_STUCK };
    Some(DeadLetter {
        saga: entry.saga,
        round: entry.round,
        step: step.map(|(step, _)| step.clone()),
        error: DeadLetterError { error, cause },
        carrier: entry.carrier.clone(),
    })
}

/// Returns the dead letter about a log entry that cannot be read.
pub(crate) fn unreadable(record: &Record, error: &BadItem) -> UnreadableEntry {
    let error = DeadLetterError { error: BAD_ITEM, cause: error.to_string() };
    UnreadableEntry { entry: record.key.to_string(), error }
}
