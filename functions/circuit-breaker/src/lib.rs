//! Configuration and wiring of the circuit breaker's functions. What they do is in `circuit-breaker-core`.

mod config;
mod event;

use circuit_breaker_core::error::ScheduledRunError;
use tenfold_lambda::ErrorType;

pub use config::{Config, Queues};
pub use event::MonitorCall;

/// The pattern's slug, which names its functions and its metrics' namespace.
pub const SLUG: &str = "circuit-breaker";

/// Why a run failed, by the names that the alarms and a person see.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct RunFailure(#[from] pub ScheduledRunError);

impl ErrorType for RunFailure {
    fn error_type(&self) -> &'static str {
        self.0.name()
    }
}
