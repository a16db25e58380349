//! What can go wrong with a port call.

use tenfold_ports::CallError;
use tenfold_ports::table::{TransactError, WriteError};

use crate::trace::Site;

/// What goes wrong with one port call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fault {
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
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::CrashBefore,
        Self::CrashAfter,
        Self::AnswerLost,
        Self::Throttled,
        Self::Unavailable,
        Self::AppliedLate,
        Self::Twice,
    ];

    /// Those that can meet a call site.
    #[must_use]
    pub fn of(site: Site) -> &'static [Self] {
        match site.call {
            // A service that does what it was asked after the caller's time is beyond any breaker's reach.
            "downstream.call" => Self::ALL.split_at(5).0,
            // Step Functions itself does not die.
            "flow.send" => &[Self::AnswerLost, Self::Throttled],
            _ => &Self::ALL,
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
        }
    }
}

/// An answer that can stand for a failed call.
pub trait Fails {
    /// The answer when the call failed so.
    fn fails(error: CallError) -> Self;
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
}
