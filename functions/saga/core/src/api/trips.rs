//! `POST /trips`, `GET /trips` and `GET /trips/{sagaId}`.

use futures_util::future::try_join_all;
use jiff::tz::TimeZone;
use serde_json::json;
use smol_str::{SmolStr, format_smolstr};
use tenfold_ports::api::{Fault, Problem, Request, Response};
use tenfold_ports::table::{Cancelled, Cursor, Item, Key, Page, Query, Read, TransactError};
use tenfold_ports::{CallError, Host, Table};

use super::body::{self, TripRequest};
use super::view::{Listed, TripView};
use super::{Api, RouteResult, no_table, small, unknown_trip};
use crate::context::SagaContext;
use crate::error::ReadError;
use crate::event::SagaEvent;
use crate::mutant::{Mutant, is_in};
use crate::names::SagaId;
use crate::rows::{LogEntry, OPEN_INDEX, Partition, SagaData, SagaRow, WAKE, saga_key, saga_of};
use crate::state::SagaState;
use crate::steps::TRIES;
use crate::trip::Trip;

/// The most trips of a page.
const PAGE: usize = 50;
/// The states whose trips are listed: those of the index.
const LISTED: [SagaState; 3] = [SagaState::Running, SagaState::Compensating, SagaState::Stuck];

impl<T: Table, H: Host> Api<T, H> {
    pub(super) async fn post_trip(&self, request: &Request) -> RouteResult {
        small(&request.body)?;
        let now = self.steps.host.now();
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
        let chance = if is_in(Mutant::KeyIgnored) { self.steps.host.next_u64() } else { 0 };
        let id = if chance > 0 { SagaId::of_key(&chance.to_string()) } else { SagaId::of_key(&key) };
        let data = SagaData { style, payload: trip, created: now };
        if let Some(fault) = past {
            // The trip began while its sender was still trying to hear of it.
            let item = self.steps.table.get(&saga_key(id), Read::Consistent).await.map_err(no_table)?;
            return match item {
                Some(item) => repeated(&item, &data),
                None => Err(Problem::invalid(vec![fault])),
            };
        }
        self.start(id, data).await
    }

    async fn start(&self, id: SagaId, data: SagaData<Trip>) -> RouteResult {
        let (definition, now) = (&self.steps.definition, data.created);
        let create = SagaRow::create(definition, id, data.clone());
        let context = SagaContext { saga: id, round: 0, style: data.style, payload: data.payload.clone() };
        let entry = LogEntry::of(definition, &context, SagaEvent::Started, now);
        let started = LogEntry { state: Some(SagaState::Running), ..entry }.append();
        let mut failure = CallError::Throttled;
        for _ in 0..TRIES {
            let writes = vec![create.clone(), started.clone()];
            match self.steps.table.transact(writes).await {
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

    pub(super) async fn get_trip(&self, id: SagaId) -> RouteResult {
        let part = Partition::read(&self.steps.table, &self.steps.definition, id).await?;
        let part = part.ok_or_else(|| unknown_trip(&id.to_string()))?;
        Ok(Response::json(200, &TripView::new(&self.steps.definition, part)))
    }

    pub(super) async fn list_trips(&self, request: &Request) -> RouteResult {
        let shards = self.steps.definition.shards();
        let (state, cursor) = list_of(request, shards)?;
        // Most shards hold little or nothing, so all are asked at once; what does not fit waits for the next page.
        let cursors = std::iter::once(cursor).chain((cursor.shard + 1..shards).map(ListCursor::start));
        let pages = cursors.filter_map(|cursor| Some((cursor, state.open(cursor.shard)?)));
        let pages = pages.map(async |(cursor, partition)| {
            let after = cursor.query_after(&partition);
            let query =
                Query { index: Some(OPEN_INDEX), limit: PAGE as u32, after, ..Query::partition(partition) };
            self.steps.table.query(query).await.map(|page| (cursor, page))
        });
        let pages = try_join_all(pages).await.map_err(no_table)?;
        let (keys, next) = first_page(pages, shards);
        let mut trips = Vec::new();
        if !keys.is_empty() {
            // The index lags behind, and knows only keys.
            let items = self.steps.table.get_many(&keys, Read::Consistent).await.map_err(no_table)?;
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

/// The keys of a page's trips, in the order of the shards, and where the next page begins; none after the last.
fn first_page(shards_pages: Vec<(ListCursor, Page)>, shards: u8) -> (Vec<Key>, Option<ListCursor>) {
    let mut keys = Vec::new();
    for (cursor, page) in shards_pages {
        let mut last = cursor;
        for item in page.items {
            if keys.len() == PAGE {
                return (keys, Some(last));
            }
            let id = saga_of(&item.key);
            last.after = item.number(WAKE).ok().zip(id).or(last.after);
            keys.push(item.key);
        }
        if let Some(next) = page.next.and_then(|next| cursor.at(&next)) {
            return (keys, Some(next));
        }
        if keys.len() == PAGE {
            return (keys, (cursor.shard + 1 < shards).then(|| ListCursor::start(cursor.shard + 1)));
        }
    }
    (keys, None)
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

/// Where a page of a list begins.
#[derive(Clone, Copy)]
struct ListCursor {
    shard: u8,
    /// After which saga; none: with the first of the shard.
    after: Option<(i64, SagaId)>,
}

impl ListCursor {
    const fn start(shard: u8) -> Self {
        Self { shard, after: None }
    }

    /// After the last of a page of this shard.
    fn at(self, last: &Cursor) -> Option<Self> {
        let (_, wake) = last.index.as_ref()?;
        let id = saga_of(&last.key)?;
        Some(Self { after: Some((*wake, id)), ..self })
    }

    fn query_after(self, partition: &SmolStr) -> Option<Cursor> {
        let (wake, id) = self.after?;
        Some(Cursor { key: saga_key(id), index: Some((partition.clone(), wake)) })
    }

    fn text(self) -> String {
        match self.after {
            None => self.shard.to_string(),
            Some((wake, id)) => format!("{}.{wake}.{id}", self.shard),
        }
    }

    fn parse(text: &str, shards: u8) -> Option<Self> {
        let mut parts = text.splitn(3, '.');
        let shard = parts.next()?.parse().ok().filter(|shard| *shard < shards)?;
        let after = match (parts.next(), parts.next()) {
            (None, _) => None,
            (Some(wake), id) => {
                let id = SagaId::parse(id?)?;
                Some((wake.parse().ok().filter(|wake| *wake >= 0)?, id))
            }
        };
        Some(Self { shard, after })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_is_written() {
        let id = SagaId::of_key("a");
        for cursor in [ListCursor::start(7), ListCursor { shard: 2, after: Some((1_800_000_000, id)) }] {
            let read = ListCursor::parse(&cursor.text(), 8).unwrap();
            assert_eq!((read.shard, read.after), (cursor.shard, cursor.after));
        }
        for bad in
            ["", "8", "-1", "1.", "1.5", "1.x.y", "1.5.nobody", "1.-5.7b357e39-9cbe-534c-a136-fc65a8428e65"]
        {
            assert!(ListCursor::parse(bad, 8).is_none(), "{bad}");
        }
    }
}
