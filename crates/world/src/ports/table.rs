//! The port of the table, and the table of a run.

mod expiry;
mod names;

use tenfold_ports::CallError;
use tenfold_ports::table::{
    BATCH, Cancelled, Cursor, Item, Key, Page, Query, Read, Scan, Table, TableScan, TransactError, Value,
    Write, WriteError,
};

use self::names::{kind, kind_of, kind_of_all, kind_of_key};
use crate::aws::table::Items;
use crate::aws::table::expiry::comes_by;
use crate::aws::table::items::one;
use crate::aws::table::refusal::invalid;
use crate::aws::table::valid::valid_key;
use crate::run::env::Env;
use crate::run::state::{RunState, detail};
use crate::run::world::World;

impl World {
    /// Changes the table, without a call.
    pub fn edit<R>(&self, change: impl FnOnce(&mut Items) -> R) -> R {
        change(&mut self.state.borrow_mut().table)
    }

    /// Makes writes in one transaction, without a call; a stream tells of them. Gives whether they were made.
    pub fn write(&self, writes: &[Write]) -> bool {
        let mut state = self.state.borrow_mut();
        let now = state.now;
        state.table.transact(writes, now).is_ok()
    }

    /// Looks at the table.
    pub fn table<R>(&self, look: impl FnOnce(&Items) -> R) -> R {
        look(&self.state.borrow().table)
    }
}

impl RunState {
    fn read(&mut self, key: &Key, read: Read) -> Option<Item> {
        if read == Read::Eventual
            && self.limits.stale_reads
            && let Some(stale) = self.table.row(key).and_then(|row| row.stale(self.now))
            && self.choices.pick(2) == 1
        {
            return stale.clone();
        }
        self.table.get(key).cloned()
    }

    fn read_many(&mut self, keys: &[Key], read: Read) -> Result<Vec<Option<Item>>, CallError> {
        if keys.len() > BATCH {
            return Err(invalid("more than 100 keys"));
        }
        if (1..keys.len()).any(|i| keys[..i].contains(&keys[i])) {
            return Err(invalid("the same key twice"));
        }
        keys.iter().try_for_each(valid_key)?;
        Ok(keys.iter().map(|key| self.read(key, read)).collect())
    }

    fn lags(&mut self, query: &Query) -> bool {
        query.index.is_some() && self.limits.stale_reads && self.choices.pick(2) == 1
    }
}

impl Table for Env {
    async fn get(&self, key: &Key, read: Read) -> Result<Option<Item>, CallError> {
        let key = key.clone();
        self.call(self.site("table.get", kind_of_key(&key)), move |state| {
            state.tidy(|touched| *touched == key);
            let result = valid_key(&key)
                .and_then(|()| state.spend_reads(std::slice::from_ref(&key), read))
                .map(|()| state.read(&key, read));
            let what = detail(state, || match &result {
                Ok(item) => format!("{key} -> {}", if item.is_some() { "an item" } else { "none" }),
                Err(error) => error.to_string(),
            });
            (result, what)
        })
        .await
    }

    async fn get_many(&self, keys: &[Key], read: Read) -> Result<Vec<Option<Item>>, CallError> {
        let Some(last) = keys.last() else { return Ok(Vec::new()) };
        let site = self.site("table.get_many", kind_of_key(last));
        let keys = keys.to_vec();
        self.call(site, move |state| {
            state.tidy(|touched| keys.contains(touched));
            let result = state.spend_reads(&keys, read).and_then(|()| state.read_many(&keys, read));
            let show = |(key, item): (&Key, &Option<Item>)| match item {
                None => format!("{key} -> none"),
                Some(item) if item.get("version").is_none() => format!("{key} -> an item"),
                Some(item) => format!("{key} -> version {}", item.number("version").unwrap_or_default()),
            };
            let what = detail(state, || match &result {
                Ok(items) => keys.iter().zip(items).map(show).collect::<Vec<_>>().join(", "),
                Err(error) => error.to_string(),
            });
            (result, what)
        })
        .await
    }

