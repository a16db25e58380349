//! `POST /trips`, `GET /trips` and `GET /trips/{sagaId}`.

use futures_util::future::try_join_all;
use jiff::tz::TimeZone;
use serde_json::json;
use smol_str::{SmolStr, format_smolstr};
use tenfold_ports::api::{Fault, Problem, Request, Response};
use tenfold_ports::table::{Cancelled, Item, Query, Read, TransactError};
use tenfold_ports::{CallError, Runtime, Table};

use super::body::{self, TripRequest};
use super::problem::{RouteResult, no_table, small, unknown_trip};
use super::view::{Listed, TripView};
use crate::context::SagaContext;
use crate::decide::{LIST_PAGE, ListCursor, first_page};
use crate::error::ReadError;
use crate::event::SagaEvent;
use crate::mutant::{Mutant, is_in};
use crate::names::SagaId;
use crate::rows::{LogEntry, OPEN_INDEX, Partition, SagaData, SagaRow, saga_key};
use crate::state::SagaState;
use crate::steps::{Steps, TRIES};
use crate::trip::Trip;

/// The states whose trips are listed: those of the index.
const LISTED: [SagaState; 3] = [SagaState::Running, SagaState::Compensating, SagaState::Stuck];

pub(super) async fn post<T: Table, R: Runtime>(steps: &Steps<T, R, Trip>, request: &Request) -> RouteResult {
    small(&request.body)?;
    let now = steps.runtime.now();
    let mut faults = Vec::new();
    let key = idempotency_key(request).map_err(|fault| faults.push(fault)).ok();
    let asked = body::trip(&request.body, TimeZone::UTC.to_datetime(now).date());
    let asked = asked.map_err(|more| faults.extend(more)).ok();
    let (key, TripRequest { style, trip, past }) = match (key, asked) {
        (Some(key), Some(asked)) => (key, asked),
        (_, asked) => {
            faults.extend(asked.and_then(|asked| asked.past));
            return Err(Problem::invalid(faults));
        }
    };
    let id = saga_id(&steps.runtime, &key);
    let data = SagaData { style, payload: trip, created: now };
    if let Some(fault) = past {
        // The trip began while its sender was still trying to hear of it.
        let item = steps.table.get(&saga_key(id), Read::Consistent).await.map_err(no_table)?;
        return match item {
            Some(item) => repeated(&item, &data),
            None => Err(Problem::invalid(vec![fault])),
        };
    }
    start(steps, id, data).await
}

async fn start<T: Table, R: Runtime>(
    steps: &Steps<T, R, Trip>,
    id: SagaId,
    data: SagaData<Trip>,
) -> RouteResult {
    let (definition, now) = (&steps.definition, data.created);
    let create = SagaRow::create(definition, id, data.clone());
    let context = SagaContext { saga: id, round: 0, style: data.style, payload: data.payload.clone() };
    let entry = LogEntry::of(definition, &context, SagaEvent::Started, now);
    let started = LogEntry { state: Some(SagaState::Running), ..entry }.append();
    let mut failure = CallError::Throttled;
    for _ in 0..TRIES {
        let writes = vec![create.clone(), started.clone()];
        match steps.table.transact(writes).await {
            Ok(()) => return Ok(accepted(id)),
            Err(TransactError::Cancelled(reasons)) => {
                // Perhaps by this very call, whose answer was lost.
                if let Some(Cancelled::Condition(Some(item))) = reasons.first() {
                    return repeated(item, &data);
                }
            }
            Err(TransactError::Call(e)) if e.may_have_applied() => failure = e,
            Err(TransactError::Call(e)) => return Err(no_table(e)),
        }
    }
    Err(no_table(failure))
}

pub(super) async fn get<T: Table, R: Runtime>(steps: &Steps<T, R, Trip>, id: SagaId) -> RouteResult {
    let part = Partition::read(&steps.table, &steps.definition, id).await?;
    let part = part.ok_or_else(|| unknown_trip(&id.to_string()))?;
    Ok(Response::json(200, &TripView::new(&steps.definition, part)))
}

