//! `POST /targets/{target}/redrive`, `/cancel` and `/discard`: many requests at once.
//!
//! A call goes through a target's requests page by page, in the order of the list, until it has looked at so many or its
//! time is up, and answers where the next call goes on. What came in or died since the first of these calls is left out,
//! so that they come to an end whatever happens meanwhile.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use smol_str::{SmolStr, format_smolstr};
use tenfold_pattern::http::{RouteResult, page_token, parameter};
use tenfold_pattern::read::{ReadError, readable};
use tenfold_ports::api::{Fault, Problem, Request, Response};
use tenfold_ports::{Context, Downstream, Queue, Runtime, Table};

use super::filter::{QueueSide, RequestFilter};
use super::operate::{by, leads_a_group};
use super::{Gateway, unknown_target};
use crate::decide::queue_page::QueueCursor;
use crate::decide::timing::time_left;
use crate::names::TargetName;
use crate::park::Stored;
use crate::rows::{RequestRow, RequestStatus};

/// The number of requests that one call looks at, give or take a page.
const LOOKED_MOST: usize = 1_000;
/// The number of rows that are written at a time.
const WIDTH: usize = 8;
/// By how much the clock of whoever answered the first call may be ahead, and more.
const CLOCKS: SignedDuration = SignedDuration::from_mins(1);
/// How often a request is written that a drain writes meanwhile.
const TRIES: usize = 4;
/// What is left of an invocation's time for another page.
const RESERVE: Duration = Duration::from_secs(5);

/// What is done to many requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BulkCommand {
    /// Dead ones are queued again.
    Redrive,
    /// Those that wait are cancelled.
    Cancel,
    /// Dead ones are discarded.
    Discard,
}

impl BulkCommand {
    const fn side(self) -> QueueSide {
        match self {
            Self::Redrive | Self::Discard => QueueSide::Dead,
            Self::Cancel => QueueSide::Queued,
        }
    }

    /// Returns what is done, as the answer counts it.
    const fn done(self) -> &'static str {
        match self {
            Self::Redrive => "redriven",
            Self::Cancel => "cancelled",
            Self::Discard => "discarded",
        }
    }
}

/// Where a call goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct BulkPlace {
    /// When the first call began, in milliseconds since 1970.
    began: i64,
    at: QueueCursor,
}

/// What became of one request.
enum OneOfMany {
    /// It is done; whether the request may have been the first of its order group.
    Done { led_a_group: bool },
    /// The request stays as it was: its order group is full, or others wrote it again and again.
    Left,
    /// The request is no longer what is meant.
    NotMeant,
}

/// What a call has done so far.
#[derive(Debug, Default)]
struct BulkTally {
    /// The number of requests of which it is done.
    done: usize,
    looked: usize,
    /// The number of requests that it was meant for and that stay as they were.
    left: usize,
    unreadable: usize,
    /// Whether one of them may have been the first of its order group.
    led_a_group: bool,
    failed: Option<ReadError>,
}

impl<T: Table, Q: Queue, D: Downstream, R: Runtime> Gateway<T, Q, D, R> {
    pub(super) async fn redrive_many(
        &self,
        target: &TargetName,
        request: &Request,
        context: &Context,
    ) -> RouteResult {
        self.bulk(BulkCommand::Redrive, target, request, context).await
    }

    pub(super) async fn cancel_many(
        &self,
        target: &TargetName,
        request: &Request,
        context: &Context,
    ) -> RouteResult {
        self.bulk(BulkCommand::Cancel, target, request, context).await
    }

    pub(super) async fn discard_many(
        &self,
        target: &TargetName,
        request: &Request,
        context: &Context,
    ) -> RouteResult {
        self.bulk(BulkCommand::Discard, target, request, context).await
    }

    async fn bulk(
        &self,
        command: BulkCommand,
        target: &TargetName,
        request: &Request,
        context: &Context,
    ) -> RouteResult {
        let filter = RequestFilter::of_body(&request.body, command.side())?;
        let list = format_smolstr!("targets/{target} {} {}", command.done(), filter.name());
        let begun = self.place(&list, request).map_err(|fault| Problem::invalid(vec![fault]))?;
        if command == BulkCommand::Redrive {
            self.registry.load(target, &[]).await?;
            self.registry.target(target).ok_or_else(|| unknown_target(target))?;
        }
        let is_first = begun.is_none();
        let now = self.runtime.now();
        let mut place =
            begun.unwrap_or_else(|| BulkPlace { began: now.as_millisecond(), at: QueueCursor::default() });
        let mut tally = BulkTally::default();
        let next = loop {
            match self.bulk_page(command, target, &filter, &place, &mut tally).await {
                Ok(Some(at)) => place.at = at,
                Ok(None) => break None,
                // What was done and looked at is told, and the next call goes on with the page that was refused.
                Err(error) if tally.done + tally.looked > 0 => {
                    tracing::warn!(%target, %error, "not all of a page was done");
                    break Some(place);
                }
                Err(error) => return Err(error.into()),
            }
            let left = time_left(self.runtime.now(), context.deadline, RESERVE, Duration::MAX);
            if tally.looked >= LOOKED_MOST || left.is_zero() {
                break Some(place);
            }
        };
        if is_first && tally.looked == 0 && command != BulkCommand::Redrive {
            self.must_know(target).await?;
        }
        tracing::info!(
            %target, command = command.done(), requests = tally.done, looked = tally.looked, by = by(request),
            "many requests at once"
        );
        match (command, tally.done) {
            (_, 0) => {}
            (BulkCommand::Redrive, done) => self.redriven_of(target, done).await,
            (_, done) => self.dismissed_of(target, done, tally.led_a_group).await,
        }
        let next = next.map(|next| page_token::write(&list, &next));
        let answer = json!({
            command.done(): tally.done,
            "looked": tally.looked,
            "left": tally.left,
            "unreadable": tally.unreadable,
            "next": next,
        });
        Ok(Response::json(200, &answer))
    }

