//! What people ask for: read the saga's row, then one transaction of it and the log.

use smol_str::SmolStr;
use tenfold_pattern::commit::TRIES;
use tenfold_ports::table::{Condition, Item, Read};
use tenfold_ports::{Carrier, Clock, Table};

use super::commit::Steps;
use crate::context::Payload;
use crate::decide::{self, Operation, OperatorResult, Transaction};
use crate::error::SagaError;
use crate::event::SagaEvent;
use crate::mutant::{Mutant, is_in};
use crate::names::SagaId;
use crate::rows::{SagaChange, SagaRow, saga_key};
use crate::state::SagaState;

impl<T: Table, R: Clock, P: Payload> Steps<T, R, P> {
    /// Turns a running saga around, because somebody asks for it, by a request in the trace of `carrier`. What is turned around already, or over
    /// without its pivot, stays as it is.
    ///
    /// # Errors
    /// There is no such saga, or the table did not answer; then it may be cancelled or not.
    pub async fn cancel(&self, id: SagaId, carrier: &Carrier) -> Result<OperatorResult, SagaError> {
        for _ in 0..TRIES {
            let Some(saga) = self.find(id).await? else { return self.cancel_nothing(id).await };
            if let Some(result) = self.operate(&saga, decide::cancel(&saga), carrier).await? {
                return Ok(result);
            }
        }
        Err(SagaError::Conflict(id))
    }

    /// Begins another round for a stuck saga: of undoing, or after the pivot of doing.
    ///
    /// # Errors
    /// There is no such saga, or the table did not answer; then it may go on or not.
    pub async fn retry(&self, id: SagaId, carrier: &Carrier) -> Result<OperatorResult, SagaError> {
        let mut tried = None;
        for _ in 0..TRIES {
            let saga = self.find(id).await?.ok_or(SagaError::UnknownSaga(id))?;
            if let Some(result) = self.operate(&saga, decide::retry(&saga, tried), carrier).await? {
                return Ok(result);
            }
            tried = Some(saga.round + 1);
        }
        Err(SagaError::Conflict(id))
    }

    /// Closes a stuck saga as it is, because a person says so.
    ///
    /// # Errors
    /// There is no such saga, or the table did not answer; then it may be closed or not.
    pub async fn resolve(
        &self,
        id: SagaId,
        reason: &SmolStr,
        carrier: &Carrier,
    ) -> Result<OperatorResult, SagaError> {
        for _ in 0..TRIES {
            let saga = self.find(id).await?.ok_or(SagaError::UnknownSaga(id))?;
            let operation = decide::resolve(&self.definition, &saga, reason, carrier, self.runtime.now());
            if let Some(result) = self.operate(&saga, operation, carrier).await? {
                return Ok(result);
            }
        }
        Err(SagaError::Conflict(id))
    }

    /// Does what was decided. None where somebody has written the saga since it was read, or the answer was
    /// lost.
    async fn operate(
        &self,
        saga: &SagaRow<P>,
        operation: Operation,
        carrier: &Carrier,
    ) -> Result<Option<OperatorResult>, SagaError> {
        let (to, committed) = match operation {
            Operation::Answer(result) => return Ok(Some(result)),
            Operation::Round(event, to) => (to, self.begin_round(saga, (event, to), 0, carrier).await?),
            Operation::Close(transaction) => {
                (SagaState::Resolved, self.commit(transaction).await?.is_committed())
            }
        };
        Ok(committed.then_some(OperatorResult::Accepted(to)))
    }

    /// Begins a round. False where somebody has written the saga since it was read, or the answer was lost.
    pub(super) async fn begin_round(
        &self,
        saga: &SagaRow<P>,
        begin: (SagaEvent, SagaState),
        tries: u32,
        carrier: &Carrier,
    ) -> Result<bool, SagaError> {
        let now = self.runtime.now();
        let round = decide::begin_round(&self.definition, saga, begin, tries, carrier, now);
        Ok(self.commit(round).await?.is_committed())
    }

    /// Answers the cancel of a saga that does not exist.
    async fn cancel_nothing(&self, id: SagaId) -> Result<OperatorResult, SagaError> {
        if is_in(Mutant::CancelMakesRow) {
            let to = SagaChange::to(&self.definition, id, SagaState::Compensating, self.runtime.now());
            let ghost = to.round(1, 0).when(Condition::Always);
            self.commit(Transaction::of_saga(vec![ghost])).await?;
            return Ok(OperatorResult::Accepted(SagaState::Compensating));
        }
        Err(SagaError::UnknownSaga(id))
    }

    async fn find(&self, id: SagaId) -> Result<Option<SagaRow<P>>, SagaError> {
        let item: Option<Item> = self.table.get(&saga_key(id), Read::Consistent).await?;
        Ok(item.as_ref().map(SagaRow::read).transpose()?)
    }
}