pub(super) async fn list<T: Table, R: Runtime>(steps: &Steps<T, R, Trip>, request: &Request) -> RouteResult {
    let shards = steps.definition.shards();
    let (state, cursor) = list_of(request, shards)?;
    // What does not fit waits for the next page.
    let pages = cursor.and_behind(shards).filter_map(|cursor| Some((cursor, state.open(cursor.shard())?)));
    let pages = pages.map(async |(cursor, partition)| {
        let after = cursor.query_after(&partition);
        let query =
            Query { index: Some(OPEN_INDEX), limit: LIST_PAGE as u32, after, ..Query::partition(partition) };
        steps.table.query(query).await.map(|page| (cursor, page))
    });
    let pages = try_join_all(pages).await.map_err(no_table)?;
    let (keys, next) = first_page(pages, shards);
    let mut trips = Vec::new();
    if !keys.is_empty() {
        // The index lags behind, and knows only keys.
        let items = steps.table.get_many(&keys, Read::Consistent).await.map_err(no_table)?;
        for item in items.iter().flatten() {
            match SagaRow::<Trip>::read(item) {
                Ok(saga) if saga.state == state => trips.push(Listed::new(&saga)),
                Ok(_) => {}
                // It must not hide the others.
                Err(error) => tracing::error!(%error, "trip not listed"),
            }
        }
    }
    let next = next.map(ListCursor::text);
    Ok(Response::json(200, &json!({ "trips": trips, "next": next })))
}

/// What a repeated key is answered: what was answered first, to the same request.
fn repeated(item: &Item, asked: &SagaData<Trip>) -> RouteResult {
    let there: SagaRow<Trip> = SagaRow::read(item).map_err(ReadError::from)?;
    if (there.data.style, &there.data.payload) == (asked.style, &asked.payload) {
        return Ok(accepted(there.id));
    }
    let detail = "this Idempotency-Key came before with another trip or style; take a new key for a new trip";
    Err(Problem::new(422, "key-reused", "The key was used for another trip", detail))
}

/// The location is relative to `/trips`, so that it is right below any stage.
fn accepted(id: SagaId) -> Response {
    Response::json(202, &json!({ "sagaId": id })).with("location", format_smolstr!("trips/{id}"))
}

fn idempotency_key(request: &Request) -> Result<SmolStr, Fault> {
    let fault = |detail| Fault::new("header:Idempotency-Key", detail);
    let key = request.header("idempotency-key");
    let key = key.ok_or_else(|| fault("is required: it is what makes a repetition safe"))?;
    let good = (1..=255).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic());
    if good { Ok(key.clone()) } else { Err(fault("1 to 255 visible ASCII characters were expected")) }
}

/// Returns the id of the trip with a key: the same key is the same trip.
fn saga_id<R: Runtime>(runtime: &R, key: &str) -> SagaId {
    if is_in(Mutant::KeyIgnored) {
        return SagaId::of_key(&runtime.next_u64().to_string());
    }
    SagaId::of_key(key)
}

/// What a list is of, and where it begins.
fn list_of(request: &Request, shards: u8) -> Result<(SagaState, ListCursor), Problem> {
    let mut faults = Vec::new();
    let mut fault = |at: &str, detail: String| faults.push(Fault::new(at, detail));
    let state = request.parameter("state").map(SmolStr::as_str);
    let listed = state.and_then(SagaState::parse).filter(|state| LISTED.contains(state));
    if listed.is_none() {
        let found = state.map_or("is missing".to_owned(), |state| format!("is `{state}`"));
        let wanted = "running, compensating or stuck was expected; trips at their end are not listed";
        fault("query:state", format!("{found}; {wanted}"));
    }
    let cursor = match request.parameter("after") {
        None => Some(ListCursor::start(0)),
        Some(after) => ListCursor::parse(after, shards),
    };
    if cursor.is_none() {
        fault("query:after", "the `next` of the page before was expected".to_owned());
    }
    match (listed, cursor) {
        (Some(state), Some(cursor)) => Ok((state, cursor)),
        _ => Err(Problem::invalid(faults)),
    }
}
