//! What a person asks for: to cancel, to retry or to resolve a saga.

use jiff::Timestamp;
use smol_str::SmolStr;
use tenfold_ports::Carrier;

use super::outcome::OperatorResult;
use super::transaction::Transaction;
use crate::context::Payload;
use crate::definition::Definition;
use crate::event::SagaEvent;
use crate::mutant::{Mutant, is_in};
use crate::rows::{LogEntry, ROUND_MOST, SagaChange, SagaRow};
use crate::state::SagaState;

/// What is to be done about what a person asks for.
#[derive(Debug)]
pub(crate) enum Operation {
    /// Nothing is to be done, and this is what came of it.
    Answer(OperatorResult),
    /// A round is to begin, by this event and in this state.
    Round(SagaEvent, SagaState),
    /// The saga is to be closed.
    Close(Transaction),
}

/// Decides what a cancel does. What is turned around already, or over without its pivot, stays as it is.
pub(crate) fn cancel<P: Payload>(saga: &SagaRow<P>) -> Operation {
    if is_past_pivot(saga) {
        return Operation::Answer(OperatorResult::PastPivot);
    }
    match saga.state {
        // The last two are past the pivot, which was asked for above.
        SagaState::Running | SagaState::Committing | SagaState::Committed => {
            Operation::Round(SagaEvent::Cancelled, SagaState::Compensating)
        }
        state => Operation::Answer(OperatorResult::Accepted(state)),
    }
}

/// Decides what a retry does: it begins another round of a stuck saga, of undoing or after the pivot of
/// doing. `tried` is the round that this very call has tried to begin.
pub(crate) fn retry<P: Payload>(saga: &SagaRow<P>, tried: Option<u32>) -> Operation {
    match saga.state {
        SagaState::Stuck if saga.round >= ROUND_MOST => Operation::Answer(OperatorResult::TooManyRounds),
        SagaState::Stuck if saga.pivoted => Operation::Round(SagaEvent::Resumed, SagaState::Committing),
        SagaState::Stuck => Operation::Round(SagaEvent::Retried, SagaState::Compensating),
        // The answer to this call was lost, or somebody else has asked for the same.
        state if tried == Some(saga.round) => Operation::Answer(OperatorResult::Accepted(state)),
        state => Operation::Answer(OperatorResult::WrongState(state)),
    }
}

/// Decides what a resolution does: it closes a stuck saga as it is, because a person says so.
pub(crate) fn resolve<P: Payload>(
    definition: &Definition<P>,
    saga: &SagaRow<P>,
    reason: &SmolStr,
    carrier: &Carrier,
    now: Timestamp,
) -> Operation {
    match saga.state {
        SagaState::Stuck => Operation::Close(resolving(definition, saga, reason, carrier, now)),
        SagaState::Resolved if saga.resolution.as_ref() == Some(reason) => {
            Operation::Answer(OperatorResult::Accepted(SagaState::Resolved))
        }
        state => Operation::Answer(OperatorResult::WrongState(state)),
    }
}

fn resolving<P: Payload>(
    definition: &Definition<P>,
    saga: &SagaRow<P>,
    reason: &SmolStr,
    carrier: &Carrier,
    now: Timestamp,
) -> Transaction {
    let change = SagaChange::to(definition, saga.id, SagaState::Resolved, now).resolution(reason.clone());
    let entry = {
        let context = saga.context(saga.round).carried_by(carrier.clone());
        LogEntry::of(definition, &context, SagaEvent::Resolved, now)
    };
    let entry = LogEntry { state: Some(SagaState::Resolved), error: Some(reason.to_string()), ..entry };
    Transaction::of_saga(vec![change.when(saga.unchanged()), entry.append()])
}

fn is_past_pivot<P: Payload>(saga: &SagaRow<P>) -> bool {
    saga.pivoted && !(saga.state == SagaState::Committed && is_in(Mutant::CancelledAfterPivot))
}
