//! Configuration and wiring of the saga's functions. What they do is in `saga-core`.

mod config;
mod service;

use saga_core::coordinator::RunError;
use saga_core::error::SagaError;
use saga_core::service::MessageError;
use tenfold_aws::Process;
use tenfold_lambda::{Emf, ErrorType};

pub use config::{Outlets, Rows};
pub use service::serve;

/// The pattern's slug, which names its metrics' namespace.
const SLUG: &str = "saga";

/// Returns the time, the chance and the metrics of the function `name`.
#[must_use]
pub fn host(name: &'static str) -> Process<Emf> {
    Process::new(Emf::new(SLUG, name))
}

/// The error of an invocation that failed, by the names that the state machine catches and a person sees.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub enum SagaFailure {
    /// A step, its undoing or the settling.
    Saga(#[from] SagaError),
    /// A message.
    Message(#[from] MessageError),
    /// A run of the coordinator.
    Run(#[from] RunError),
}

impl ErrorType for SagaFailure {
    fn error_type(&self) -> &'static str {
        match self {
            Self::Saga(error) => error.name(),
            Self::Message(error) => error.name(),
            Self::Run(error) => error.name(),
        }
    }
}
