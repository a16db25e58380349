//! `PUT` and `GET /inventory/{kind}/{id}`.

use tenfold_ports::api::{Problem, Response};
use tenfold_ports::table::{Read, WriteError};
use tenfold_ports::{CallError, Host, Table};

use super::{Api, RouteResult, body, no_table, small};
use crate::error::ReadError;
use crate::inventory::{Stock, StockId, StockKind, stock_key};

impl<T: Table, H: Host> Api<T, H> {
    pub(super) async fn put_stock(&self, kind: StockKind, id: &StockId, body: &[u8]) -> RouteResult {
        small(body)?;
        let (available, releases) = body::stock(body).map_err(Problem::invalid)?;
        match self.steps.table.write(Stock::put(kind, id, available, releases)).await {
            Ok(()) => self.get_stock(kind, id).await,
            Err(WriteError::Call(e)) => Err(no_table(e)),
            // There is no condition that could fail.
            Err(WriteError::Conflict { .. }) => Err(no_table(CallError::Throttled)),
        }
    }

    pub(super) async fn get_stock(&self, kind: StockKind, id: &StockId) -> RouteResult {
        let item = self.steps.table.get(&stock_key(kind, id), Read::Consistent).await.map_err(no_table)?;
        let Some(item) = item else {
            let (kind, detail) = (kind.name(), "PUT it with what is available");
            let detail = format!("there is no {kind} {id}; {detail}");
            return Err(Problem::new(404, "unknown-inventory", "There is no such inventory", detail));
        };
        Ok(Response::json(200, &Stock::read(&item).map_err(ReadError::from)?))
    }
}
