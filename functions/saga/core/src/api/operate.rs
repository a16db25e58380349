//! `POST /trips/{sagaId}/cancel`, `/retry` and `/resolve`.

use serde_json::json;
use tenfold_pattern::http::{self, RouteResult};
use tenfold_ports::api::{Problem, Request, Response};
use tenfold_ports::{Carrier, Runtime, Table};

use super::body::{self, BODY_MOST};
use crate::decide::OperatorResult;
use crate::names::SagaId;
use crate::rows::ROUND_MOST;
use crate::state::SagaState;
use crate::steps::Steps;
use crate::trip::Trip;

pub(super) async fn cancel<T: Table, R: Runtime>(
    steps: &Steps<T, R, Trip>,
    id: SagaId,
    carrier: &Carrier,
) -> RouteResult {
    answered(202, id, steps.cancel(id, carrier).await?)
}

pub(super) async fn retry<T: Table, R: Runtime>(
    steps: &Steps<T, R, Trip>,
    id: SagaId,
    carrier: &Carrier,
) -> RouteResult {
    answered(202, id, steps.retry(id, carrier).await?)
}

pub(super) async fn resolve<T: Table, R: Runtime>(
    steps: &Steps<T, R, Trip>,
    id: SagaId,
    request: &Request,
    carrier: &Carrier,
) -> RouteResult {
    http::within(&request.body, BODY_MOST)?;
    let reason = body::reason(&request.body).map_err(Problem::invalid)?;
    answered(200, id, steps.resolve(id, &reason, carrier).await?)
}

fn answered(status: u16, id: SagaId, answer: OperatorResult) -> RouteResult {
    match answer {
        OperatorResult::Accepted(state) => {
            Ok(Response::json(status, &json!({ "sagaId": id, "state": state })))
        }
        OperatorResult::WrongState(state) => Err(not_stuck(id, state)),
        OperatorResult::PastPivot => {
            let detail =
                format!("trip {id} is past its pivot: all of it is booked, and it is not undone any more");
            Err(Problem::new(409, "past-pivot", "The trip is past its pivot", detail))
        }
        OperatorResult::TooManyRounds => {
            let detail = format!("trip {id} has gone through {ROUND_MOST} rounds; resolve it instead");
            Err(Problem::new(409, "too-many-rounds", "The trip has had too many rounds", detail))
        }
    }
}

fn not_stuck(id: SagaId, state: SagaState) -> Problem {
    let detail = format!("trip {id} is {state}; only a stuck one is retried or resolved");
    Problem::new(409, "not-stuck", "The trip is not stuck", detail)
}
