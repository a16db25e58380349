//! Settling a saga: what became of it when its state machine has nothing more to try.

use tenfold_pattern::commit::TRIES;
use tenfold_ports::{Carrier, Clock, Table};

use super::commit::Steps;
use crate::context::Payload;
use crate::decide;
use crate::error::SagaError;
use crate::event::SagaEvent;
use crate::names::SagaId;
use crate::rows::Partition;
use crate::state::SagaState;

impl<T: Table, R: Clock, P: Payload> Steps<T, R, P> {
    /// Says what became of a saga, when the state machine of `round` has nothing more to try. It is
    /// compensated where there is no error.
    ///
    /// # Errors
    /// `SagaStuck` and `SagaCommitted` say so; `SagaUnsettled`: another round goes on with it. After any
    /// other error it may be settled or not; settling it again finds out.
    pub async fn settle(&self, saga: SagaId, round: u32, carrier: &Carrier) -> Result<(), SagaError> {
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
            match self.close(&part, SagaEvent::Settled, carrier).await? {
                Some(SagaState::Compensated) => return Ok(()),
                Some(state) => return Err(SagaError::SagaStuck { saga, state }),
                // Read again: it may have been this call.
                None => {}
            }
        }
        Err(SagaError::Conflict(saga))
    }

    /// Ends the round of a saga that was read, compensating or committing: as it is, whatever is missing.
    /// None where the saga has moved on, or the answer was lost: read it again.
    pub(super) async fn close(
        &self,
        part: &Partition<P>,
        event: SagaEvent,
        carrier: &Carrier,
    ) -> Result<Option<SagaState>, SagaError> {
        let (to, transaction) = decide::close(&self.definition, part, event, carrier, self.runtime.now());
        Ok(self.commit(transaction).await?.is_committed().then_some(to))
    }
}
