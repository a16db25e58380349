//! Performing a step: one transaction and no read, unless the service refuses.

use tenfold_pattern::commit::{self, TRIES};
use tenfold_ports::{Clock, Table};

use super::commit::{Steps, TransactionResult, Unclear};
use crate::context::{Payload, SagaContext};
use crate::decide::{self, Attempt, NotPerformed, Refusal, StepOutcome};
use crate::definition::Role;
use crate::error::SagaError;

impl<T: Table, R: Clock, P: Payload> Steps<T, R, P> {
    /// Performs the step at `at`, once for a saga.
    ///
    /// # Errors
    /// `StepRefused`, `SagaNotRunning` and `UnknownSaga` are certain: the step has no effect. After any other
    /// error it may have one; performing it again finds out.
    pub async fn perform(&self, at: usize, context: &SagaContext<P>) -> Result<StepOutcome, SagaError> {
        let mut unclear = Unclear::Busy;
        for _ in 0..TRIES {
            let attempt = self.attempt(at, context);
            match self.commit(decide::perform(&attempt)).await? {
                TransactionResult::Committed => return Ok(StepOutcome::Done),
                TransactionResult::SagaRefused(reasons) => match decide::not_performed(&reasons)? {
                    NotPerformed::Done => return self.performed_before(&attempt).await,
                    NotPerformed::Refused(why) => return Err(refused(&attempt, why)),
                    NotPerformed::NotRunning => return Err(SagaError::SagaNotRunning(context.saga)),
                    NotPerformed::Unknown => return Err(SagaError::UnknownSaga(context.saga)),
                    NotPerformed::Unclear => unclear = Unclear::Busy,
                },
                TransactionResult::ServiceRefused(which, current) => {
                    let attempt = self.attempt(at, context);
                    let work = attempt.work(&context.payload);
                    let why = attempt.step().action().refusal(&work, which, current.as_ref());
                    return self.refuse(&attempt, why).await;
                }
                TransactionResult::Unclear(why) => unclear = why,
            }
        }
        Err(unclear.error(context.saga))
    }

    /// Answers for a step that was done before, and writes the event that the next service may wait for.
    async fn performed_before(&self, attempt: &Attempt<'_, P>) -> Result<StepOutcome, SagaError> {
        let attempt = self.attempt(attempt.at, attempt.context);
        let Some(entry) = decide::performed_again(&attempt) else { return Ok(StepOutcome::AlreadyDone) };
        // That it is there already is as good: an entry says all that it tells of by its key.
        commit::write(&self.table, &entry.append(), |_| true).await?;
        Ok(StepOutcome::AlreadyDone)
    }

    /// Writes down that the service refuses, which turns the saga around.
    async fn refuse(&self, attempt: &Attempt<'_, P>, why: String) -> Result<StepOutcome, SagaError> {
        if matches!(attempt.step().role, Role::Retryable(_)) {
            // There is no way back. It is tried on, and in the end the saga is stuck.
            return Err(refused(attempt, why));
        }
        let saga = attempt.context.saga;
        let mut unclear = Unclear::Busy;
        for _ in 0..TRIES {
            let part = self.read(saga).await?;
            let attempt = self.attempt(attempt.at, attempt.context);
            match decide::refuse(&attempt, &part, &why) {
                Refusal::Write(transaction) => match self.commit(transaction).await?.committed() {
                    Ok(()) => return Err(refused(&attempt, why)),
                    Err(why) => unclear = why,
                },
                Refusal::Done => return self.performed_before(&attempt).await,
                Refusal::Refused(why) => return Err(refused(&attempt, why)),
                Refusal::NotRunning => return Err(SagaError::SagaNotRunning(saga)),
            }
        }
        Err(unclear.error(saga))
    }
}

fn refused<P: Payload>(attempt: &Attempt<'_, P>, why: String) -> SagaError {
    SagaError::StepRefused { saga: attempt.context.saga, step: attempt.step().name.clone(), why }
}
