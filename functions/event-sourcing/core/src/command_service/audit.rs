//! What the log itself can be asked: `GET /orders/{orderId}/events` and `GET /orders/{orderId}/versions/{version}`.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;
use smol_str::SmolStr;
use tenfold_pattern::ReadError;
use tenfold_pattern::http::{self, RouteResult, page_token};
use tenfold_ports::api::{Fault, Problem, Request, Response};
use tenfold_ports::table::{Query, Range};
use tenfold_ports::{Table, TraceContext};

use super::problem::unknown_order;
use crate::log::commit::{Commit, commit_key, version_of};
use crate::log::{History, LogError};
use crate::names::AggregateName;
use crate::order::ShopOrder;

/// How many commits a page shows.
const PAGE: u32 = 50;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CommitView<'a> {
    version: u64,
    at: Timestamp,
    events: &'a RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    command_id: Option<SmolStr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    causation_id: Option<SmolStr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_id: Option<SmolStr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<SmolStr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
    /// Whether it is what was written after the commit before it; none where that is on another page.
    #[serde(skip_serializing_if = "Option::is_none")]
    sound: Option<bool>,
}

pub(super) async fn events<T: Table>(log: &T, name: AggregateName, request: &Request) -> RouteResult {
    let list = format!("events of {name}");
    let after = http::parameter(request, "after").and_then(|after| match after {
        None => Ok(0),
        Some(after) => page_token::read::<u64>(&list, after),
    });
    let after = after.map_err(|fault| Problem::invalid(vec![fault]))?;
    // With the one before, which the chain goes on from.
    let range = Range::Between(commit_key(&name, after.max(1)).sk, commit_key(&name, 999_999_999_999).sk);
    let query = Query { range, limit: PAGE + 1, ..Query::partition(name.partition()) };
    let page = log.query(query).await.map_err(ReadError::from)?;
    let commits = page.items.iter().filter(|item| version_of(&item.key.sk).is_some()).map(Commit::read);
    let commits = commits.collect::<Result<Vec<_>, _>>().map_err(ReadError::from)?;
    if commits.is_empty() && after == 0 {
        return Err(unknown_order(&name.id));
    }
    let shown = commits.iter().enumerate().filter(|(_, commit)| commit.version > after);
    let shown = shown.map(|(at, commit)| {
        let before = if commit.version == 1 {
            Some(&[][..])
        } else {
            at.checked_sub(1).map(|at| &commits[at].hash[..])
        };
        view(commit, before.map(|before| commit.is_sound(&name, before)))
    });
    let shown = shown.collect::<Result<Vec<_>, _>>()?;
    let next = page.next.and(shown.last()).map(|last| page_token::write(&list, &last.version));
    Ok(Response::json(200, &json!({ "orderId": name.id, "commits": shown, "next": next })))
}

fn view(commit: &Commit, sound: Option<bool>) -> Result<CommitView<'_>, LogError> {
    let events =
        serde_json::from_slice(&commit.events).map_err(|error| LogError::Encode(error.to_string()))?;
    let meta = commit.meta.clone();
    let trace = meta.carrier.traceparent.as_deref().and_then(TraceContext::parse);
    Ok(CommitView {
        version: commit.version,
        at: meta.at,
        events,
        command_id: meta.command.map(|id| id.0),
        causation_id: meta.causation,
        correlation_id: meta.carrier.correlation,
        actor: meta.actor,
        trace_id: trace.map(|trace| trace.trace_id()),
        sound,
    })
}

pub(super) async fn version<T: Table>(log: &T, name: AggregateName, version: &str) -> RouteResult {
    let wrong = || Problem::invalid(vec![Fault::new("path", "a version is a whole number from 1")]);
    let wanted = version.parse().ok().filter(|version| *version > 0).ok_or_else(wrong)?;
    let history = History::<ShopOrder>::load(log, &name, Some(wanted)).await?;
    if history.version == 0 {
        return Err(unknown_order(&name.id));
    }
    if history.version < wanted {
        let detail = format!("the order has {} versions", history.version);
        return Err(Problem::new(404, "unknown-version", "The order has no such version", detail));
    }
    let order = &history.state;
    let body = json!({
        "orderId": name.id,
        "version": history.version,
        "at": history.at,
        "status": order.status,
        "customer": order.customer,
        "currency": order.currency,
        "lines": order.lines,
        "total": order.total(),
        "note": order.note,
    });
    Ok(Response::json(200, &body).with("etag", format!("\"{}\"", history.version)))
}
