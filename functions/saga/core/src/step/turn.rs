//! What people and the clock do to a saga as a whole: read its row, then one transaction of it and the log.

use jiff::Timestamp;
use smol_str::SmolStr;
use tenfold_ports::table::{Item, Read, Write};
use tenfold_ports::{Clock, Table};

use super::{Steps, TRIES, Transaction, TransactionResult};
use crate::context::Payload;
use crate::error::SagaError;
use crate::event::SagaEvent;
use crate::mutant::{Mutant, is_in};
use crate::names::SagaId;
use crate::rows::{LogEntry, Partition, ROUND_MOST, SagaChange, SagaRow, saga_key};
use crate::state::SagaState;

/// How many rounds there are that nobody asked for, before a person has to.
pub const ROUNDS: u32 = 5;

/// What came of what a person asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperatorResult {
    /// It is so, by this call or before; the state now.
    Accepted(SagaState),
    /// The state does not allow it.
    WrongState(SagaState),
    /// The pivot was done: there is no way back.
    PastPivot,
    /// There were too many rounds, whoever began them.
    TooManyRounds,
}

/// What the clock makes of a saga.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Nothing: it is not late, or at its end.
    No,
    /// A new round begins.
    Round(SagaEvent, SagaState),
    /// There were enough rounds: it ends as it is.
    GiveUp,
}

/// What the clock makes of a saga at this time.
#[must_use]
pub fn due<P>(saga: &SagaRow<P>, now: Timestamp) -> Due {
    if saga.wake.is_none_or(|wake| wake > now) {
        return Due::No;
    }
    let again = (saga.tries < ROUNDS && saga.round < ROUND_MOST) || is_in(Mutant::EndlessRounds);
    match saga.state {
        SagaState::Running => Due::Round(SagaEvent::Deadline, SagaState::Compensating),
        SagaState::Compensating if again => Due::Round(SagaEvent::Retried, SagaState::Compensating),
        SagaState::Committing if again => Due::Round(SagaEvent::Resumed, SagaState::Committing),
        SagaState::Compensating | SagaState::Committing => Due::GiveUp,
        // It waits for a person.
        SagaState::Stuck | SagaState::Committed | SagaState::Compensated | SagaState::Resolved => Due::No,
    }
}

impl<T: Table, H: Clock, P: Payload> Steps<T, H, P> {
    /// Turns a running saga around, because somebody asks for it. What is turned around already, or over without
    /// its pivot, stays as it is.
    ///
    /// # Errors
    /// There is no such saga, or the table did not answer; then it may be cancelled or not.
    pub async fn cancel(&self, id: SagaId) -> Result<OperatorResult, SagaError> {
        for _ in 0..TRIES {
            let Some(saga) = self.find(id).await? else {
                if is_in(Mutant::CancelMakesRow) {
                    let to = SagaChange::to(&self.definition, id, SagaState::Compensating, self.host.now());
                    let ghost = to.round(1, 0).when(tenfold_ports::table::Condition::Always);
                    self.commit(Transaction { saga: vec![ghost], service: Vec::new() }).await?;
                    return Ok(OperatorResult::Accepted(SagaState::Compensating));
                }
                return Err(SagaError::UnknownSaga(id));
            };
            let blind = is_in(Mutant::CancelledAfterPivot);
            match saga.state {
                SagaState::Committed if blind => {
                    self.begin_round(&saga, SagaEvent::Cancelled, SagaState::Compensating, 0).await?;
                }
                _ if saga.pivoted => return Ok(OperatorResult::PastPivot),
                SagaState::Running => {
                    if self.begin_round(&saga, SagaEvent::Cancelled, SagaState::Compensating, 0).await? {
                        return Ok(OperatorResult::Accepted(SagaState::Compensating));
                    }
                }
                state => return Ok(OperatorResult::Accepted(state)),
            }
        }
        Err(SagaError::Conflict(id))
    }

    /// Begins another round for a stuck saga: of undoing, or after the pivot of doing.
    ///
    /// # Errors
    /// There is no such saga, or the table did not answer; then it may go on or not.
    pub async fn retry(&self, id: SagaId) -> Result<OperatorResult, SagaError> {
        let mut tried = None;
        for _ in 0..TRIES {
            let saga = self.find(id).await?.ok_or(SagaError::UnknownSaga(id))?;
            let (event, to) = if saga.pivoted {
                (SagaEvent::Resumed, SagaState::Committing)
            } else {
                (SagaEvent::Retried, SagaState::Compensating)
            };
            match saga.state {
                SagaState::Stuck if saga.round >= ROUND_MOST => return Ok(OperatorResult::TooManyRounds),
                SagaState::Stuck => {
                    if self.begin_round(&saga, event, to, 0).await? {
                        return Ok(OperatorResult::Accepted(to));
                    }
                    tried = Some(saga.round + 1);
                }
                // The answer to this call was lost, or somebody else has asked for the same.
                state if tried == Some(saga.round) => return Ok(OperatorResult::Accepted(state)),
                state => return Ok(OperatorResult::WrongState(state)),
            }
        }
        Err(SagaError::Conflict(id))
    }

