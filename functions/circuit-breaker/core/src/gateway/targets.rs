//! `/targets`: configuring targets and showing them.

use std::sync::Arc;

use futures_util::future::join3;
use serde_json::json;
use smol_str::SmolStr;
use tenfold_ports::api::{Problem, Request, Response};
use tenfold_ports::table::{Condition, Cursor, Item, Query, Read, Write, WriteError};
use tenfold_ports::{CallError, Downstream, Queue, Runtime, Table};

use super::body;
use super::view::{BreakerView, TargetView};
use super::{Gateway, RouteResult, no_table, unknown_target};
use crate::config::TargetConfig;
use crate::decide::breaker::{Breaker, DecisionContext};
use crate::names::{BreakerName, TargetName};
use crate::rows::{self, BreakerRow, QUEUE_INDEX, TargetRow, breaker_key, target_item, target_key};

/// The most targets of a page.
const PAGE: u32 = 50;

impl<T: Table, Q: Queue, D: Downstream, R: Runtime> Gateway<T, Q, D, R> {
    pub(super) async fn put_target(&self, name: &TargetName, body: &[u8]) -> RouteResult {
        body::small(body)?;
        let config = TargetConfig::parse(body).map_err(Problem::invalid)?;
        let breaker = BreakerName::of(name.clone());
        let (target, row) = self.read(&breaker).await?;
        let created = target.is_none();
        let target = match target {
            Some(old) => TargetRow { config: Arc::new(config), ..old },
            None => TargetRow { config: Arc::new(config), created: self.runtime.now(), deleted: None },
        };
        // A target of this name was deleted before: its breaker goes on in a new epoch.
        if let (true, Some(row)) = (created, row) {
            let context = DecisionContext { now: self.runtime.now(), config: &target.config, jitter: 0.0 };
            let next = row.breaker.force(context, None, "configured anew");
            match self.table.write(row.replace(&breaker, next, self.runtime.next_u64())).await {
                Ok(()) | Err(WriteError::Conflict { .. }) => {}
                Err(WriteError::Call(e)) => return Err(no_table(&e)),
            }
        }
        let write = Write::Put { item: target_item(name, target), condition: Condition::Always };
        self.table.write(write).await.map_err(|e| write_failed(&e))?;
        let view = self.view(&breaker).await?;
        Ok(if created { Response { status: 201, ..view } } else { view })
    }

    pub(super) async fn get_target(&self, name: &BreakerName) -> RouteResult {
        self.view(name).await
    }

    async fn view(&self, name: &BreakerName) -> RouteResult {
        let (read, waiting, dead) = join3(
            self.read(name),
            self.count(rows::active(&name.target)),
            join_depth(self.count(rows::dead(&name.target)), self.queue.depth()),
        )
        .await;
        let (target, row) = read?;
        let target = target.ok_or_else(|| unknown_target(&name.target))?;
        let breaker = row.map_or_else(|| Breaker::new(&target.config, target.created), |r| r.breaker);
        let (dead, depth) = dead;
        let depth = depth.map_err(|e| no_table(&e))?;
        let counts = (waiting?, dead?, depth);
        Ok(Response::json(200, &TargetView::new(name, &target.config, &breaker, self.runtime.now(), counts)))
    }

    /// Reads a target and its breaker as they are now.
    async fn read(&self, name: &BreakerName) -> Result<(Option<TargetRow>, Option<BreakerRow>), Problem> {
        let keys = [target_key(&name.target), breaker_key(name)];
        let items = self.table.get_many(&keys, Read::Consistent).await.map_err(|e| no_table(&e))?;
        let target = items[0].as_ref().map(Item::doc::<TargetRow>).transpose();
        let target = target.map(|target| target.filter(|target| target.deleted.is_none()));
        let breaker = items[1].as_ref().map(BreakerRow::read).transpose();
        match (target, breaker) {
            (Ok(target), Ok(breaker)) => Ok((target, breaker)),
            (Err(e), _) | (_, Err(e)) => Err(no_table(&CallError::Refused(e.to_string()))),
        }
    }

    /// Counts the requests in a partition of the queue's index.
    pub(super) async fn count(&self, partition: SmolStr) -> Result<u64, Problem> {
        let mut query = Query { index: Some(QUEUE_INDEX), ..Query::partition(partition) };
        let mut sum = 0;
        loop {
            let (n, next) = self.table.count(query.clone()).await.map_err(|e| no_table(&e))?;
            sum += n;
            match next {
                Some(_) => query.after = next,
                None => return Ok(sum),
            }
        }
    }

    pub(super) async fn list_targets(&self, request: &Request) -> RouteResult {
        let after = request.parameter("after").map(|name| body::target(name)).transpose()?;
        let cursor = after.map(|name| Cursor { key: target_key(&name), index: None });
        let query = Query { limit: PAGE, after: cursor, ..Query::partition(rows::TARGETS) };
        let page = self.table.query(query).await.map_err(|e| no_table(&e))?;
        let mut names = Vec::new();
        let mut targets: Vec<TargetRow> = Vec::new();
        for item in &page.items {
            let target: TargetRow = item.doc().map_err(|e| no_table(&CallError::Refused(e.to_string())))?;
            if target.deleted.is_none() {
                names.push(BreakerName::of(body::target(&item.key.sk)?));
                targets.push(target);
            }
        }
        let keys: Vec<_> = names.iter().map(breaker_key).collect();
        let breakers = match keys.as_slice() {
            [] => Vec::new(),
            keys => self.table.get_many(keys, Read::Consistent).await.map_err(|e| no_table(&e))?,
        };
        let mut views = Vec::new();
        for ((name, target), item) in names.iter().zip(&targets).zip(&breakers) {
            let row = item.as_ref().map(BreakerRow::read).transpose();
            let row = row.map_err(|e| no_table(&CallError::Refused(e.to_string())))?;
            let breaker = row.map_or_else(|| Breaker::new(&target.config, target.created), |r| r.breaker);
            views.push(BreakerView::new(name, &breaker));
        }
        let next = page.next.and(page.items.last()).map(|item| item.key.sk.clone());
        Ok(Response::json(200, &json!({ "targets": views, "next": next })))
    }

    pub(super) async fn delete_target(&self, name: &TargetName) -> RouteResult {
        let waiting = self.count(rows::active(name)).await?;
        if waiting > 0 {
            let detail = format!("{waiting} requests wait for {name}; let them be delivered or die first");
            return Err(Problem::new(409, "requests-wait", "Requests wait for this target", detail));
        }
        let (target, _) = self.read(&BreakerName::of(name.clone())).await?;
        let target = target.ok_or_else(|| unknown_target(name))?;
        // An environment that has read the target a moment ago may still park a request for it: the row
        // stays, marked, and the retry processor finds the request and gives it up.
        let target = TargetRow { deleted: Some(self.runtime.now()), ..target };
        let write = Write::Put { item: target_item(name, target), condition: Condition::Present };
        self.table.write(write).await.map_err(|e| write_failed(&e))?;
        Ok(Response::empty(204))
    }
}

async fn join_depth<A, B>(a: impl Future<Output = A>, b: impl Future<Output = B>) -> (A, B) {
    futures_util::future::join(a, b).await
}

fn write_failed(error: &WriteError) -> Problem {
    match error {
        WriteError::Call(e) => no_table(e),
        WriteError::Conflict { .. } => no_table(&CallError::Throttled),
    }
}
