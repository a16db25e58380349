//! The API: `saga-api`.
//!
//! This module owns the routes and what is common to them. [`trips`] takes trips in and shows them, [`operate`]
//! cancels, retries and resolves them, [`inventory`] puts what can be booked, [`body`] reads what comes in.

mod body;
mod inventory;
mod operate;
mod trips;
mod view;

use tenfold_ports::api::{Fault, Problem, Request, Response};
use tenfold_ports::{CallError, Host, Table};

use crate::error::ReadError;
use crate::error::SagaError;
use crate::inventory::{StockId, StockKind};
use crate::names::SagaId;
use crate::steps::Steps;
use crate::trip::Trip;

/// What the API reaches.
#[derive(Debug)]
pub struct Api<T, H> {
    /// The rows.
    pub steps: Steps<T, H, Trip>,
}

/// The longest body that is read: bytes.
const BODY_MOST: usize = 16 << 10;

/// What a route answers instead of a [`Response`].
type RouteResult = Result<Response, Problem>;

impl<T: Table, H: Host> Api<T, H> {
    /// Answers a request.
    pub async fn handle(&self, request: &Request) -> Response {
        self.route(request).await.unwrap_or_else(Response::from)
    }

    async fn route(&self, request: &Request) -> RouteResult {
        let method = request.method.as_str();
        let allow = |allowed: &str| Err(Problem::method(method, allowed));
        match request.segments().as_slice() {
            ["trips"] => match method {
                "POST" => self.post_trip(request).await,
                "GET" => self.list_trips(request).await,
                _ => allow("GET or POST"),
            },
            ["trips", id] => match method {
                "GET" => self.get_trip(saga(id)?).await,
                _ => allow("GET"),
            },
            ["trips", id, "cancel"] => match method {
                "POST" => self.cancel(saga(id)?).await,
                _ => allow("POST"),
            },
            ["trips", id, "retry"] => match method {
                "POST" => self.retry(saga(id)?).await,
                _ => allow("POST"),
            },
            ["trips", id, "resolve"] => match method {
                "POST" => self.resolve(saga(id)?, &request.body).await,
                _ => allow("POST"),
            },
            ["inventory", kind, id] => {
                let (kind, id) = stock(kind, id)?;
                match method {
                    "PUT" => self.put_stock(kind, &id, &request.body).await,
                    "GET" => self.get_stock(kind, &id).await,
                    _ => allow("GET or PUT"),
                }
            }
            _ => Err(Problem::no_route(&request.path)),
        }
    }
}

fn saga(id: &str) -> Result<SagaId, Problem> {
    SagaId::parse(id).ok_or_else(|| unknown_trip(id))
}

fn stock(kind: &str, id: &str) -> Result<(StockKind, StockId), Problem> {
    let invalid = |detail: String| Problem::invalid(vec![Fault::new("path", detail)]);
    let parsed = StockKind::parse(kind);
    let parsed =
        parsed.ok_or_else(|| invalid(format!("`{kind}` is no kind; flight, hotel or car was expected")))?;
    Ok((parsed, StockId::parse(id).map_err(|e| invalid(e.to_string()))?))
}

fn small(body: &[u8]) -> Result<(), Problem> {
    if body.len() > BODY_MOST { Err(Problem::too_large(body.len(), BODY_MOST)) } else { Ok(()) }
}

fn unknown_trip(id: &str) -> Problem {
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

fn no_table(error: CallError) -> Problem {
    SagaError::from(error).into()
}