    /// Closes a stuck saga as it is, because a person says so.
    ///
    /// # Errors
    /// There is no such saga, or the table did not answer; then it may be closed or not.
    pub async fn resolve(&self, id: SagaId, reason: &SmolStr) -> Result<OperatorResult, SagaError> {
        for _ in 0..TRIES {
            let saga = self.find(id).await?.ok_or(SagaError::UnknownSaga(id))?;
            match saga.state {
                SagaState::Stuck => {
                    let change = SagaChange::to(&self.definition, id, SagaState::Resolved, self.host.now());
                    let change = change.resolution(reason.clone()).when(saga.unchanged());
                    let entry = self.entry(&saga.context(saga.round), SagaEvent::Resolved);
                    let error = Some(reason.to_string());
                    let entry = LogEntry { state: Some(SagaState::Resolved), error, ..entry };
                    if self.committed(vec![change, entry.append()]).await? {
                        return Ok(OperatorResult::Accepted(SagaState::Resolved));
                    }
                }
                SagaState::Resolved if saga.resolution.as_ref() == Some(reason) => {
                    return Ok(OperatorResult::Accepted(SagaState::Resolved));
                }
                state => return Ok(OperatorResult::WrongState(state)),
            }
        }
        Err(SagaError::Conflict(id))
    }

    /// Does what is due for a saga. None where nothing was, or somebody else has written it meanwhile; then the
    /// next run looks again.
    ///
    /// # Errors
    /// The table did not answer, or a row is of another shape.
    pub async fn recover(&self, id: SagaId) -> Result<Option<(SagaEvent, SagaState)>, SagaError> {
        let Some(part) = Partition::read(&self.table, &self.definition, id).await? else { return Ok(None) };
        match due(&part.saga, self.host.now()) {
            Due::No => Ok(None),
            Due::Round(event, to) => {
                let tries = part.saga.tries + 1;
                let made = self.begin_round(&part.saga, event, to, tries).await?;
                Ok(made.then_some((event, to)))
            }
            Due::GiveUp => Ok(self.close(&part, SagaEvent::GaveUp).await?.map(|to| (SagaEvent::GaveUp, to))),
        }
    }

    /// Begins a round. False where somebody has written the saga since it was read, or the answer was lost.
    async fn begin_round(
        &self,
        saga: &SagaRow<P>,
        event: SagaEvent,
        to: SagaState,
        tries: u32,
    ) -> Result<bool, SagaError> {
        let round = saga.round + 1;
        let change = SagaChange::to(&self.definition, saga.id, to, self.host.now()).round(round, tries);
        let entry = LogEntry { state: Some(to), ..self.entry(&saga.context(round), event) };
        self.committed(vec![change.when(saga.unchanged()), entry.append()]).await
    }

    async fn committed(&self, writes: Vec<Write>) -> Result<bool, SagaError> {
        let result = self.commit(Transaction { saga: writes, service: Vec::new() }).await?;
        Ok(matches!(result, TransactionResult::Committed))
    }

    async fn find(&self, id: SagaId) -> Result<Option<SagaRow<P>>, SagaError> {
        let item: Option<Item> = self.table.get(&saga_key(id), Read::Consistent).await?;
        Ok(item.as_ref().map(SagaRow::read).transpose()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Style;
    use crate::names::SagaId;
    use crate::rows::SagaData;

    #[test]
    fn rounds_end() {
        let at = |s| Timestamp::from_second(s).unwrap();
        let data = SagaData { style: Style::Orchestrated, payload: (), created: at(0) };
        let row = |state, tries, round| SagaRow {
            id: SagaId::of_key("a"),
            version: 1,
            state,
            round,
            tries,
            pivoted: false,
            since: at(0),
            wake: Some(at(100)),
            resolution: None,
            data: data.clone(),
        };
        let deadline = Due::Round(SagaEvent::Deadline, SagaState::Compensating);
        let retried = Due::Round(SagaEvent::Retried, SagaState::Compensating);
        for (state, tries, round, now, expected) in [
            (SagaState::Running, 0, 0, 99, Due::No),
            (SagaState::Running, 0, 0, 100, deadline),
            (SagaState::Compensating, 4, 4, 100, retried),
            (SagaState::Compensating, 5, 5, 100, Due::GiveUp),
            (SagaState::Compensating, 0, 99, 100, Due::GiveUp),
            (SagaState::Committing, 1, 1, 100, Due::Round(SagaEvent::Resumed, SagaState::Committing)),
            (SagaState::Committing, 5, 1, 100, Due::GiveUp),
            (SagaState::Stuck, 5, 1, 100, Due::No),
        ] {
            assert_eq!(due(&row(state, tries, round), at(now)), expected, "{state} {tries} {round} {now}");
        }
    }
}
