//! `GET /targets/{target}/history`: who has changed a target, when, and to what.
//!
//! An entry is written with the change itself, in one transaction: there is none without the other.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use smol_str::format_smolstr;
use tenfold_pattern::http::{RouteResult, page_token};
use tenfold_pattern::read::{ReadError, readable};
use tenfold_ports::api::{Problem, Request, Response};
use tenfold_ports::table::{Cursor, Item, Key, Query, Write};
use tenfold_ports::{Downstream, Queue, Runtime, Table};

use super::{Gateway, body};
use crate::names::TargetName;
use crate::rows::{HistoryChange, HistoryEntry, history};

/// The most entries of a page.
const PAGE: u32 = 50;

/// An entry in the list.
#[derive(Serialize)]
#[serde(untagged)]
enum HistoryView {
    Readable(Box<HistoryEntry>),
    /// This version cannot read it; when it was written, its key says.
    Unreadable {
        at: Option<Timestamp>,
        unreadable: bool,
    },
}

impl<T: Table, Q: Queue, D: Downstream, R: Runtime> Gateway<T, Q, D, R> {
    pub(super) async fn list_history(&self, target: &TargetName, request: &Request) -> RouteResult {
        let list = format_smolstr!("targets/{target}/history");
        let after = body::after(&list, request).map_err(|fault| Problem::invalid(vec![fault]))?;
        let is_first = after.is_none();
        let partition = history(target);
        let after = after.map(|sk| Cursor { key: Key::new(partition.clone(), sk), index: None });
        let query = Query { limit: PAGE, backward: true, after, ..Query::partition(partition) };
        let page = self.table.query(query).await.map_err(ReadError::from)?;
        if is_first && page.items.is_empty() {
            self.must_know(target).await?;
        }
        let now = self.runtime.now();
        let kept = page.items.iter().filter(|item| !HistoryEntry::is_forgotten(item, now));
        let entries: Vec<HistoryView> = kept.map(|item| self.entry(item)).collect();
        let next = page.next.map(|next| page_token::write(&list, &next.key.sk));
        Ok(Response::json(200, &json!({ "history": entries, "next": next })))
    }

    fn entry(&self, item: &Item) -> HistoryView {
        match readable(&self.runtime, HistoryEntry::read(item)) {
            Some(entry) => HistoryView::Readable(Box::new(entry)),
            None => HistoryView::Unreadable { at: time_of(&item.key.sk), unreadable: true },
        }
    }

    /// Returns the write of an entry of a target's history, which belongs beside the change itself.
    pub(super) fn noted(&self, target: &TargetName, request: &Request, change: HistoryChange) -> Write {
        let now = self.runtime.now();
        let entry = HistoryEntry { at: now, by: request.caller.clone(), change };
        entry.write(target, now + self.dead_retention, self.runtime.next_u64())
    }
}

fn time_of(place: &str) -> Option<Timestamp> {
    let (milliseconds, _) = place.split_once('#')?;
    Timestamp::from_millisecond(milliseconds.parse().ok()?).ok()
}
