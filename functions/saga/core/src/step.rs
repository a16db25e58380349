//! Doing a step, undoing it, and ending a saga: the transactions on its rows.
//!
//! This module owns what the three have in common. `perform` does, `undo` undoes, `end` says what became of the
//! saga when nothing is left to undo, [`turn`] turns it around or begins another
//! round. Whoever calls them, a state machine or a message, may call them twice, too late, or before their time.

mod end;
mod perform;
pub mod turn;
mod undo;

use serde::Serialize;
use tenfold_ports::table::{Cancelled, Condition, Item, TransactError, Write};
use tenfold_ports::{Clock, Table};

use crate::context::{Payload, SagaContext};
use crate::definition::{Definition, Step, Work};
use crate::error::SagaError;
use crate::event::LogEvent;
use crate::mutant::{Mutant, is_in};
use crate::names::SagaId;
use crate::rows::{LOG, LogEntry, Partition};

/// How often a transaction is made whose answer was lost or that somebody overtook. Four that DynamoDB leaves
/// without an answer end within 24 s, before the function's time does.
pub(crate) const TRIES: usize = 4;

/// What works on the rows of sagas.
#[derive(Debug)]
pub struct Steps<T, H, P> {
    /// The pattern's table.
    pub table: T,
    /// The time.
    pub host: H,
    /// The saga.
    pub definition: Definition<P>,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase", tag = "outcome")]
pub enum StepOutcome {
    /// The step has its effect, by this call.
    Done,
    /// It had it before.
    AlreadyDone,
    /// The step has no effect any more, by this call.
    Undone,
    /// It had none before.
    AlreadyUndone,
    /// It has its effect: the saga is stuck or was resolved, and only a person changes that.
    LeftAsItIs,
}

/// A transaction: the saga's own rows first, then the writes of the service.
struct Transaction {
    saga: Vec<Write>,
    service: Vec<Write>,
}

/// What came of a transaction.
enum TransactionResult {
    /// It was committed.
    Committed,
    /// A condition on the saga's own rows did not hold; a reason for each of them, in their order.
    SagaRefused(Vec<Cancelled>),
    /// All of those held, and one of the service's conditions did not: which, and its item as it is.
    ServiceRefused(usize, Option<Item>),
    /// Others were writing, or the answer was lost: look again.
    Unclear(Unclear),
}

/// Why it is not clear what came of it.
enum Unclear {
    Busy,
    Lost,
}

impl Unclear {
    fn error(&self, saga: SagaId) -> SagaError {
        match self {
            Self::Busy => SagaError::Conflict(saga),
            Self::Lost => SagaError::Table(tenfold_ports::CallError::Unknown),
        }
    }
}

impl<T: Table, H: Clock, P: Payload> Steps<T, H, P> {
    async fn commit(&self, transaction: Transaction) -> Result<TransactionResult, SagaError> {
        if is_in(Mutant::LogAfterwards) {
            return self.commit_then_log(transaction).await;
        }
        self.transact_all(transaction).await
    }

    /// The mistake that the log in the transaction is there for.
    async fn commit_then_log(&self, mut transaction: Transaction) -> Result<TransactionResult, SagaError> {
        let mut entries = Vec::new();
        for write in transaction.saga.iter_mut().filter(|w| w.key().sk.starts_with(LOG)) {
            let check = Write::Check { key: write.key().clone(), condition: Condition::Absent };
            entries.push(std::mem::replace(write, check));
        }
        let result = self.transact_all(transaction).await?;
        if matches!(result, TransactionResult::Committed) {
            for entry in entries {
                self.table.write(entry).await.ok();
            }
        }
        Ok(result)
    }

    async fn transact_all(&self, transaction: Transaction) -> Result<TransactionResult, SagaError> {
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

    async fn read(&self, saga: SagaId) -> Result<Partition<P>, SagaError> {
        let partition = Partition::read(&self.table, &self.definition, saga).await?;
        partition.ok_or(SagaError::UnknownSaga(saga))
    }

    fn work<'a>(&self, step: &'a Step<P>, saga: SagaId, payload: &'a P) -> Work<'a, P> {
        Work { saga, step: &step.name, payload, now: self.host.now() }
    }

    /// A log entry of this moment.
    fn entry(&self, context: &SagaContext<P>, event: impl Into<LogEvent>) -> LogEntry<P> {
        LogEntry::of(&self.definition, context, event, self.host.now())
    }
}
