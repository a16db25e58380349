//! `PUT` and `GET /inventory/{kind}/{id}`.

use tenfold_ports::api::{Problem, Response};
use tenfold_ports::table::{Read, WriteError};
use tenfold_ports::{CallError, Runtime, Table};

use super::body;
use super::problem::{RouteResult, no_table, small};
use crate::error::ReadError;
use crate::inventory::{Stock, StockId, StockKind, stock_key};
use crate::steps::Steps;
use crate::trip::Trip;

pub(super) async fn put<T: Table, R: Runtime>(
    steps: &Steps<T, R, Trip>,
    kind: StockKind,
    id: &StockId,
    body: &[u8],
) -> RouteResult {
    small(body)?;
    let (available, releases) = body::stock(body).map_err(Problem::invalid)?;
    match steps.table.write(Stock::put(kind, id, available, releases)).await {
        Ok(()) => get(steps, kind, id).await,
        Err(WriteError::Call(e)) => Err(no_table(e)),
        // There is no condition that could fail.
        Err(WriteError::Conflict { .. }) => Err(no_table(CallError::Throttled)),
    }
}

pub(super) async fn get<T: Table, R: Runtime>(
    steps: &Steps<T, R, Trip>,
    kind: StockKind,
    id: &StockId,
) -> RouteResult {
    let item = steps.table.get(&stock_key(kind, id), Read::Consistent).await.map_err(no_table)?;
    let Some(item) = item else {
        let (kind, detail) = (kind.name(), "PUT it with what is available");
        let detail = format!("there is no {kind} {id}; {detail}");
        return Err(Problem::new(404, "unknown-inventory", "There is no such inventory", detail));
    };
    Ok(Response::json(200, &Stock::read(&item).map_err(ReadError::from)?))
}