    async fn write(&self, write: Write) -> Result<(), WriteError> {
        let site = self.site("table.write", kind_of(&write));
        self.call(site, move |state| {
            state.tidy(|touched| touched == write.key());
            let result = state.make_writes(std::slice::from_ref(&write), false).map_err(one);
            let what = detail(state, || {
                let done = match &result {
                    Ok(()) => "written",
                    Err(WriteError::Conflict { .. }) => "CONFLICT",
                    Err(WriteError::Call(_)) => "REFUSED",
                };
                format!("{done} {}", describe(&write))
            });
            (result, what)
        })
        .await
    }

    async fn transact(&self, writes: Vec<Write>) -> Result<(), TransactError> {
        let site = self.site("table.transact", kind_of_all(&writes));
        let places = writes.len();
        let answer = self.call(site, move |state| {
            state.tidy(|touched| writes.iter().any(|write| write.key() == touched));
            let result = state.make_writes(&writes, true);
            let what = detail(state, || {
                let done = match &result {
                    Ok(()) => "written",
                    Err(TransactError::Cancelled(_)) => "CANCELLED",
                    Err(TransactError::Call(_)) => "REFUSED",
                };
                format!("{done} {}", writes.iter().map(describe).collect::<Vec<_>>().join(" + "))
            });
            (result, what)
        });
        match answer.await {
            // There is a reason for each write, and it was the last that was in other hands.
            Err(TransactError::Cancelled(reasons)) if reasons == [Cancelled::Busy] => {
                let others = std::iter::repeat_n(Cancelled::No, places - 1);
                Err(TransactError::Cancelled(others.chain(reasons).collect()))
            }
            answer => answer,
        }
    }

    async fn query(&self, query: Query) -> Result<Page, CallError> {
        let site = self.site("table.query", query.index.unwrap_or_else(|| kind(&query.partition)));
        self.call(site, move |state| {
            state.tidy(|touched| comes_by(&query, touched));
            let lags = state.lags(&query);
            let result = state.table.page(&query, state.now, lags);
            let result = result.and_then(|page| state.spend_page(&query, &page.items).map(|()| page));
            let what = detail(state, || match &result {
                Ok(page) => format!("{} -> {} items", query.partition, page.items.len()),
                Err(error) => error.to_string(),
            });
            (result, what)
        })
        .await
    }

    async fn count(&self, query: Query) -> Result<(u64, Option<Cursor>), CallError> {
        let site = self.site("table.count", query.index.unwrap_or("table"));
        self.call(site, move |state| {
            state.tidy(|touched| comes_by(&query, touched));
            let lags = state.lags(&query);
            let result = state.table.count(&query, state.now, lags);
            let result = result.and_then(|(n, next)| {
                // Keys of a hundred bytes each.
                state
                    .spend_bytes(query.index.unwrap_or(""), &query.partition, n as usize * 100)
                    .map(|()| (n, next))
            });
            let what = detail(state, || match &result {
                Ok((n, _)) => format!("{} -> {n}", query.partition),
                Err(error) => error.to_string(),
            });
            (result, what)
        })
        .await
    }
}

impl TableScan for Env {
    async fn scan(&self, scan: Scan) -> Result<Page, CallError> {
        self.call(self.site("table.scan", "table"), move |state| {
            state.tidy(|_| true);
            let result = state.table.scan(&scan);
            let result = result.and_then(|page| state.spend_scanned(&page.items).map(|()| page));
            let what = detail(state, || match &result {
                Ok(page) => {
                    format!("segment {} of {} -> {} items", scan.segment, scan.segments, page.items.len())
                }
                Err(error) => error.to_string(),
            });
            (result, what)
        })
        .await
    }
}

fn describe(write: &Write) -> String {
    match write {
        Write::Put { item, .. } => {
            let show = |(name, value): (&str, &Value)| match value {
                Value::Doc(doc) => format!("{name}={}", doc.to_json().unwrap_or_default()),
                Value::B(bytes) => format!("{name}=<{} bytes>", bytes.len()),
                Value::S(text) => format!("{name}={}", text.chars().take(80).collect::<String>()),
                value => format!("{name}={value:?}"),
            };
            let shown: Vec<String> = item.attributes().map(show).collect();
            format!("{} {}", item.key, shown.join(" ")).chars().take(400).collect()
        }
        Write::Update { key, updates, .. } => format!("{key} {updates:?}"),
        Write::Delete { key, .. } => format!("{key} deleted"),
        Write::Check { key, condition } => format!("{key} checked for {condition:?}"),
    }
}
