//! What is answered instead of a success.

use tenfold_ports::CallError;
use tenfold_ports::api::{Problem, Response};

use crate::error::{ReadError, SagaError};

/// What a route answers: a response, or the problem that kept it from one.
pub(super) type RouteResult = Result<Response, Problem>;

/// The longest body that is read: bytes.
const BODY_MOST: usize = 16 << 10;

pub(super) fn small(body: &[u8]) -> Result<(), Problem> {
    if body.len() > BODY_MOST { Err(Problem::too_large(body.len(), BODY_MOST)) } else { Ok(()) }
}

pub(super) fn unknown_trip(id: &str) -> Problem {
    let detail = format!("there is no trip {id}; POST /trips answers with the id of the trip that it takes");
    Problem::new(404, "unknown-trip", "There is no such trip", detail)
}

impl From<SagaError> for Problem {
    fn from(error: SagaError) -> Self {
        match error {
            SagaError::UnknownSaga(id) => unknown_trip(&id.to_string()),
            SagaError::Conflict(id) => {
                tracing::warn!(%id, "others kept writing");
                Self::unavailable("others keep writing this trip; send the same request again", 2)
            }
            // What repeating it does not mend.
            SagaError::Row(_) | SagaError::Table(CallError::Refused(_)) => {
                tracing::error!(%error, "saga not read or written");
                Self::internal("a row of the table cannot be read or written; the log has the reason")
            }
            error => {
                tracing::error!(%error, "saga not written");
                Self::unavailable("the table did not answer in time; send the same request again", 2)
            }
        }
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        SagaError::from(error).into()
    }
}

pub(super) fn no_table(error: CallError) -> Problem {
    SagaError::from(error).into()
}
