//! The API: `saga-api`.
//!
//! This module owns the routes. `trips` takes trips in and shows them, `operate` cancels, retries and
//! resolves them, `inventory` puts what can be booked; `body` reads what comes in, `view` is what is shown,
//! and `problem` what is answered where that cannot be done.

mod body;
mod inventory;
mod operate;
mod problem;
mod trips;
mod view;

use tenfold_pattern::http::{RouteResult, segments};
use tenfold_ports::api::{Fault, Problem, Request, Response};
use tenfold_ports::{Carrier, Context, Runtime, Table};

use problem::unknown_trip;

use crate::inventory::{StockId, StockKind};
use crate::names::SagaId;
use crate::steps::Steps;
use crate::trip::Trip;

/// The API of trips and their inventory, and what it reaches.
#[derive(Debug)]
pub struct Api<T, R> {
    /// The trips' rows; the inventory is in the same table.
    pub steps: Steps<T, R, Trip>,
}

impl<T: Table, R: Runtime> Api<T, R> {
    /// Answers a request: with a problem (RFC 9457) where it cannot be done.
    pub async fn handle(&self, request: &Request, context: &Context) -> Response {
        self.route(request, &context.carrier()).await.unwrap_or_else(Response::from)
    }

    async fn route(&self, request: &Request, carrier: &Carrier) -> RouteResult {
        let (steps, method) = (&self.steps, request.method.as_str());
        let allow = |allowed: &[&str]| Err(Problem::method_not_allowed(method, allowed));
        let parts = segments(request)?;
        let parts: Vec<&str> = parts.iter().map(AsRef::as_ref).collect();
        match *parts {
            ["trips"] => match method {
                "POST" => trips::post(steps, request, carrier).await,
                "GET" => trips::list(steps, request).await,
                _ => allow(&["GET", "POST"]),
            },
            ["trips", id] => match method {
                "GET" => trips::get(steps, saga(id)?).await,
                _ => allow(&["GET"]),
            },
            ["trips", id, "cancel"] => match method {
                "POST" => operate::cancel(steps, saga(id)?, carrier).await,
                _ => allow(&["POST"]),
            },
            ["trips", id, "retry"] => match method {
                "POST" => operate::retry(steps, saga(id)?, carrier).await,
                _ => allow(&["POST"]),
            },
            ["trips", id, "resolve"] => match method {
                "POST" => operate::resolve(steps, saga(id)?, request, carrier).await,
                _ => allow(&["POST"]),
            },
            ["inventory", kind, id] => {
                let (kind, id) = stock(kind, id)?;
                match method {
                    "PUT" => inventory::put(steps, kind, &id, request).await,
                    "GET" => inventory::get(steps, kind, &id, request).await,
                    _ => allow(&["GET", "PUT"]),
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
