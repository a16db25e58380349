//! Configuration and wiring of the circuit breaker's functions. What they do is in `circuit-breaker-core`.

mod config;
mod event;

use circuit_breaker_core::error::ScheduledRunError;
use circuit_breaker_core::retry_processor::RunSummary;
use serde::Serialize;
use tenfold_lambda::ErrorType;
use tenfold_lambda::sqs::SqsBatchResponse;
use tenfold_ports::SmolStr;

pub use config::{Config, Queues};
pub use event::{MonitorCall, ProcessorCall};

/// The pattern's slug, which names its functions and its metrics' namespace.
pub const SLUG: &str = "circuit-breaker";

/// Why a run failed, by the names that the alarms and a person see.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct RunFailure(#[from] pub ScheduledRunError);

/// What a call of the retry processor is answered.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum ProcessorAnswer {
    /// The schedule: what was done, for whoever calls by hand.
    Swept(RunSummary),
    /// The event source: which messages come again.
    Drained(SqsBatchResponse),
}

impl From<RunSummary> for ProcessorAnswer {
    fn from(summary: RunSummary) -> Self {
        Self::Swept(summary)
    }
}

impl From<Vec<SmolStr>> for ProcessorAnswer {
    fn from(again: Vec<SmolStr>) -> Self {
        let mut response = SqsBatchResponse::default();
        again.iter().for_each(|id| response.add_failure(id.as_str()));
        Self::Drained(response)
    }
}

impl ErrorType for RunFailure {
    fn error_type(&self) -> &'static str {
        self.0.name()
    }
}

#[cfg(test)]
mod tests {
    //! Only the breaker, on AWS: what is sent to other threads there. It is enough that this compiles.

    use std::convert::Infallible;
    use std::future::Ready;
    use std::time::Duration;

    use circuit_breaker_core::guard::{Guard, Guarded};
    use tenfold_aws::SystemRuntime;
    use tenfold_aws::table::DynamoTable;
    use tenfold_lambda::Emf;
    use tower::Service;
    use tower::util::BoxCloneService;

    type Own = Guard<DynamoTable, SystemRuntime<Emf>, fn(Duration) -> Ready<()>>;

    const fn is_sent<T: Send>(_: &T) {}

    const fn may_be_served<S: Service<u8, Future: Send> + Clone + Send>() {}

    #[test]
    fn a_guarded_client_may_be_served_on_all_threads() {
        const { may_be_served::<Guarded<BoxCloneService<u8, (), Infallible>, Own>>() };
    }

    #[test]
    fn a_guarded_call_may_be_spawned() {
        _ = |guard: &Own| is_sent(&guard.call(async |_| Ok::<(), ()>(())));
    }
}
