//! Undoing a step: read all rows of the saga, then one transaction on condition of what was read.

use tenfold_pattern::commit::TRIES;
use tenfold_ports::{Clock, Table};

use super::commit::{Steps, TransactionResult, Unclear};
use crate::context::{Payload, SagaContext};
use crate::decide::{self, Attempt, StepOutcome};
use crate::error::SagaError;
use crate::mutant::{Mutant, is_in};
use crate::rows::Partition;
use crate::state::StepState;

impl<T: Table, R: Clock, P: Payload> Steps<T, R, P> {
    /// Undoes the step at `at`, which may never have been done, and keeps it from being done from now on. A
    /// saga that was running is compensating by it; with the last step to be undone it ends.
    ///
    /// # Errors
    /// `SagaCommitted`: nothing is undone any more. `UndoRefused`: the step is stuck. After any other error
    /// the step may be undone or not; undoing it again finds out.
    pub async fn undo(&self, at: usize, context: &SagaContext<P>) -> Result<StepOutcome, SagaError> {
        let mut unclear = Unclear::Busy;
        for _ in 0..TRIES {
            let part = self.read(context.saga).await?;
            let attempt = self.attempt(at, context);
            if let Some(outcome) = decide::found_undone(&attempt, &part)? {
                return Ok(outcome);
            }
            match self.commit(decide::undo(&attempt, &part)).await? {
                TransactionResult::Committed if part.state(at).is_some_and(StepState::is_final) => {
                    return Ok(StepOutcome::AlreadyUndone);
                }
                TransactionResult::Committed => return Ok(StepOutcome::Undone),
                // Somebody was faster.
                TransactionResult::SagaRefused(_) => unclear = Unclear::Busy,
                TransactionResult::ServiceRefused(..) if is_in(Mutant::RefusedUndoSkipped) => {
                    match self.skip(&attempt, &part).await? {
                        Ok(outcome) => return Ok(outcome),
                        Err(why) => unclear = why,
                    }
                }
                TransactionResult::ServiceRefused(which, current) => {
                    // That it is stuck is found in its log when the loop comes round, or written now.
                    let attempt = self.attempt(at, context);
                    let (transaction, why) = decide::undo_stuck(&attempt, &part, which, current.as_ref());
                    match self.commit(transaction).await?.committed() {
                        Ok(()) => return Err(decide::undo_refused(&attempt, why)),
                        Err(why) => unclear = why,
                    }
                }
                TransactionResult::Unclear(why) => unclear = why,
            }
        }
        Err(unclear.error(context.saga))
    }

    /// The mistake that a stuck step is there for.
    async fn skip(
        &self,
        attempt: &Attempt<'_, P>,
        part: &Partition<P>,
    ) -> Result<Result<StepOutcome, Unclear>, SagaError> {
        let result = self.commit(decide::undo_skipped(attempt, part)).await?;
        Ok(result.committed().map(|()| StepOutcome::Undone))
    }
}
