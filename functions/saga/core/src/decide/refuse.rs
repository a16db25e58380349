//! A refusal: the service does not do the step, which turns the saga around.

use super::attempt::Attempt;
use super::ending::closing;
use super::transaction::Transaction;
use crate::context::Payload;
use crate::event::StepEvent;
use crate::mutant::{Mutant, is_in};
use crate::rows::{LogEntry, Partition, SagaChange};
use crate::state::{SagaState, StepState};

/// What is to be done about a service's refusal.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The refusal is to be written down.
    Write(Transaction),
    /// By now the step is done.
    Done,
    /// The step was refused before, in these words.
    Refused(String),
    /// The saga does not go forward any more.
    NotRunning,
}

/// Decides what is to be done about a service's refusal of a step, by the rows as they are by now. Once it is
/// written down the step is refused whatever comes late.
pub(crate) fn refuse<P: Payload>(attempt: &Attempt<'_, P>, part: &Partition<P>, why: &str) -> Refusal {
    match &part.steps[attempt.at] {
        Some(row) if row.state == StepState::Done => Refusal::Done,
        Some(row) if row.state == StepState::Refused => {
            Refusal::Refused(row.data.error.clone().unwrap_or_default())
        }
        Some(_) => Refusal::NotRunning,
        None if part.saga.state != SagaState::Running => Refusal::NotRunning,
        None => Refusal::Write(refusing(attempt, part, why)),
    }
}

fn refusing<P: Payload>(attempt: &Attempt<'_, P>, part: &Partition<P>, why: &str) -> Transaction {
    let Attempt { definition, at, context, now } = *attempt;
    let (to, mut writes) = match definition.undo_from(at) {
        Some(_) => (SagaState::Compensating, Vec::new()),
        // Nothing was done before it, so nothing is to be undone.
        None => (SagaState::Compensated, closing(definition, part, Some(at), context.round, now)),
    };
    let entry = attempt.entry(StepEvent::Failed);
    writes.push(LogEntry { state: Some(to), error: Some(why.to_owned()), ..entry }.append());
    writes.push(SagaChange::to(definition, context.saga, to, now).from(SagaState::Running));
    if !is_in(Mutant::RefusedWithoutTombstone) {
        let mut row = attempt.row(StepState::Refused);
        row.data.error = Some(why.to_owned());
        writes.push(row.write(context.saga, &attempt.step().name, None));
    }
    Transaction::of_saga(writes)
}
