//! Doing a step: one transaction and no read, unless the service refuses.

use tenfold_ports::table::{Cancelled, Write, WriteError};
use tenfold_ports::{Clock, Table};

use super::{StepOutcome, Steps, TRIES, Transaction, TransactionResult, Unclear};
use crate::context::{Payload, SagaContext, Style};
use crate::definition::{Role, Step};
use crate::error::SagaError;
use crate::event::{LogEvent, StepEvent};
use crate::mutant::{Mutant, is_in};
use crate::rows::{self, LogEntry, SagaChange, SagaRow, StepData, StepRow};
use crate::state::{SagaState, StepState};

/// Where in the transaction the step's row is.
const STEP: usize = 0;
/// Where the saga's row is, if it is part of it.
const SAGA: usize = 2;

/// Why a step was not done by a transaction.
enum Why {
    /// It was done before.
    Done,
    /// It was refused before.
    Refused(String),
    /// The saga does not go forward.
    NotRunning,
    /// There is no such saga.
    Unknown,
    /// It is not clear; look again.
    Again,
}

impl<T: Table, H: Clock, P: Payload> Steps<T, H, P> {
    /// Does the step at `at`, once for a saga.
    ///
    /// # Errors
    /// `StepRefused`, `SagaNotRunning` and `UnknownSaga` are certain: the step has no effect. After any other
    /// error it may have one; doing it again finds out.
    pub async fn perform(&self, at: usize, context: &SagaContext<P>) -> Result<StepOutcome, SagaError> {
        let step = &self.definition.steps()[at];
        let mut unclear = Unclear::Busy;
        for _ in 0..TRIES {
            match self.commit(self.doing(at, step, context)).await? {
                TransactionResult::Committed => return Ok(StepOutcome::Done),
                TransactionResult::SagaRefused(reasons) => match why(&reasons)? {
                    Why::Done => return self.again(step, context).await,
                    Why::Refused(why) => return Err(refused(step, context, why)),
                    Why::NotRunning => return Err(SagaError::SagaNotRunning(context.saga)),
                    Why::Unknown => return Err(SagaError::UnknownSaga(context.saga)),
                    Why::Again => unclear = Unclear::Busy,
                },
                TransactionResult::ServiceRefused(which, current) => {
                    let work = self.work(step, context.saga, &context.payload);
                    let why = step.action().refusal(&work, which, current.as_ref());
                    return self.refuse(at, context, why).await;
                }
                TransactionResult::Unclear(why) => unclear = why,
            }
        }
        Err(unclear.error(context.saga))
    }

    /// The transaction: the step's row, the log, for some steps the saga's row, and what the service writes.
    fn doing(&self, at: usize, step: &Step<P>, context: &SagaContext<P>) -> Transaction {
        let now = self.host.now();
        let item = step.action().item(&context.payload);
        let data = StepData { round: context.round, at: now, item: Some(item.clone()), error: None };
        let row = StepRow { state: StepState::Done, data }.write(context.saga, &step.name, None);
        let (state, saga) = self.saga_of(at, step, context);
        let entry = self.entry(context, LogEvent::of(&step.name, StepEvent::Done));
        let log = LogEntry { state, item: Some(item), ..entry }.append();
        let mut writes = vec![row, log];
        writes.extend(saga);
        Transaction {
            saga: writes,
            service: step.action().writes(&self.work(step, context.saga, &context.payload)),
        }
    }

    /// What a step asks of the saga, and the state that it takes it to.
    fn saga_of(
        &self,
        at: usize,
        step: &Step<P>,
        context: &SagaContext<P>,
    ) -> (Option<SagaState>, Option<Write>) {
        let now = self.host.now();
        match step.role {
            // A new round enters at the first step, and must not begin to do what is to be undone. The steps
            // after it need no check: they are asked for once the first was done, their tombstones refuse them,
            // and the pivot asks for the saga itself.
            Role::Compensable(_) if at == 0 => (None, Some(rows::check(context.saga, SagaState::Running))),
            Role::Compensable(_) => (None, None),
            Role::Pivot(_) => {
                let (to, write) = rows::commit(&self.definition, context.saga, now);
                (Some(to), Some(write))
            }
            Role::Retryable(_) if at + 1 == self.definition.steps().len() => {
                let change = SagaChange::to(&self.definition, context.saga, SagaState::Committed, now);
                (Some(SagaState::Committed), Some(change.from(SagaState::Committing)))
            }
            Role::Retryable(_) => (None, Some(rows::check(context.saga, SagaState::Committing))),
        }
    }

