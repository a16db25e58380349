//! Recovering a saga whose time is up: read its rows, then one transaction that begins a round or ends it.

use tenfold_ports::{Clock, Table};

use super::commit::Steps;
use crate::context::Payload;
use crate::decide::{Due, due};
use crate::error::SagaError;
use crate::event::SagaEvent;
use crate::names::SagaId;
use crate::rows::Partition;
use crate::state::SagaState;

impl<T: Table, R: Clock, P: Payload> Steps<T, R, P> {
    /// Does what is due for a saga, and answers what happened to it. None where nothing was due, or somebody
    /// else has written it meanwhile; then the next run looks again.
    ///
    /// # Errors
    /// The table did not answer, or a row is of another shape.
    pub async fn recover(&self, id: SagaId) -> Result<Option<(SagaEvent, SagaState)>, SagaError> {
        let Some(part) = Partition::read(&self.table, &self.definition, id).await? else { return Ok(None) };
        match due(&part.saga, self.runtime.now()) {
            Due::No => Ok(None),
            Due::Round(event, to) => {
                let begun = self.begin_round(&part.saga, event, to, part.saga.tries + 1).await?;
                Ok(begun.then_some((event, to)))
            }
            Due::GiveUp => {
                let ended = self.close(&part, SagaEvent::GaveUp).await?;
                Ok(ended.map(|to| (SagaEvent::GaveUp, to)))
            }
        }
    }
}
