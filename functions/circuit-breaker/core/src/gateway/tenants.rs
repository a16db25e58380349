//! `GET /targets/{target}/tenants`: the tenants of a target that have a breaker of their own with something to tell; and what
//! becomes of these breakers when the target is deleted.
//!
//! A tenant has one as soon as a call of it failed or was slow, or a person has forced it. Its row is in the index by the kind
//! of its state, and ends by itself.

use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use smol_str::{SmolStr, format_smolstr};
use tenfold_pattern::ReadError;
use tenfold_pattern::commit;
use tenfold_pattern::http::{RouteResult, page_token, parameter};
use tenfold_ports::api::{Fault, Problem, Request, Response};
use tenfold_ports::table::{Item, Key, Read};
use tenfold_ports::{Downstream, Queue, Runtime, Table};

use super::view::TenantView;
use super::{Gateway, unknown_target};
use crate::config::TargetConfig;
use crate::decide::breaker::{BreakerState, DecisionContext};
use crate::decide::queue_page::QueueCursor;
use crate::names::{BreakerName, TargetName};
use crate::rows::{BreakerRow, StoredTarget, TenantGroup, target_key, tenant_of};

/// How many rows of a deleted target are written at a time.
const WIDTH: usize = 8;

/// A tenant in the list.
#[derive(Serialize)]
#[serde(untagged)]
enum TenantEntry {
    Readable(Box<TenantView>),
    /// Its row is there and this version cannot read it.
    Unreadable {
        tenant: SmolStr,
        unreadable: bool,
    },
}

/// A tenant's row as it was read: its name, and the breaker where it can be read.
type TenantRow = Result<(SmolStr, BreakerRow), SmolStr>;

impl<T: Table, Q: Queue, D: Downstream, R: Runtime> Gateway<T, Q, D, R> {
    pub(super) async fn list_tenants(&self, target: TargetName, request: &Request) -> RouteResult {
        let (state, cursor) = place(&target, request)?;
        let item = self.table.get(&target_key(&target), Read::Consistent).await.map_err(ReadError::from)?;
        let stored = StoredTarget::read(item.as_ref()).map_err(ReadError::from)?;
        let living = stored.living().ok_or_else(|| unknown_target(&target))?;
        let (rows, next) = self.read_tenants(&target, groups(state), cursor).await?;
        let now = self.runtime.now();
        let entry = |row: TenantRow| match row {
            // One from before the target was deleted and put anew, or that DynamoDB is about to delete, has nothing to tell.
            Ok((_, row)) if row.has_ended(now) || row.breaker.since < living.created => None,
            // The index lags behind.
            Ok((_, row)) if state.is_some_and(|state| row.breaker.state.name() != state) => None,
            Ok((tenant, row)) => {
                let name = BreakerName { target: target.clone(), tenant: Some(tenant) };
                Some(TenantEntry::Readable(Box::new(TenantView::new(
                    &name,
                    &living.config,
                    &row.breaker,
                    now,
                ))))
            }
            Err(tenant) => Some(TenantEntry::Unreadable { tenant, unreadable: true }),
        };
        let tenants: Vec<TenantEntry> = rows.into_iter().filter_map(entry).collect();
        let next = next.map(|next| page_token::write(&list_name(&target, state), &next));
        Ok(Response::json(200, &json!({ "tenants": tenants, "next": next })))
    }

    /// Reads a page of a target's tenants, those first that have been in their state for longest.
    async fn read_tenants(
        &self,
        target: &TargetName,
        groups: &[TenantGroup],
        cursor: QueueCursor,
    ) -> Result<(Vec<TenantRow>, Option<QueueCursor>), ReadError> {
        let (mut keys, next) = self.read_places(partitions(target, groups), cursor, None).await?;
        // One whose state has just changed may be in the index twice.
        let mut seen = std::collections::HashSet::new();
        keys.retain(|key: &Key| seen.insert(key.clone()));
        let tenant = |key: &Key| tenant_of(target, key);
        let read = |item: &Item| Ok((tenant(&item.key), BreakerRow::read(item)?));
        let rows = self.read_rows(&keys, read, tenant).await?;
        let ours = rows.into_iter().filter_map(|row| match row {
            Ok((tenant, row)) => Some(Ok((tenant?, row))),
            Err(tenant) => Some(Err(tenant)),
        });
        Ok((ours.collect(), next))
    }

