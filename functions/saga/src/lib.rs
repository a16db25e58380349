//! Configuration and wiring of the saga's functions. What they do is in `saga-core`.

mod config;
mod event;
mod service;

use saga_core::coordinator::CoordinatorError;
use saga_core::error::SagaError;
use saga_core::service::MessageError;
use tenfold_lambda::ErrorType;

pub use config::{Outlets, Rows};
pub use event::CoordinatorCall;
pub use service::serve;

/// The pattern's slug, which names its functions and its metrics' namespace.
pub const SLUG: &str = "saga";

/// The error of an invocation that failed, by the names that the state machine catches and a person sees.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub enum SagaFailure {
    /// A step or its undoing failed.
    Saga(#[from] SagaError),
    /// A message was not acted on.
    Message(#[from] MessageError),
    /// A settling or a run of the coordinator failed.
    Coordinator(#[from] CoordinatorError),
}

impl ErrorType for SagaFailure {
    fn error_type(&self) -> &'static str {
        match self {
            Self::Saga(error) => error.name(),
            Self::Message(error) => error.name(),
            Self::Coordinator(error) => error.name(),
        }
    }
}
