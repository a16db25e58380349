//! Undoing a step: read all rows of the saga, then one transaction on condition of what was read.

use tenfold_ports::table::Write;
use tenfold_ports::{Clock, Table};

use super::{StepOutcome, Steps, TRIES, Transaction, TransactionResult, Unclear};
use crate::context::{Payload, SagaContext};
use crate::definition::{Role, Step};
use crate::error::SagaError;
use crate::event::{LogEvent, StepEvent};
use crate::mutant::{Mutant, is_in};
use crate::rows::{LogEntry, Partition, SagaChange, StepData, StepRow};
use crate::state::{SagaState, StepState};

impl<T: Table, H: Clock, P: Payload> Steps<T, H, P> {
    /// Undoes the step at `at`, which may never have been done, and keeps it from being done from now on. A saga
    /// that was running is compensating by it; with the last step to be undone it ends.
    ///
    /// # Errors
    /// `SagaCommitted`: nothing is undone any more. `UndoRefused`: the step is stuck. After any other error the
    /// step may be undone or not; undoing it again finds out.
    pub async fn undo(&self, at: usize, context: &SagaContext<P>) -> Result<StepOutcome, SagaError> {
        let step = &self.definition.steps()[at];
        let mut unclear = Unclear::Busy;
        for _ in 0..TRIES {
            let part = self.read(context.saga).await?;
            if let Some(outcome) = settled(at, step, &part, context)? {
                return Ok(outcome);
            }
            if part.logged(context.round, &LogEvent::of(&step.name, StepEvent::Undone)) {
                return Ok(StepOutcome::AlreadyUndone);
            }
            let before = part.state(at);
            let service = self.taking_back(step, &part, before);
            match self.commit(self.undoing(at, &part, context, StepState::Undone, None, service)).await? {
                TransactionResult::Committed if before.is_some_and(StepState::is_final) => {
                    return Ok(StepOutcome::AlreadyUndone);
                }
                TransactionResult::Committed => return Ok(StepOutcome::Undone),
                // Somebody was faster.
                TransactionResult::SagaRefused(_) => unclear = Unclear::Busy,
                TransactionResult::Unclear(why) => unclear = why,
                TransactionResult::ServiceRefused(which, current) => {
                    let work = self.work(step, context.saga, &part.saga.data.payload);
                    let why = match &step.role {
                        Role::Compensable(undo) => undo.undo_refusal(&work, which, current.as_ref()),
                        Role::Pivot(_) | Role::Retryable(_) => String::new(),
                    };
                    // That it is stuck is found in its log when the loop comes round, or written now.
                    let skipped = is_in(Mutant::RefusedUndoSkipped);
                    let state = if skipped { StepState::Undone } else { StepState::Stuck };
                    let error = (!skipped).then(|| why.clone());
                    match self.commit(self.undoing(at, &part, context, state, error, Vec::new())).await? {
                        TransactionResult::Committed if skipped => return Ok(StepOutcome::Undone),
                        TransactionResult::Committed => return Err(refused(step, context, why)),
                        TransactionResult::Unclear(why) => unclear = why,
                        TransactionResult::SagaRefused(_) | TransactionResult::ServiceRefused(..) => {
                            unclear = Unclear::Busy
                        }
                    }
                }
            }
        }
        Err(unclear.error(context.saga))
    }

    /// What the service writes to take the step's effect back.
    fn taking_back(&self, step: &Step<P>, part: &Partition<P>, before: Option<StepState>) -> Vec<Write> {
        let Role::Compensable(undo) = &step.role else { return Vec::new() };
        let work = self.work(step, part.saga.id, &part.saga.data.payload);
        match before {
            Some(StepState::Done | StepState::Stuck) => undo.undo_writes(&work),
            _ if is_in(Mutant::UndoWithoutCondition) => undo.undo_writes(&work),
            // It never arrived, or is undone already.
            _ => Vec::new(),
        }
    }

    /// The transaction that takes the step at `at` to `state`.
    fn undoing(
        &self,
        at: usize,
        part: &Partition<P>,
        context: &SagaContext<P>,
        state: StepState,
        error: Option<String>,
        service: Vec<Write>,
    ) -> Transaction {
        let step = &self.definition.steps()[at];
        let now = self.host.now();
        let before = part.steps[at].as_ref();
        let item = before.and_then(|row| row.data.item.clone());
        let event = if state == StepState::Stuck { StepEvent::Stuck } else { StepEvent::Undone };
        // A chain of an earlier round that is late undoes what there is to undo, but says nothing of the end: the
        // chain of this round may be about to undo what was stuck.
        let last = self.definition.undo_next(at).is_none() && context.round == part.saga.round;
        let end = if last { self.ending(part, Some((at, state))) } else { None };

        let mut writes = if end.is_some() { self.closing(part, Some(at), context.round) } else { Vec::new() };
        // A tombstone stays as it is.
        let tombstone = before.is_some_and(|row| row.state.is_final());
        let forgotten = before.is_none() && is_in(Mutant::NoTombstone);
        if !tombstone && !forgotten {
            let data = StepData { round: context.round, at: now, item: item.clone(), error: error.clone() };
            writes.push(StepRow { state, data }.write(context.saga, &step.name, before.map(|row| row.state)));
        }
        let from = part.saga.state;
        let to = end.or((from == SagaState::Running).then_some(SagaState::Compensating));
        writes.push(match to {
            // Not only in the state that was read: another round may have come into it meanwhile.
            Some(to) => {
                let change = SagaChange::to(&self.definition, context.saga, to, now);
                if is_in(Mutant::EndOfAnyRound) {
                    change.from(from)
                } else {
                    change.when(part.saga.unchanged())
                }
            }
            None => part.saga.check(),
        });
        let entry = self.entry(context, LogEvent::of(&step.name, event));
        writes.push(LogEntry { state: to, item, error, ..entry }.append());
        Transaction { saga: writes, service }
    }
}

fn refused<P>(step: &Step<P>, context: &SagaContext<P>, why: String) -> SagaError {
    SagaError::UndoRefused { saga: context.saga, step: step.name.clone(), why }
}

/// What is to be answered without a write; none where there is something to undo.
fn settled<P: Payload>(
    at: usize,
    step: &Step<P>,
    part: &Partition<P>,
    context: &SagaContext<P>,
) -> Result<Option<StepOutcome>, SagaError> {
    let stuck = LogEvent::of(&step.name, StepEvent::Stuck);
    let entry = part.log.iter().find(|e| e.round == context.round && e.event == stuck);
    if let Some(entry) = entry {
        return Err(refused(step, context, entry.error.clone().unwrap_or_default()));
    }
    match part.saga.state {
        _ if part.saga.pivoted => Err(SagaError::SagaCommitted(context.saga)),
        SagaState::Running | SagaState::Compensating => Ok(None),
        // It is over; what comes late changes nothing.
        _ => {
            let gone = part.state(at).is_none_or(StepState::is_final);
            Ok(Some(if gone { StepOutcome::AlreadyUndone } else { StepOutcome::LeftAsItIs }))
        }
    }
}
