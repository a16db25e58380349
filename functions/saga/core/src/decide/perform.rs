//! Performing a step: the transaction that does it, and what it means when that is cancelled.

use tenfold_ports::table::{BadItem, Cancelled, Write};

use super::attempt::Attempt;
use super::transaction::Transaction;
use crate::context::{Payload, Style};
use crate::definition::Role;
use crate::event::StepEvent;
use crate::rows::{self, LogEntry, SagaChange, SagaRow, StepRow};
use crate::state::{SagaState, StepState};

/// Where in the transaction the step's row is.
const STEP: usize = 0;
/// Where in the transaction the saga's row is, if it is part of it.
const SAGA: usize = 2;

/// Why a step was not done by its transaction.
#[derive(Debug)]
pub(crate) enum NotPerformed {
    /// It was done before.
    Done,
    /// It was refused before, in these words.
    Refused(String),
    /// The saga does not go forward.
    NotRunning,
    /// There is no such saga.
    Unknown,
    /// It is not clear; a repetition finds out.
    Unclear,
}

/// Returns the transaction that does a step: the step's row, the log, for some steps the saga's row, and what
/// the service writes.
pub(crate) fn perform<P: Payload>(attempt: &Attempt<'_, P>) -> Transaction {
    let (step, context) = (attempt.step(), attempt.context);
    let item = step.action().item(&context.payload);
    let mut row = attempt.row(StepState::Done);
    row.data.item = Some(item.clone());
    let (state, saga) = asked_of_saga(attempt);
    let log = LogEntry { state, item: Some(item), ..attempt.entry(StepEvent::Done) };
    let mut writes = vec![row.write(context.saga, &step.name, None), log.append()];
    writes.extend(saga);
    Transaction { saga: writes, service: step.action().writes(&attempt.work(&context.payload)) }
}

/// What a step asks of the saga's row, and the state that it takes the saga to.
fn asked_of_saga<P: Payload>(attempt: &Attempt<'_, P>) -> (Option<SagaState>, Option<Write>) {
    let Attempt { definition, at, context, now } = *attempt;
    match attempt.step().role {
        // A new round enters at the first step, and must not begin to do what is to be undone. The steps
        // after it need no check: they are asked for once the first was done, their tombstones refuse them,
        // and the pivot asks for the saga itself.
        Role::Compensable(_) if at == 0 => (None, Some(rows::check(context.saga, SagaState::Running))),
        Role::Compensable(_) => (None, None),
        Role::Pivot(_) => {
            let (to, write) = rows::pivot_change(definition, context.saga, now);
            (Some(to), Some(write))
        }
        Role::Retryable(_) if at + 1 == definition.steps().len() => {
            let change = SagaChange::to(definition, context.saga, SagaState::Committed, now);
            (Some(SagaState::Committed), Some(change.from(SagaState::Committing)))
        }
        Role::Retryable(_) => (None, Some(rows::check(context.saga, SagaState::Committing))),
    }
}

/// Says what kept a step from being done, by the rows whose conditions did not hold. The step's row comes
/// first: a step that is done is done, whatever has become of the saga since; unless the saga is being
/// undone, when nothing goes forward any more.
///
/// # Errors
/// One of the rows is of another shape.
pub(crate) fn not_performed(reasons: &[Cancelled]) -> Result<NotPerformed, BadItem> {
    let row = match reasons.get(STEP) {
        Some(Cancelled::Condition(Some(item))) => Some(StepRow::read(item)?),
        _ => None,
    };
    let state = match reasons.get(SAGA) {
        Some(Cancelled::Condition(Some(item))) => SagaRow::<()>::state_of(item)?,
        Some(Cancelled::Condition(None)) => return Ok(NotPerformed::Unknown),
        _ => None,
    };
    let forward =
        matches!(state, None | Some(SagaState::Running | SagaState::Committing | SagaState::Committed));
    Ok(match row {
        Some(row) if row.state == StepState::Refused => {
            NotPerformed::Refused(row.data.error.unwrap_or_default())
        }
        Some(row) if row.state == StepState::Done && forward => NotPerformed::Done,
        None if forward => NotPerformed::Unclear,
        Some(_) | None => NotPerformed::NotRunning,
    })
}

/// Returns the log entry that a step needs which was done in an earlier round; none where it needs none. In a
/// later round of a choreography the next service waits for its event.
pub(crate) fn performed_again<P: Payload>(attempt: &Attempt<'_, P>) -> Option<LogEntry<P>> {
    let retryable = matches!(attempt.step().role, Role::Retryable(_));
    let later = attempt.context.round > 0 && attempt.context.style == Style::Choreographed;
    (retryable && later).then(|| attempt.entry(StepEvent::Done))
}
