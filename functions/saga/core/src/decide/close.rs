//! Closing a round: the saga ends as it is, because nothing is left to be tried.

use jiff::Timestamp;
use tenfold_ports::Carrier;

use super::ending::{closing, ending};
use super::transaction::Transaction;
use crate::context::Payload;
use crate::definition::Definition;
use crate::event::SagaEvent;
use crate::rows::{LogEntry, Partition, SagaChange};
use crate::state::SagaState;

/// Returns the state in which the round of a compensating or committing saga ends, and the transaction that
/// ends it: as the saga is, whatever is missing.
pub(crate) fn close<P: Payload>(
    definition: &Definition<P>,
    part: &Partition<P>,
    event: SagaEvent,
    carrier: &Carrier,
    now: Timestamp,
) -> (SagaState, Transaction) {
    let saga = &part.saga;
    let (to, mut writes) = if saga.state == SagaState::Committing {
        (SagaState::Stuck, Vec::new())
    } else {
        let to = ending(definition, part, None).unwrap_or(SagaState::Stuck);
        (to, closing(definition, part, None, saga.round, now))
    };
    let entry = LogEntry::of(definition, &saga.context(saga.round).carried_by(carrier.clone()), event, now);
    writes.push(SagaChange::to(definition, saga.id, to, now).when(saga.unchanged()));
    writes.push(LogEntry { state: Some(to), ..entry }.append());
    (to, Transaction::of_saga(writes))
}