    /// Gives back the breakers of a deleted target's tenants that a person has forced: all others end by themselves. What
    /// fails stays; it counts for nothing.
    pub(super) async fn end_tenants(&self, target: &TargetName, config: &TargetConfig, deleted: Timestamp) {
        let mut cursor = Some(QueueCursor::default());
        while let Some(at) = cursor.take() {
            match self.read_tenants(target, &[TenantGroup::Forced], at).await {
                Ok((rows, next)) => {
                    cursor = next;
                    // One that was forced meanwhile is of a target that was put anew.
                    let rows = rows.into_iter().flatten().filter(|(_, row)| row.breaker.since <= deleted);
                    let ends = rows.map(|(tenant, row)| self.end_tenant(target, tenant, row, config));
                    stream::iter(ends).buffer_unordered(WIDTH).for_each(async |()| {}).await;
                }
                Err(error) => tracing::warn!(%target, %error, "tenants of a deleted target not given back"),
            }
        }
    }

    async fn end_tenant(&self, target: &TargetName, tenant: SmolStr, row: BreakerRow, config: &TargetConfig) {
        let context = DecisionContext { now: self.runtime.now(), config, jitter: 0.0 };
        let closed = row.breaker.force(context, None, "its target was deleted");
        let name = BreakerName { target: target.clone(), tenant: Some(tenant) };
        let writer = self.runtime.next_u64();
        let write = row.replace(&name, &row.next(&name, closed, writer, context.now));
        // Whoever was faster has said something else.
        if let Err(error) = commit::write(&self.table, &write, |item| BreakerRow::is_of(item, writer)).await {
            tracing::warn!(breaker = %name, %error, "the breaker of a deleted target's tenant not given back");
        }
    }
}

/// Parses which state is asked for, and where the page begins.
fn place(target: &TargetName, request: &Request) -> Result<(Option<&'static str>, QueueCursor), Problem> {
    let mut faults = Vec::new();
    let state = parameter(request, "state").and_then(|state| state.map(|state| named(state)).transpose());
    let state = state.map_err(|fault| faults.push(fault)).ok();
    let cursor = parameter(request, "after").and_then(|after| match (after, state) {
        (Some(after), Some(state)) => {
            let cursor: QueueCursor = page_token::read(&list_name(target, state), after)?;
            let most = partitions(target, groups(state)).len();
            if cursor.is_in(most) { Ok(cursor) } else { Err(page_token::no_place()) }
        }
        // Of which list it is cannot be said.
        _ => Ok(QueueCursor::default()),
    });
    let cursor = cursor.map_err(|fault| faults.push(fault)).ok();
    match (state, cursor) {
        (Some(state), Some(cursor)) => Ok((state, cursor)),
        _ => Err(Problem::invalid(faults)),
    }
}

/// Returns the name of a state, as the API has it.
fn named(text: &str) -> Result<&'static str, Fault> {
    BreakerState::NAMES.into_iter().find(|name| *name == text).ok_or_else(|| {
        let shown: String = text.chars().take(100).collect();
        let wanted =
            format!("is `{shown}`; one of {} was expected, or nothing", BreakerState::NAMES.join(", "));
        Fault::new("query:state", wanted)
    })
}

/// Returns the groups that have tenants in a state; none: in any.
fn groups(state: Option<&str>) -> &'static [TenantGroup] {
    match state {
        None => &TenantGroup::ALL,
        Some("closed") => &[TenantGroup::Closed],
        Some("open" | "halfOpen") => &[TenantGroup::Open],
        Some(_) => &[TenantGroup::Forced],
    }
}

fn partitions(target: &TargetName, groups: &[TenantGroup]) -> Vec<SmolStr> {
    groups.iter().flat_map(|group| group.partitions(target)).collect()
}

/// The list whose pages a token is for.
fn list_name(target: &TargetName, state: Option<&str>) -> SmolStr {
    format_smolstr!("targets/{target}/tenants {}", state.unwrap_or_default())
}