    /// Returns where a call goes on; none where it is the first.
    fn place(&self, list: &str, request: &Request) -> Result<Option<BulkPlace>, Fault> {
        let Some(after) = parameter(request, "after")? else { return Ok(None) };
        let place: BulkPlace = page_token::read(list, after)?;
        // It may be made up, and ages are counted from it.
        let began = 0..=(self.runtime.now() + CLOCKS).as_millisecond();
        if place.at.is_in(self.shards.into()) && began.contains(&place.began) {
            Ok(Some(place))
        } else {
            Err(page_token::no_place())
        }
    }

    /// Does what is to be done to a page of requests, some at a time. Returns where the next page begins.
    async fn bulk_page(
        &self,
        command: BulkCommand,
        target: &TargetName,
        filter: &RequestFilter,
        place: &BulkPlace,
        tally: &mut BulkTally,
    ) -> Result<Option<QueueCursor>, ReadError> {
        let began = Timestamp::from_millisecond(place.began).unwrap_or(Timestamp::MAX);
        let side = command.side();
        // The dead are in the order in which they died, those that wait by when they may be tried.
        let until = (side == QueueSide::Dead).then(|| filter.by(began).unwrap_or(began));
        let page = self.read_page(target, side, place.at.clone(), until).await?;
        let mut unreadable = page.rows.iter().filter(|row| row.is_err()).count();
        let is_meant =
            |row: &RequestRow| is_of(command, row) && row.data.begun <= began && filter.matches(row, began);
        let rows = page.rows.into_iter().flatten().filter(is_meant);
        let work = by_group(rows).into_iter().map(|rows| self.in_turn(command, rows));
        let parts: Vec<BulkTally> = stream::iter(work).buffer_unordered(WIDTH).collect().await;
        let (mut left, mut failed) = (0, None);
        for part in parts {
            tally.done += part.done;
            tally.led_a_group |= part.led_a_group;
            left += part.left;
            unreadable += part.unreadable;
            failed = failed.or(part.failed);
        }
        if let Some(error) = failed {
            return Err(error);
        }
        // Of a page that was refused the next call tells.
        tally.looked += page.looked;
        tally.left += left;
        tally.unreadable += unreadable;
        Ok(page.next)
    }

    /// Does it to requests of one order group, one after the other.
    async fn in_turn(&self, command: BulkCommand, rows: Vec<RequestRow>) -> BulkTally {
        let mut tally = BulkTally::default();
        for row in rows {
            match self.one_of_many(command, row).await {
                Ok(OneOfMany::Done { led_a_group }) => {
                    tally.done += 1;
                    tally.led_a_group |= led_a_group;
                }
                Ok(OneOfMany::Left) => tally.left += 1,
                Ok(OneOfMany::NotMeant) => {}
                // Its order group cannot be read: it stays as it is.
                Err(ReadError::Row(error)) => {
                    readable::<()>(&self.runtime, Err(error));
                    tally.unreadable += 1;
                }
                Err(error) => {
                    tally.failed = Some(error);
                    break;
                }
            }
        }
        tally
    }

    /// Does it to one request, also where a drain writes it meanwhile.
    async fn one_of_many(&self, command: BulkCommand, mut row: RequestRow) -> Result<OneOfMany, ReadError> {
        for _ in 0..TRIES {
            let led_a_group = leads_a_group(&row);
            let (_, stored) = match command {
                BulkCommand::Redrive => self.redrive(row).await?,
                BulkCommand::Cancel | BulkCommand::Discard => self.dismiss(row).await?,
            };
            match stored {
                Stored::Yes => return Ok(OneOfMany::Done { led_a_group }),
                Stored::Other(current) if is_of(command, &current) => row = *current,
                Stored::GroupFull => return Ok(OneOfMany::Left),
                Stored::Other(_) | Stored::Gone => return Ok(OneOfMany::NotMeant),
            }
        }
        Ok(OneOfMany::Left)
    }
}

/// Whether a command is for such a row.
fn is_of(command: BulkCommand, row: &RequestRow) -> bool {
    command.side().has(row) && row.status != RequestStatus::Dying
}

/// Returns rows that may be written at the same time: those of an order group are together, in their order.
fn by_group(rows: impl Iterator<Item = RequestRow>) -> Vec<Vec<RequestRow>> {
    let (mut groups, mut alone) = (BTreeMap::<SmolStr, Vec<RequestRow>>::new(), Vec::new());
    for row in rows {
        match row.data.ordering.clone() {
            Some(ordering) => groups.entry(ordering).or_default().push(row),
            None => alone.push(vec![row]),
        }
    }
    groups.into_values().chain(alone).collect()
}
