//! A new round: the saga's doing or undoing begins anew.

use jiff::Timestamp;
use tenfold_ports::Carrier;

use super::transaction::Transaction;
use crate::context::Payload;
use crate::definition::Definition;
use crate::event::SagaEvent;
use crate::rows::{LogEntry, SagaChange, SagaRow};
use crate::state::SagaState;

/// Returns the transaction that begins the round after the one that a saga is in, by an event, in the state
/// `to`, as the `tries`-th that nobody asked for. It is made only where nobody has written the saga since it
/// was read. The round belongs to the trace of `carrier`.
pub(crate) fn begin_round<P: Payload>(
    definition: &Definition<P>,
    saga: &SagaRow<P>,
    (event, to): (SagaEvent, SagaState),
    tries: u32,
    carrier: &Carrier,
    now: Timestamp,
) -> Transaction {
    let round = saga.round + 1;
    let change = SagaChange::to(definition, saga.id, to, now).round(round, tries);
    let entry = LogEntry::of(definition, &saga.context(round).carried_by(carrier.clone()), event, now);
    let entry = LogEntry { state: Some(to), ..entry };
    Transaction::of_saga(vec![change.when(saga.unchanged()), entry.append()])
}
