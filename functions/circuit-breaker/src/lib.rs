//! Configuration and wiring of the circuit breaker's functions. What they do is in `circuit-breaker-core`.

mod config;

use circuit_breaker_core::error::StoreError;
use tenfold_aws::Process;
use tenfold_lambda::{Emf, ErrorType};

pub use config::{Config, Queues};

/// The pattern's slug, which names its metrics' namespace.
const SLUG: &str = "circuit-breaker";

/// Returns time, chance and metrics of the function `name`.
#[must_use]
pub fn host(name: &'static str) -> Process<Emf> {
    Process::new(Emf::new(SLUG, name))
}

/// Why a run failed, by the names that the alarms and a person see.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct RunFailure(#[from] pub StoreError);

impl ErrorType for RunFailure {
    fn error_type(&self) -> &'static str {
        match &self.0 {
            StoreError::Table(_) => "ServiceUnavailable",
            StoreError::Row(_) => "BadItem",
        }
    }
}
