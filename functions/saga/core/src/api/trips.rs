//! `POST /trips`, `GET /trips` and `GET /trips/{sagaId}`.

use futures_util::future::try_join_all;
use jiff::tz::TimeZone;
use serde_json::json;
use smol_str::{SmolStr, format_smolstr};
use tenfold_pattern::ReadError;
use tenfold_pattern::commit::{self, Transacted};
use tenfold_pattern::http::{self, RouteResult, page_token};
use tenfold_pattern::read::readable;
use tenfold_ports::api::{Fault, Problem, Request, Response};
use tenfold_ports::table::{Cancelled, Item, Query, Read};
use tenfold_ports::{CallError, Carrier, Runtime, Table};

use super::body::{self, BODY_MOST, TripRequest};
use super::problem::unknown_trip;
use super::view::{Listed, TripView};
use crate::context::SagaContext;
use crate::decide::{LIST_PAGE, ListCursor, first_page};
use crate::event::SagaEvent;
use crate::mutant::{Mutant, is_in};
use crate::names::SagaId;
use crate::rows::{LogEntry, OPEN_INDEX, Partition, SagaData, SagaRow, saga_key};
use crate::state::SagaState;
use crate::steps::Steps;
use crate::trip::Trip;

/// The states whose trips are listed: those of the index.
const LISTED: [SagaState; 3] = [SagaState::Running, SagaState::Compensating, SagaState::Stuck];

pub(super) async fn post<T: Table, R: Runtime>(
    steps: &Steps<T, R, Trip>,
    request: &Request,
    carrier: &Carrier,
) -> RouteResult {
    http::within(&request.body, BODY_MOST)?;
    let now = steps.runtime.now();
    let mut faults = Vec::new();
    let key = http::idempotency_key(request).map_err(|fault| faults.push(fault)).ok();
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
    let data = SagaData { style, payload: trip, created: now, carrier: carrier.clone() };
    if let Some(fault) = past {
        // The trip began while its sender was still trying to hear of it.
        let item = steps.table.get(&saga_key(id), Read::Consistent).await.map_err(ReadError::from)?;
        return match item {
            Some(item) => repeated(request, &item, &data),
            None => Err(Problem::invalid(vec![fault])),
        };
    }
    start(steps, request, id, data).await
}

async fn start<T: Table, R: Runtime>(
    steps: &Steps<T, R, Trip>,
    request: &Request,
    id: SagaId,
    data: SagaData<Trip>,
) -> RouteResult {
    let (definition, now) = (&steps.definition, data.created);
    let create = SagaRow::create(definition, id, data.clone());
    let SagaData { style, payload, carrier, .. } = data.clone();
    let context = SagaContext { saga: id, round: 0, style, payload, carrier };
    let entry = LogEntry::of(definition, &context, SagaEvent::Started, now);
    let started = LogEntry { state: Some(SagaState::Running), ..entry }.append();
    let writes = [create, started];
    for _ in 0..commit::TRIES {
        // Told by the saga's row: the same key has the same row, whoever has written it.
        match commit::transact(&steps.table, &writes, |_| false).await.map_err(ReadError::from)? {
            Transacted::Yes => return Ok(accepted(request, id)),
            Transacted::Cancelled(reasons) => {
                if let Some(Cancelled::Condition(Some(item))) = reasons.first() {
                    return repeated(request, item, &data);
                }
            }
        }
    }
    Err(ReadError::from(CallError::Throttled).into())
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
    let partition = |cursor: ListCursor| state.open(cursor.shard()).map(|partition| (cursor, partition));
    let pages = cursor.and_behind(shards).filter_map(partition);
    let pages = pages.map(async |(cursor, partition)| {
        let after = cursor.query_after(&partition);
        let query =
            Query { index: Some(OPEN_INDEX), limit: LIST_PAGE as u32, after, ..Query::partition(partition) };
        steps.table.query(query).await.map(|page| (cursor, page))
    });
    let pages = try_join_all(pages).await.map_err(ReadError::from)?;
    let (keys, next) = first_page(pages, shards);
    let mut trips = Vec::new();
    if !keys.is_empty() {
        // The index lags behind, and knows only keys.
        let items = steps.table.get_many(&keys, Read::Consistent).await.map_err(ReadError::from)?;
        for item in items.iter().flatten() {
            let saga: Option<SagaRow<Trip>> = readable(&steps.runtime, SagaRow::read(item));
            trips.extend(saga.filter(|saga| saga.state == state).map(|saga| Listed::new(&saga)));
        }
    }
    let next = next.map(|cursor| page_token::write(&list_name(state), &cursor));
    Ok(Response::json(200, &json!({ "trips": trips, "next": next })))
}

/// What a repeated key is answered: what was answered first, to the same request.
fn repeated(request: &Request, item: &Item, asked: &SagaData<Trip>) -> RouteResult {
    let there: SagaRow<Trip> = SagaRow::read(item).map_err(ReadError::from)?;
    if (there.data.style, &there.data.payload) == (asked.style, &asked.payload) {
        return Ok(accepted(request, there.id));
    }
    let detail = "this Idempotency-Key came before with another trip or style; take a new key for a new trip";
    Err(Problem::new(422, "key-reused", "The key was used for another trip", detail))
}

fn accepted(request: &Request, id: SagaId) -> Response {
    let location = http::location(request, &format!("/trips/{id}"));
    Response::json(202, &json!({ "sagaId": id })).with("location", location)
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
    let mut fault = |fault: Fault| faults.push(fault);
    let state = state_of(request).map_err(&mut fault).ok();
    let after = http::parameter(request, "after").and_then(|after| match (after, state) {
        (None, _) => Ok(Some(ListCursor::start(0))),
        (Some(after), Some(state)) => place(state, after, shards).map(Some),
        // Of which list it is cannot be said.
        (Some(_), None) => Ok(None),
    });
    let cursor = after.map_err(fault).ok().flatten();
    match (state, cursor) {
        (Some(state), Some(cursor)) if faults.is_empty() => Ok((state, cursor)),
        _ => Err(Problem::invalid(faults)),
    }
}

fn state_of(request: &Request) -> Result<SagaState, Fault> {
    let state = http::parameter(request, "state")?;
    let listed = state.and_then(|state| SagaState::parse(state)).filter(|state| LISTED.contains(state));
    listed.ok_or_else(|| {
        let found = state.map_or_else(|| "is missing".to_owned(), |state| format!("is `{state}`"));
        let wanted = "running, compensating or stuck was expected; trips at their end are not listed";
        Fault::new("query:state", format!("{found}; {wanted}"))
    })
}

/// A place in the list of a state, as the page before has named it.
fn place(state: SagaState, after: &str, shards: u8) -> Result<ListCursor, Fault> {
    let cursor: ListCursor = page_token::read(&list_name(state), after)?;
    if cursor.is_in(shards) { Ok(cursor) } else { Err(page_token::no_place()) }
}

/// The list whose pages a token is for.
fn list_name(state: SagaState) -> SmolStr {
    format_smolstr!("trips?state={}", state.name())
}
