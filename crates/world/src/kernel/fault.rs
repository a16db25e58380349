//! What can go wrong with a port call.

use tenfold_ports::CallError;
use tenfold_ports::blob::PutError;
use tenfold_ports::table::{Cancelled, TransactError, WriteError};

use super::site::Site;

/// What goes wrong with one port call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CallFault {
    /// The process dies before the call is made.
    CrashBefore,
    /// The call is applied, and the process is dead by then: its time was up, or it crashed.
    CrashAfter,
    /// The call is applied, and the answer is lost.
    AnswerLost,
    /// The call is refused for load.
    Throttled,
    /// The service is not reached.
    Unavailable,
    /// The process is dead, and the call, on its way already, is applied some time later.
    AppliedLate,
    /// The call is applied, its answer lost, and the SDK applies it again: the caller sees the second answer.
    Twice,
    /// A transaction is cancelled, since another one has one of its items in hand (`TransactionConflict`).
    Conflict,
    /// Of a batch all is applied but the last entry, which the answer names.
    Rejected,
}

impl CallFault {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::CrashBefore,
        Self::CrashAfter,
        Self::AnswerLost,
        Self::Throttled,
        Self::Unavailable,
        Self::AppliedLate,
        Self::Twice,
        Self::Conflict,
        Self::Rejected,
    ];

    /// Those that can meet any call.
    const USUAL: &[Self] = Self::ALL.split_at(7).0;

    /// Those that can meet a call site.
    #[must_use]
    pub fn of(site: Site) -> &'static [Self] {
        match site.call {
            // A service that does what it was asked after the caller's time is beyond any breaker's reach.
            "downstream.call" => Self::ALL.split_at(5).0,
            // Step Functions itself does not die.
            "flow.send" => &[Self::AnswerLost, Self::Throttled],
            "table.transact" => Self::ALL.split_at(8).0,
            "queue.send" | "topic.publish" | "bus.put" => BATCHES,
            _ => Self::USUAL,
        }
    }

    /// A short name for tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CrashBefore => "crash before",
            Self::CrashAfter => "crash after",
            Self::AnswerLost => "answer lost",
            Self::Throttled => "throttled",
            Self::Unavailable => "unavailable",
            Self::AppliedLate => "applied late",
            Self::Twice => "twice",
            Self::Conflict => "conflict",
            Self::Rejected => "one rejected",
        }
    }
}

const BATCHES: &[CallFault] = &[
    CallFault::CrashBefore,
    CallFault::CrashAfter,
    CallFault::AnswerLost,
    CallFault::Throttled,
    CallFault::Unavailable,
    CallFault::AppliedLate,
    CallFault::Twice,
    CallFault::Rejected,
];

/// An answer that can stand for a failed call.
pub trait Fails {
    /// The answer when the call failed so.
    fn fails(error: CallError) -> Self;

    /// The answer when others had one of the items in hand. Only a transaction has one of its own.
    #[must_use]
    fn conflicts() -> Self
    where
        Self: Sized,
    {
        Self::fails(CallError::Throttled)
    }
}

impl<T> Fails for Result<T, CallError> {
    fn fails(error: CallError) -> Self {
        Err(error)
    }
}

impl<T> Fails for Result<T, WriteError> {
    fn fails(error: CallError) -> Self {
        Err(error.into())
    }
}

impl<T> Fails for Result<T, TransactError> {
    fn fails(error: CallError) -> Self {
        Err(error.into())
    }

    fn conflicts() -> Self {
        Err(TransactError::Cancelled(vec![Cancelled::Busy]))
    }
}

impl<T> Fails for Result<T, PutError> {
    fn fails(error: CallError) -> Self {
        Err(error.into())
    }
}
