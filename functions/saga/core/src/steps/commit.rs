//! Committing: a transaction is made, and what came of it is told apart.

use tenfold_ports::table::{Cancelled, Condition, Item, TransactError, Write};
use tenfold_ports::{CallError, Clock, Table};

use crate::context::{Payload, SagaContext};
use crate::decide::{Attempt, Transaction};
use crate::definition::Definition;
use crate::error::SagaError;
use crate::mutant::{Mutant, is_in};
use crate::names::SagaId;
use crate::rows::{LOG, Partition};

/// What works on the rows of sagas: the table and the runtime, once, and the saga's definition.
#[derive(Debug)]
pub struct Steps<T, R, P> {
    /// The pattern's table.
    pub table: T,
    /// The time; for the API and the coordinator chance and metrics too.
    pub runtime: R,
    /// The definition of the sagas.
    pub definition: Definition<P>,
}

/// What came of a transaction.
pub(super) enum TransactionResult {
    /// It was made.
    Committed,
    /// A condition on the saga's own rows did not hold; a reason for each of them, in their order.
    SagaRefused(Vec<Cancelled>),
    /// All of those held, and one of the service's conditions did not: which, and its item as it is.
    ServiceRefused(usize, Option<Item>),
    /// It may have been made or not: look again.
    Unclear(Unclear),
}

impl TransactionResult {
    pub(super) fn is_committed(&self) -> bool {
        matches!(self, Self::Committed)
    }

    /// Says that the transaction was made, or else why its writer has to look again.
    pub(super) fn committed(self) -> Result<(), Unclear> {
        match self {
            Self::Committed => Ok(()),
            Self::Unclear(why) => Err(why),
            Self::SagaRefused(_) | Self::ServiceRefused(..) => Err(Unclear::Busy),
        }
    }
}

/// Why it is not clear what came of a transaction.
pub(super) enum Unclear {
    /// Others were writing.
    Busy,
    /// The answer was lost.
    Lost,
}

impl Unclear {
    pub(super) fn error(&self, saga: SagaId) -> SagaError {
        match self {
            Self::Busy => SagaError::Conflict(saga),
            Self::Lost => CallError::Unknown.into(),
        }
    }
}

impl<T: Table, R: Clock, P: Payload> Steps<T, R, P> {
    /// Makes a transaction.
    pub(super) async fn commit(&self, transaction: Transaction) -> Result<TransactionResult, SagaError> {
        if is_in(Mutant::LogAfterwards) {
            return self.commit_then_log(transaction).await;
        }
        self.transact(transaction).await
    }

    async fn transact(&self, transaction: Transaction) -> Result<TransactionResult, SagaError> {
        let own = transaction.saga.len();
        let mut writes = transaction.saga;
        writes.extend(transaction.service);
        let mut reasons = match self.table.transact(writes).await {
            Ok(()) => return Ok(TransactionResult::Committed),
            Err(TransactError::Call(e)) if e.may_have_applied() => {
                return Ok(TransactionResult::Unclear(Unclear::Lost));
            }
            Err(TransactError::Call(e)) => return Err(e.into()),
            Err(TransactError::Cancelled(reasons)) => reasons,
        };
        // While somebody else holds one of the items, the others may change too.
        if reasons.contains(&Cancelled::Busy) {
            return Ok(TransactionResult::Unclear(Unclear::Busy));
        }
        let service = reasons.split_off(own.min(reasons.len()));
        if reasons.iter().any(|reason| matches!(reason, Cancelled::Condition(_))) {
            return Ok(TransactionResult::SagaRefused(reasons));
        }
        let refused = service.into_iter().enumerate().find_map(|(at, reason)| match reason {
            Cancelled::Condition(item) => Some(TransactionResult::ServiceRefused(at, item)),
            Cancelled::No | Cancelled::Busy => None,
        });
        Ok(refused.unwrap_or(TransactionResult::Unclear(Unclear::Busy)))
    }

    /// Reads all rows of a saga.
    pub(super) async fn read(&self, saga: SagaId) -> Result<Partition<P>, SagaError> {
        let partition = Partition::read(&self.table, &self.definition, saga).await?;
        partition.ok_or(SagaError::UnknownSaga(saga))
    }

    /// Returns an attempt at the step at `at`, of this moment.
    pub(super) fn attempt<'a>(&'a self, at: usize, context: &'a SagaContext<P>) -> Attempt<'a, P> {
        Attempt { definition: &self.definition, at, context, now: self.runtime.now() }
    }

    /// The mistake that the log in the transaction is there for.
    async fn commit_then_log(&self, mut transaction: Transaction) -> Result<TransactionResult, SagaError> {
        let mut entries = Vec::new();
        for write in transaction.saga.iter_mut().filter(|w| w.key().sk.starts_with(LOG)) {
            let check = Write::Check { key: write.key().clone(), condition: Condition::Absent };
            entries.push(std::mem::replace(write, check));
        }
        let result = self.transact(transaction).await?;
        if result.is_committed() {
            for entry in entries {
                self.table.write(entry).await.ok();
            }
        }
        Ok(result)
    }
}
