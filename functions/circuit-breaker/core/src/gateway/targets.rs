//! `/targets`: configuring targets and showing them.

use std::sync::Arc;

use futures_util::future::{join, try_join_all};
use serde_json::json;
use smol_str::{SmolStr, ToSmolStr};
use tenfold_pattern::ReadError;
use tenfold_pattern::http::conditional::{not_modified, precondition};
use tenfold_pattern::http::{RouteResult, page_token, parameter, within};
use tenfold_ports::api::{Fault, Problem, Request, Response};
use tenfold_ports::table::{Cursor, Key, Query, Read};
use tenfold_ports::{Downstream, Queue, Runtime, Table};

use super::body::{SMALL, after};
use super::view::{BreakerView, Count, TargetView, tag};
use super::{Gateway, unknown_target};
use crate::config::TargetConfig;
use crate::configure::{TRIES, TargetTable};
use crate::decide::breaker::Breaker;
use crate::names::{BreakerName, TargetName};
use crate::rows::{self, BreakerRow, HistoryChange, QUEUE_INDEX, TargetRow};
use crate::targets;

/// The most targets of a page.
const PAGE: u32 = 50;
/// The most requests of a shard that are counted: a count is paid for like reading the places in the index.
const COUNT_MOST: u32 = 1_000;
/// The list that page tokens are of.
const LIST: &str = "targets";

impl<T: Table, Q: Queue, D: Downstream, R: Runtime> Gateway<T, Q, D, R> {
    pub(super) async fn put_target(&self, name: &TargetName, request: &Request) -> RouteResult {
        within(&request.body, SMALL)?;
        if name.is_request_id() {
            let detail = "is written like the id of a request, which GET /requests/{requestId} asks for";
            return Err(Problem::invalid(vec![Fault::new("path", detail)]));
        }
        let config = Arc::new(TargetConfig::parse(&request.body).map_err(Problem::invalid)?);
        let targets = self.targets();
        let may = |living: Option<&TargetRow>| {
            precondition(request, living.map(|target| tag(&target.config)).as_ref()).map(|()| true)
        };
        let etag = tag(&config).to_smolstr();
        let change = HistoryChange::Configured { config: Arc::clone(&config), etag };
        let entry = || self.noted(name, request, change.clone());
        let Some(put) = targets.put(name, &config, may, entry).await? else { return Err(overtaken()) };
        self.registry.changed(name, Some(put.row.clone()));
        if !put.is_new {
            self.wake_all(name).await;
        }
        let view = self.view(&BreakerName::of(name.clone()), &put.row, put.breaker).await?;
        Ok(if put.is_new { Response { status: 201, ..view } } else { view })
    }