    /// A step that was done before: in a later round of a choreography the next service waits for its event.
    async fn again(&self, step: &Step<P>, context: &SagaContext<P>) -> Result<StepOutcome, SagaError> {
        let retryable = matches!(step.role, Role::Retryable(_));
        if !retryable || context.round == 0 || context.style == Style::Orchestrated {
            return Ok(StepOutcome::AlreadyDone);
        }
        let entry = self.entry(context, LogEvent::of(&step.name, StepEvent::Done));
        match self.table.write(entry.append()).await {
            Ok(()) | Err(WriteError::Conflict { .. }) => Ok(StepOutcome::AlreadyDone),
            Err(WriteError::Call(e)) => Err(e.into()),
        }
    }

    /// Writes down that the service refuses, which turns the saga around. From then on the step is refused
    /// whatever comes late.
    async fn refuse(
        &self,
        at: usize,
        context: &SagaContext<P>,
        why: String,
    ) -> Result<StepOutcome, SagaError> {
        let step = &self.definition.steps()[at];
        if matches!(step.role, Role::Retryable(_)) {
            // There is no way back. It is tried on, and in the end the saga is stuck.
            return Err(refused(step, context, why));
        }
        let mut unclear = Unclear::Busy;
        for _ in 0..TRIES {
            let part = self.read(context.saga).await?;
            match &part.steps[at] {
                Some(row) if row.state == StepState::Done => return self.again(step, context).await,
                Some(row) if row.state == StepState::Refused => {
                    return Err(refused(step, context, row.data.error.clone().unwrap_or_default()));
                }
                Some(_) => return Err(SagaError::SagaNotRunning(context.saga)),
                None if part.saga.state != SagaState::Running => {
                    return Err(SagaError::SagaNotRunning(context.saga));
                }
                None => {}
            }
            let now = self.host.now();
            let data = StepData { round: context.round, at: now, item: None, error: Some(why.clone()) };
            let row = StepRow { state: StepState::Refused, data };
            let (to, mut writes) = match self.definition.undo_from(at) {
                Some(_) => (SagaState::Compensating, Vec::new()),
                // Nothing was done before it, so nothing is to be undone.
                None => (SagaState::Compensated, self.closing(&part, Some(at), context.round)),
            };
            let entry = self.entry(context, LogEvent::of(&step.name, StepEvent::Failed));
            writes.push(LogEntry { state: Some(to), error: Some(why.clone()), ..entry }.append());
            writes.push(SagaChange::to(&self.definition, context.saga, to, now).from(SagaState::Running));
            if !is_in(Mutant::RefusedWithoutTombstone) {
                writes.push(row.write(context.saga, &step.name, None));
            }
            match self.commit(Transaction { saga: writes, service: Vec::new() }).await? {
                TransactionResult::Committed => return Err(refused(step, context, why)),
                TransactionResult::Unclear(why) => unclear = why,
                TransactionResult::SagaRefused(_) | TransactionResult::ServiceRefused(..) => {
                    unclear = Unclear::Busy
                }
            }
        }
        Err(unclear.error(context.saga))
    }
}

fn refused<P>(step: &Step<P>, context: &SagaContext<P>, why: String) -> SagaError {
    SagaError::StepRefused { saga: context.saga, step: step.name.clone(), why }
}

/// What the rows say that kept a step from being done. The step's row comes first: a step that is done is done,
/// whatever has become of the saga since; unless the saga is being undone, when nothing goes forward any more.
fn why(reasons: &[Cancelled]) -> Result<Why, SagaError> {
    let row = match reasons.get(STEP) {
        Some(Cancelled::Condition(Some(item))) => Some(StepRow::read(item)?),
        _ => None,
    };
    let state = match reasons.get(SAGA) {
        Some(Cancelled::Condition(Some(item))) => SagaRow::<()>::state_of(item)?,
        Some(Cancelled::Condition(None)) => return Ok(Why::Unknown),
        _ => None,
    };
    let forward =
        matches!(state, None | Some(SagaState::Running | SagaState::Committing | SagaState::Committed));
    Ok(match row {
        Some(row) if row.state == StepState::Refused => Why::Refused(row.data.error.unwrap_or_default()),
        Some(row) if row.state == StepState::Done && forward => Why::Done,
        None if forward => Why::Again,
        Some(_) | None => Why::NotRunning,
    })
}
