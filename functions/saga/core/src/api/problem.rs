//! What is answered instead of a success.

use tenfold_ports::api::Problem;

use crate::error::SagaError;

/// After how many seconds a caller may try again what others kept from being done.
pub(super) const RETRY_AFTER: u64 = 2;

pub(super) fn unknown_trip(id: &str) -> Problem {
    let detail = format!("there is no trip {id}; POST /trips answers with the id of the trip that it takes");
    Problem::new(404, "unknown-trip", "There is no such trip", detail)
}

impl From<SagaError> for Problem {
    fn from(error: SagaError) -> Self {
        match error {
            SagaError::UnknownSaga(id) => unknown_trip(&id.to_string()),
            SagaError::Read(error) => error.into(),
            SagaError::Conflict(id) => {
                tracing::warn!(%id, "others kept writing");
                Self::unavailable("others keep writing this trip; send the same request again", RETRY_AFTER)
            }
            // None of them is what a route asks for.
            error => {
                tracing::error!(%error, "saga not read or written");
                Self::internal("the trip cannot be read or written; the log has the reason")
            }
        }
    }
}
