//! The end of a saga's undoing: what became of it, and that nothing can come after.

use tenfold_ports::table::Write;
use tenfold_ports::{Clock, Table};

use super::{Steps, TRIES, Transaction, TransactionResult};
use crate::context::Payload;
use crate::error::SagaError;
use crate::event::SagaEvent;
use crate::mutant::{Mutant, is_in};
use crate::names::SagaId;
use crate::rows::{LogEntry, Partition, SagaChange, StepData, StepRow};
use crate::state::{SagaState, StepState};

impl<T: Table, H: Clock, P: Payload> Steps<T, H, P> {
    /// What becomes of a saga with `changed`, a step and its new state; none while a step still has an effect
    /// that nobody has tried to undo.
    pub(super) fn ending(
        &self,
        part: &Partition<P>,
        changed: Option<(usize, StepState)>,
    ) -> Option<SagaState> {
        let state =
            |at| changed.filter(|(changed, _)| *changed == at).map_or(part.state(at), |(_, to)| Some(to));
        let states = || (0..=self.definition.pivot()).map(state);
        let left = states().any(|s| s == Some(StepState::Done)) && !is_in(Mutant::EndWithoutLook);
        let stuck = states().any(|s| s == Some(StepState::Stuck)) && !is_in(Mutant::StuckCalledCompensated);
        if left {
            return None;
        }
        Some(if stuck { SagaState::Stuck } else { SagaState::Compensated })
    }

    /// What goes with an end: tombstones for the steps (but `except`) that have no row, so that none can come
    /// late, and that the others are as they were read.
    pub(super) fn closing(&self, part: &Partition<P>, except: Option<usize>, round: u32) -> Vec<Write> {
        let now = self.host.now();
        let mut writes = Vec::new();
        for (at, step) in self.definition.steps().iter().enumerate().take(self.definition.pivot() + 1) {
            match &part.steps[at] {
                _ if Some(at) == except => {}
                None if is_in(Mutant::NoTombstone) => {}
                None => {
                    let data = StepData { round, at: now, item: None, error: None };
                    let row = StepRow { state: StepState::Undone, data };
                    writes.push(row.write(part.saga.id, &step.name, None));
                }
                Some(row) if row.state.is_final() => {}
                Some(row) => writes.push(row.check(part.saga.id, &step.name)),
            }
        }
        writes
    }

    /// Says what became of a saga, when the state machine of `round` has nothing more to try.
    ///
    /// # Errors
    /// `SagaStuck` and `SagaCommitted` say so; `SagaUnsettled`: another round goes on with it. After any other
    /// error it may be settled or not; settling it again finds out.
    pub async fn settle(&self, saga: SagaId, round: u32) -> Result<(), SagaError> {
        for _ in 0..TRIES {
            let part = self.read(saga).await?;
            let state = part.saga.state;
            match state {
                SagaState::Compensated => return Ok(()),
                SagaState::Committed => return Err(SagaError::SagaCommitted(saga)),
                SagaState::Stuck | SagaState::Resolved => return Err(SagaError::SagaStuck { saga, state }),
                SagaState::Compensating | SagaState::Committing if part.saga.round == round => {}
                _ => return Err(SagaError::SagaUnsettled { saga, state, round: part.saga.round }),
            }
            match self.close(&part, SagaEvent::Settled).await? {
                Some(SagaState::Compensated) => return Ok(()),
                Some(state) => return Err(SagaError::SagaStuck { saga, state }),
                // Read again: it may have been this call.
                None => {}
            }
        }
        Err(SagaError::Conflict(saga))
    }

    /// Ends the round of a saga that was read, compensating or committing: as it is, whatever is missing. None
    /// where the saga has moved on, or the answer was lost: read it again.
    ///
    /// # Errors
    /// The table did not answer.
    pub async fn close(&self, part: &Partition<P>, event: SagaEvent) -> Result<Option<SagaState>, SagaError> {
        let saga = &part.saga;
        let (to, mut writes) = if saga.state == SagaState::Committing {
            (SagaState::Stuck, Vec::new())
        } else {
            (self.ending(part, None).unwrap_or(SagaState::Stuck), self.closing(part, None, saga.round))
        };
        let context = saga.context(saga.round);
        writes.push(SagaChange::to(&self.definition, saga.id, to, self.host.now()).when(saga.unchanged()));
        writes.push(LogEntry { state: Some(to), ..self.entry(&context, event) }.append());
        let result = self.commit(Transaction { saga: writes, service: Vec::new() }).await?;
        Ok(matches!(result, TransactionResult::Committed).then_some(to))
    }
}
