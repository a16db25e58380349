//! Recovering a saga whose time is up: read its rows, then one transaction that begins a round or ends it.

use tenfold_ports::{Carrier, Clock, Context, Table};
use tracing::Instrument;

use super::commit::Steps;
use crate::context::{Payload, span};
use crate::decide::{Due, due};
use crate::error::SagaError;
use crate::event::SagaEvent;
use crate::names::SagaId;
use crate::rows::Partition;
use crate::state::SagaState;

impl<T: Table, R: Clock, P: Payload> Steps<T, R, P> {
    /// Does what is due for a saga, and answers what happened to it. None where nothing was due, or somebody
    /// else has written it meanwhile; then the next run looks again. What is done belongs to the trace of the request
    /// for the saga.
    ///
    /// # Errors
    /// The table did not answer, or a row is of another shape.
    pub async fn recover(
        &self,
        id: SagaId,
        context: &Context,
    ) -> Result<Option<(SagaEvent, SagaState)>, SagaError> {
        let Some(part) = Partition::read(&self.table, &self.definition, id).await? else { return Ok(None) };
        let context = context.of(&part.saga.data.carrier);
        self.do_due(&part, &context.carrier()).instrument(span(id, &context)).await
    }

    async fn do_due(
        &self,
        part: &Partition<P>,
        carrier: &Carrier,
    ) -> Result<Option<(SagaEvent, SagaState)>, SagaError> {
        let done = match due(&part.saga, self.runtime.now()) {
            Due::No => None,
            Due::Round(event, to) => {
                let begun = self.begin_round(&part.saga, (event, to), part.saga.tries + 1, carrier).await?;
                begun.then_some((event, to))
            }
            Due::GiveUp => {
                let ended = self.close(part, SagaEvent::GaveUp, carrier).await?;
                ended.map(|to| (SagaEvent::GaveUp, to))
            }
        };
        if let Some((event, state)) = done {
            tracing::info!(event = event.name(), %state, round = part.saga.round, "recovered");
        }
        Ok(done)
    }
}
