//! Undoing a step: what of it was done, and the transaction that takes it back.

use tenfold_ports::table::{Condition, Item, Write};

use super::attempt::Attempt;
use super::ending::{closing, ending};
use super::outcome::StepOutcome;
use super::transaction::Transaction;
use crate::context::Payload;
use crate::definition::Role;
use crate::error::SagaError;
use crate::event::{LogEvent, StepEvent};
use crate::mutant::{Mutant, is_in};
use crate::rows::{LogEntry, Partition, SagaChange, SagaRow, StepRow};
use crate::state::{SagaState, StepState};

/// Says what is answered without a write; none where there is something to undo.
///
/// # Errors
/// `UndoRefused`: the step was found to be stuck in this round. `SagaCommitted`: nothing is undone any more.
pub(crate) fn found_undone<P: Payload>(
    attempt: &Attempt<'_, P>,
    part: &Partition<P>,
) -> Result<Option<StepOutcome>, SagaError> {
    let (step, context) = (attempt.step(), attempt.context);
    let stuck = LogEvent::of(&step.name, StepEvent::Stuck);
    let entry = part.log.iter().find(|entry| entry.round == context.round && entry.event == stuck);
    if let Some(entry) = entry {
        return Err(undo_refused(attempt, entry.error.clone().unwrap_or_default()));
    }
    match part.saga.state {
        _ if part.saga.pivoted => return Err(SagaError::SagaCommitted(context.saga)),
        SagaState::Running | SagaState::Compensating => {}
        // It is over; what comes late changes nothing.
        _ => {
            let gone = part.state(attempt.at).is_none_or(StepState::is_final);
            return Ok(Some(if gone { StepOutcome::AlreadyUndone } else { StepOutcome::LeftAsItIs }));
        }
    }
    let undone = part.logged(context.round, &LogEvent::of(&step.name, StepEvent::Undone));
    Ok(undone.then_some(StepOutcome::AlreadyUndone))
}

/// Returns the transaction that undoes a step, with what the service writes to take its effect back.
pub(crate) fn undo<P: Payload>(attempt: &Attempt<'_, P>, part: &Partition<P>) -> Transaction {
    let saga = undoing(attempt, part, StepState::Undone, None);
    Transaction { saga, service: taking_back(attempt, part) }
}

/// Returns the transaction that says that a step is stuck, since its service does not take it back, and why
/// that is, from the write (by its place) whose condition did not hold, and its item as it is.
pub(crate) fn undo_stuck<P: Payload>(
    attempt: &Attempt<'_, P>,
    part: &Partition<P>,
    at: usize,
    current: Option<&Item>,
) -> (Transaction, String) {
    let work = attempt.work(&part.saga.data.payload);
    let why = match &attempt.step().role {
        Role::Compensable(undo) => undo.undo_refusal(&work, at, current),
        Role::Pivot(_) | Role::Retryable(_) => String::new(),
    };
    let saga = undoing(attempt, part, StepState::Stuck, Some(why.clone()));
    (Transaction::of_saga(saga), why)
}

/// Returns the mistake that [`undo_stuck`] is there for: the step is called undone, though its service
/// refuses.
pub(crate) fn undo_skipped<P: Payload>(attempt: &Attempt<'_, P>, part: &Partition<P>) -> Transaction {
    Transaction::of_saga(undoing(attempt, part, StepState::Undone, None))
}

/// Returns the error that says that the service does not take a step back.
pub(crate) fn undo_refused<P: Payload>(attempt: &Attempt<'_, P>, why: String) -> SagaError {
    SagaError::UndoRefused { saga: attempt.context.saga, step: attempt.step().name.clone(), why }
}

/// What the service writes to take the step's effect back.
fn taking_back<P: Payload>(attempt: &Attempt<'_, P>, part: &Partition<P>) -> Vec<Write> {
    let Role::Compensable(undo) = &attempt.step().role else { return Vec::new() };
    match part.state(attempt.at) {
        Some(StepState::Done | StepState::Stuck) => undo.undo_writes(&attempt.work(&part.saga.data.payload)),
        _ if is_in(Mutant::UndoWithoutCondition) => undo.undo_writes(&attempt.work(&part.saga.data.payload)),
        // It never arrived, or is undone already.
        _ => Vec::new(),
    }
}

/// The writes on the saga's rows that take a step to `state`.
fn undoing<P: Payload>(
    attempt: &Attempt<'_, P>,
    part: &Partition<P>,
    state: StepState,
    error: Option<String>,
) -> Vec<Write> {
    let Attempt { definition, at, context, now } = *attempt;
    let before = part.steps[at].as_ref();
    let item = before.and_then(|row| row.data.item.clone());
    // A chain of an earlier round that is late undoes what there is to undo, but says nothing of the end: the
    // chain of this round may be about to undo what was stuck.
    let last = definition.undo_next(at).is_none() && context.round == part.saga.round;
    let end = if last { ending(definition, part, Some((at, state))) } else { None };

    let mut writes =
        if end.is_some() { closing(definition, part, Some(at), context.round, now) } else { Vec::new() };
    if leaves_row(before) {
        let mut row = attempt.row(state);
        (row.data.item, row.data.error) = (item.clone(), error.clone());
        writes.push(row.write(context.saga, &attempt.step().name, before.map(|row| row.state)));
    }
    let to = end.or((part.saga.state == SagaState::Running).then_some(SagaState::Compensating));
    writes.push(match to {
        Some(to) => SagaChange::to(definition, context.saga, to, now).when(as_read(&part.saga)),
        None => part.saga.check(),
    });
    let event = if state == StepState::Stuck { StepEvent::Stuck } else { StepEvent::Undone };
    writes.push(LogEntry { state: to, item, error, ..attempt.entry(event) }.append());
    writes
}

/// Says whether an undo writes the step's row. A tombstone stays as it is.
fn leaves_row(before: Option<&StepRow>) -> bool {
    match before {
        Some(row) => !row.state.is_final(),
        None => !is_in(Mutant::NoTombstone),
    }
}

/// The condition under which an undo changes the saga. Not only in the state that was read: another round may
/// have come into it meanwhile.
fn as_read<P: Payload>(saga: &SagaRow<P>) -> Condition {
    if is_in(Mutant::EndOfAnyRound) { saga.in_its_state() } else { saga.unchanged() }
}