    const fn targets(&self) -> TargetTable<'_, T, R> {
        TargetTable { table: &self.table, runtime: &self.runtime }
    }

    pub(super) async fn get_target(&self, name: &BreakerName, request: &Request) -> RouteResult {
        let (stored, breaker) = self.targets().read(name).await?;
        let target = stored.living().ok_or_else(|| unknown_target(&name.target))?;
        let tag = tag(&target.config);
        if not_modified(request, &tag) {
            return Ok(Response::empty(304).with("etag", tag.to_smolstr()));
        }
        self.view(name, target, breaker).await
    }

    /// Shows a target with a breaker. Its tag is that of the configuration alone, so that nobody may keep the rest.
    async fn view(&self, name: &BreakerName, target: &TargetRow, breaker: Option<BreakerRow>) -> RouteResult {
        let (waiting, dead) =
            join(self.count(rows::active, &name.target), self.count(rows::dead, &name.target)).await;
        let counts = (waiting?, dead?);
        let written = breaker.map(|row| row.of(target).breaker);
        let breaker = written.unwrap_or_else(|| Breaker::new(&target.config, target.created));
        let view = TargetView::new(name, &target.config, &breaker, self.runtime.now(), counts);
        let response = Response::json(200, &view).with("etag", tag(&target.config).to_smolstr());
        Ok(response.with("cache-control", "no-store"))
    }

    /// Counts the requests of a target in all shards of the queue's index, of each up to [`COUNT_MOST`].
    async fn count(
        &self,
        partition: fn(&TargetName, u16) -> SmolStr,
        name: &TargetName,
    ) -> Result<Count, ReadError> {
        let counts = (0..self.shards).map(async |shard| {
            let query = Query::partition(partition(name, shard));
            self.table.count(Query { index: Some(QUEUE_INDEX), limit: COUNT_MOST, ..query }).await
        });
        let add = |sum: Count, (n, next): (u64, Option<Cursor>)| Count {
            at_least: sum.at_least + n,
            more: sum.more || next.is_some(),
        };
        Ok(try_join_all(counts).await?.into_iter().fold(Count::default(), add))
    }

    pub(super) async fn list_targets(&self, request: &Request) -> RouteResult {
        let after = after(LIST, request).map_err(|fault| Problem::invalid(vec![fault]))?;
        let after = after.map(|sk| Cursor { key: Key::new(rows::TARGETS, sk), index: None });
        let query = Query { limit: PAGE, after, ..Query::partition(rows::TARGETS) };
        let page = self.table.query(query).await.map_err(ReadError::from)?;
        let targets =
            targets::with_breakers(&self.table, &self.runtime, &page.items, Read::Consistent).await?;
        let living = targets.into_iter().filter(|target| target.row.deleted.is_none());
        let views = living.map(|target| BreakerView::new(&BreakerName::of(target.name), &target.breaker));
        let next = page.next.map(|next| page_token::write(LIST, &next.key.sk));
        Ok(Response::json(200, &json!({ "targets": views.collect::<Vec<_>>(), "next": next })))
    }

    pub(super) async fn delete_target(&self, name: &TargetName, request: &Request) -> RouteResult {
        let gives_up = gives_up_what_waits(request).map_err(|fault| Problem::invalid(vec![fault]))?;
        for _ in 0..TRIES {
            let (stored, _) = self.targets().read(&BreakerName::of(name.clone())).await?;
            let target = stored.living().ok_or_else(|| unknown_target(name))?;
            precondition(request, Some(&tag(&target.config)))?;
            if !gives_up {
                let waiting = self.count(rows::active, name).await?;
                if waiting.at_least > 0 {
                    return Err(requests_wait(name, waiting));
                }
            }
            // An environment that has read the target a moment ago may still park a request for it: the row
            // stays, marked, and the retry processor finds the request and gives it up.
            let deleted = self.runtime.now();
            let next = TargetRow { deleted: Some(deleted), ..target.clone() };
            let entry = self.noted(name, request, HistoryChange::Deleted { waiting_cancelled: gives_up });
            if self.targets().replace(name, &stored, next, entry).await? {
                self.registry.changed(name, None);
                if gives_up {
                    self.wake_all(name).await;
                }
                self.end_tenants(name, &target.config, deleted).await;
                return Ok(Response::empty(204));
            }
        }
        Err(overtaken())
    }
}

/// Whether what waits for a target is to be given up when it is deleted.
fn gives_up_what_waits(request: &Request) -> Result<bool, Fault> {
    match parameter(request, "waiting")? {
        None => Ok(false),
        Some(waiting) if waiting == "cancel" => Ok(true),
        Some(waiting) => {
            let shown: String = waiting.chars().take(100).collect();
            Err(Fault::new("query:waiting", format!("is `{shown}`; cancel was expected, or nothing")))
        }
    }
}

fn requests_wait(name: &TargetName, waiting: Count) -> Problem {
    let least = if waiting.more { "at least " } else { "" };
    let detail = format!(
        "{least}{} requests wait for {name}; let them be delivered or die first, or give them up with it: \
         DELETE /targets/{name}?waiting=cancel",
        waiting.at_least
    );
    Problem::new(409, "requests-wait", "Requests wait for this target", detail)
}

fn overtaken() -> Problem {
    Problem::unavailable("others changed this target again and again; send the same request again", 1)
}
