//! `PUT` and `GET /inventory/{kind}/{id}`.

use tenfold_pattern::ReadError;
use tenfold_pattern::commit::{self, Committed};
use tenfold_pattern::http::conditional::{not_modified, precondition};
use tenfold_pattern::http::{self, EntityTag, RouteResult};
use tenfold_ports::api::{Problem, Request, Response};
use tenfold_ports::table::{Item, Read, WriteError};
use tenfold_ports::{CallError, Runtime, Table};

use super::body::{self, BODY_MOST};
use super::problem::RETRY_AFTER;
use crate::inventory::{Releases, Stock, StockId, StockKind, stock_key};
use crate::steps::Steps;
use crate::trip::Trip;

pub(super) async fn put<T: Table, R: Runtime>(
    steps: &Steps<T, R, Trip>,
    kind: StockKind,
    id: &StockId,
    request: &Request,
) -> RouteResult {
    http::within(&request.body, BODY_MOST)?;
    let (available, releases) = body::stock(&request.body).map_err(Problem::invalid)?;
    if ["if-match", "if-none-match"].iter().any(|name| request.header(name).is_some()) {
        return put_as_seen(steps, kind, id, (available, releases), request).await;
    }
    match steps.table.write(Stock::put(kind, id, available, releases)).await {
        Ok(()) => shown(find(steps, kind, id).await?, kind, id),
        Err(WriteError::Call(error)) => Err(ReadError::from(error).into()),
        // There is no condition that could fail.
        Err(WriteError::Conflict { .. }) => Err(ReadError::from(CallError::Throttled).into()),
    }
}

/// Puts it where it is what the request's sender has seen. Trips change what is available and reserved, too.
async fn put_as_seen<T: Table, R: Runtime>(
    steps: &Steps<T, R, Trip>,
    kind: StockKind,
    id: &StockId,
    (available, releases): (i64, Releases),
    request: &Request,
) -> RouteResult {
    let mut before = find(steps, kind, id).await?;
    for _ in 0..commit::TRIES {
        precondition(request, before.as_ref().map(EntityTag::of).as_ref())?;
        let after = Stock { available, reserved: before.map_or(0, |stock| stock.reserved), releases };
        // Not by what it holds: somebody else may have put the same.
        let stamp = (steps.runtime.next_u64() >> 1) as i64;
        let write = Stock::replace(kind, id, (available, releases), before, stamp);
        let mine = |item: &Item| Stock::is_stamped(item, stamp);
        match commit::write(&steps.table, &write, mine).await.map_err(ReadError::from)? {
            Committed::Yes => return shown(Some(after), kind, id),
            Committed::Conflict(item) => {
                before = item.as_ref().map(Stock::read).transpose().map_err(ReadError::from)?;
            }
            Committed::Unclear(_) => return Err(ReadError::from(CallError::Unknown).into()),
        }
    }
    let detail = "trips keep changing this inventory; send the same request again";
    Err(Problem::unavailable(detail, RETRY_AFTER))
}

pub(super) async fn get<T: Table, R: Runtime>(
    steps: &Steps<T, R, Trip>,
    kind: StockKind,
    id: &StockId,
    request: &Request,
) -> RouteResult {
    let stock = find(steps, kind, id).await?;
    match stock.as_ref().map(EntityTag::of) {
        Some(tag) if not_modified(request, &tag) => Ok(Response::empty(304).with("etag", tag.to_string())),
        _ => shown(stock, kind, id),
    }
}

async fn find<T: Table, R>(
    steps: &Steps<T, R, Trip>,
    kind: StockKind,
    id: &StockId,
) -> Result<Option<Stock>, ReadError> {
    let item = steps.table.get(&stock_key(kind, id), Read::Consistent).await?;
    Ok(item.as_ref().map(Stock::read).transpose()?)
}

fn shown(stock: Option<Stock>, kind: StockKind, id: &StockId) -> RouteResult {
    let Some(stock) = stock else {
        let detail = format!("there is no {} {id}; PUT it with what is available", kind.name());
        return Err(Problem::new(404, "unknown-inventory", "There is no such inventory", detail));
    };
    Ok(Response::json(200, &stock).with("etag", EntityTag::of(&stock).to_string()))
}
