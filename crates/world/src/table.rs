//! The table in memory, with DynamoDB's semantics: conditional writes, transactions with reasons, eventually
//! consistent reads that may miss the last write, an index that may lag behind, expiry that never comes.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use smol_str::SmolStr;
use tenfold_ports::CallError;
use tenfold_ports::table::{
    BATCH, Cancelled, Condition, Cursor, Item, Key, Page, Query, Range, Read, Table, TransactError, Value,
    Write, WriteError,
};

use crate::env::Env;
use crate::executor::State;

/// How many items a counting page holds at most; DynamoDB's ends after 1 MiB read.
const COUNT_PAGE: usize = 1000;

/// The items of the world's table.
#[derive(Debug, Default)]
pub struct Items {
    rows: BTreeMap<Key, Row>,
    /// All writes so far, for invariants over histories: the item before and after.
    watch: Option<Vec<(Option<Item>, Option<Item>)>>,
}

#[derive(Debug, Default)]
struct Row {
    now: Option<Item>,
    before: Option<Item>,
    written: Timestamp,
}

/// For how long an eventually consistent read may miss a write.
const STALE: SignedDuration = SignedDuration::from_secs(1);

impl Row {
    /// What an eventually consistent read may see instead; none where it must see the item as it is.
    fn stale(&self, now: Timestamp) -> Option<&Option<Item>> {
        (now.duration_since(self.written) < STALE && self.before != self.now).then_some(&self.before)
    }
}

impl Items {
    /// The item with this key.
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<&Item> {
        self.rows.get(key)?.now.as_ref()
    }

    /// All items, in the order of their keys.
    pub fn all(&self) -> impl Iterator<Item = &Item> {
        self.rows.values().filter_map(|row| row.now.as_ref())
    }

    fn set(&mut self, key: &Key, item: Option<Item>, now: Timestamp) {
        let row = self.rows.entry(key.clone()).or_default();
        row.before = row.now.take();
        row.now = item;
        row.written = now;
        if let Some(watch) = &mut self.watch {
            watch.push((row.before.clone(), row.now.clone()));
        }
    }

    /// Keeps all writes from now on for [`Items::history`].
    pub fn watch(&mut self) {
        self.watch = Some(Vec::new());
    }

    /// All writes since [`Items::watch`]: each item before and after.
    #[must_use]
    pub fn history(&self) -> &[(Option<Item>, Option<Item>)] {
        self.watch.as_deref().unwrap_or_default()
    }

    /// Checks and makes one write.
    fn write(&mut self, write: &Write, now: Timestamp) -> Result<(), Option<Item>> {
        self.check(write)?;
        self.apply(write, now);
        Ok(())
    }

    fn check(&self, write: &Write) -> Result<(), Option<Item>> {
        let current = self.get(write.key());
        if write.condition().holds(current) { Ok(()) } else { Err(current.cloned()) }
    }

    fn apply(&mut self, write: &Write, now: Timestamp) {
        match write {
            Write::Put { item, .. } => self.set(&item.key, Some(item.clone()), now),
            Write::Delete { key, .. } => self.set(key, None, now),
            Write::Update { key, updates, .. } => {
                let mut item = self.get(key).cloned().unwrap_or_else(|| Item::new(key.clone()));
                for (name, update) in updates {
                    update.apply(name, &mut item);
                }
                self.set(key, Some(item), now);
            }
            Write::Check { .. } => {}
        }
    }

    fn page(&self, query: &Query, now: Timestamp, lags: bool) -> Page {
        let mut found: Vec<(SortKey, &Item)> = self
            .rows
            .values()
            .filter_map(|row| row.stale(now).filter(|_| lags).unwrap_or(&row.now).as_ref())
            .filter_map(|item| Some((sort_key(query, item)?, item)))
            .collect();
        found.sort_by(|a, b| a.0.cmp(&b.0));
        if query.backward {
            found.reverse();
        }
        if let Some(after) = &query.after {
            let number = after.index.as_ref().map_or(0, |(_, n)| *n);
            let last = (number, after.key.clone());
            found.retain(|(sort, _)| if query.backward { *sort < last } else { *sort > last });
        }
        let limit = query.limit.max(1) as usize;
        let next = (found.len() > limit).then(|| {
            let (sort, item) = &found[limit - 1];
            let index = query.index.map(|_| (query.partition.clone(), sort.0));
            Cursor { key: item.key.clone(), index }
        });
        let project = |item: &Item| match query.index {
            None => item.clone(),
            Some(index) => projected(item, index),
        };
        Page { items: found.iter().take(limit).map(|(_, item)| project(item)).collect(), next }
    }
}

type SortKey = (i64, Key);

/// The number by which every index of Tenfold sorts.
const INDEX_SORT: &str = "wake";

fn sort_key(query: &Query, item: &Item) -> Option<SortKey> {
    match query.index {
        None => {
            let wanted = match &query.range {
                Range::All => true,
                Range::Prefix(prefix) => item.key.sk.starts_with(prefix.as_str()),
                Range::AtMost(_) => false,
            };
            (item.key.pk == query.partition && wanted).then(|| (0, item.key.clone()))
        }
        Some(index) => {
            let number = item.number(INDEX_SORT).ok()?;
            let wanted = !matches!(query.range, Range::AtMost(most) if number > most);
            let partition = item.text(index).ok()?;
            (*partition == query.partition && wanted).then(|| (number, item.key.clone()))
        }
    }
}

/// An index projects its own keys only.
fn projected(item: &Item, index: &str) -> Item {
    let mut slim = Item::new(item.key.clone());
    for (name, value) in item.attributes() {
        if name == index || name == INDEX_SORT {
            slim.set(SmolStr::new(name), value.clone());
        }
    }
    slim
}

/// The kind of row a key belongs to, which tells call sites apart: what comes before the first `#`.
fn kind(key: &Key) -> &'static str {
    let name = key.pk.split('#').next().unwrap_or_default();
    leak(name)
}

/// The kind of row, and its status where it has one.
fn kind_of(write: &Write) -> &'static str {
    let key = kind(write.key());
    match write {
        Write::Put { item, .. } => match item.get("status") {
            Some(Value::S(status)) => leak(&format!("{key} {status}")),
            _ => key,
        },
        Write::Delete { .. } => leak(&format!("{key} (delete)")),
        _ => key,
    }
}

thread_local! {
    static NAMES: std::cell::RefCell<BTreeMap<String, &'static str>> = const { std::cell::RefCell::new(BTreeMap::new()) };
}

/// A name for ever: there are only a few dozen kinds of rows.
fn leak(name: &str) -> &'static str {
    NAMES.with_borrow_mut(|names| {
        if let Some(known) = names.get(name) {
            return *known;
        }
        let known: &'static str = Box::leak(name.to_owned().into_boxed_str());
        names.insert(name.to_owned(), known);
        known
    })
}

const AT_ONCE: SignedDuration = SignedDuration::ZERO;

fn text(state: &State, text: impl FnOnce() -> String) -> String {
    if state.trace.is_some() { text() } else { String::new() }
}

impl State {
    fn read(&mut self, key: &Key, read: Read) -> Option<Item> {
        let row = self.table.rows.get(key)?;
        let stale =
            if read == Read::Eventual && self.limits.stale_reads { row.stale(self.now) } else { None };
        match stale {
            Some(stale) if self.choices.pick(2) == 1 => stale.clone(),
            _ => row.now.clone(),
        }
    }

    fn lags(&mut self) -> bool {
        self.limits.stale_reads && self.choices.pick(2) == 1
    }
}

impl Table for Env {
    async fn get(&self, key: &Key, read: Read) -> Result<Option<Item>, CallError> {
        self.call(self.site("table.get", kind(key)), AT_ONCE, |state| {
            let item = state.read(key, read);
            let what =
                text(state, || format!("{key} -> {}", if item.is_some() { "an item" } else { "none" }));
            (Ok(item), what)
        })
        .await
    }

    async fn get_many(&self, keys: &[Key], read: Read) -> Result<Vec<Option<Item>>, CallError> {
        let about = keys.last().map_or("", kind);
        self.call(self.site("table.get_many", about), AT_ONCE, |state| {
            if keys.is_empty() || keys.len() > BATCH {
                return (
                    Err(CallError::Refused("ValidationException: 1 to 100 keys".to_owned())),
                    String::new(),
                );
            }
            let items: Vec<_> = keys.iter().map(|key| state.read(key, read)).collect();
            let show = |(key, item): (&Key, &Option<Item>)| match item {
                None => format!("{key} -> none"),
                Some(item) if item.get("version").is_none() => format!("{key} -> an item"),
                Some(item) => format!("{key} -> version {}", item.number("version").unwrap_or_default()),
            };
            let what = text(state, || keys.iter().zip(&items).map(show).collect::<Vec<_>>().join(", "));
            (Ok(items), what)
        })
        .await
    }

    async fn write(&self, write: Write) -> Result<(), WriteError> {
        let site = self.site("table.write", kind_of(&write));
        self.call(site, AT_ONCE, |state| {
            let result =
                state.table.write(&write, state.now).map_err(|current| WriteError::Conflict { current });
            let done = if result.is_ok() { "written" } else { "CONFLICT" };
            let what = text(state, || format!("{done} {}", describe(&write)));
            (result, what)
        })
        .await
    }

    async fn transact(&self, writes: Vec<Write>) -> Result<(), TransactError> {
        let about = leak(&writes.iter().map(kind_of).collect::<Vec<_>>().join(" + "));
        self.call(self.site("table.transact", about), AT_ONCE, |state| {
            let checks: Vec<_> = writes.iter().map(|w| state.table.check(w)).collect();
            let result = if checks.iter().all(Result::is_ok) {
                for write in &writes {
                    state.table.apply(write, state.now);
                }
                Ok(())
            } else {
                let reason = |check| match check {
                    Ok(()) => Cancelled::No,
                    Err(current) => Cancelled::Condition(current),
                };
                Err(TransactError::Cancelled(checks.into_iter().map(reason).collect()))
            };
            let done = if result.is_ok() { "written" } else { "CANCELLED" };
            let all = || writes.iter().map(describe).collect::<Vec<_>>().join(" + ");
            let what = text(state, || format!("{done} {}", all()));
            (result, what)
        })
        .await
    }

    async fn query(&self, query: Query) -> Result<Page, CallError> {
        let site = self.site("table.query", query.index.unwrap_or_else(|| leak(&query.partition)));
        self.call(site, AT_ONCE, |state| {
            let lags = query.index.is_some() && state.lags();
            let page = state.table.page(&query, state.now, lags);
            let what = text(state, || format!("{} -> {} items", query.partition, page.items.len()));
            (Ok(page), what)
        })
        .await
    }

    async fn count(&self, query: Query) -> Result<(u64, Option<Cursor>), CallError> {
        let site = self.site("table.count", query.index.unwrap_or("table"));
        self.call(site, AT_ONCE, |state| {
            let lags = query.index.is_some() && state.lags();
            let query = Query { limit: COUNT_PAGE as u32, ..query.clone() };
            let page = state.table.page(&query, state.now, lags);
            let what = text(state, || format!("{} -> {}", query.partition, page.items.len()));
            (Ok((page.items.len() as u64, page.next)), what)
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
                Value::S(text) => format!("{name}={text}"),
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

/// Used by tests to put a row without a call.
impl Items {
    /// Puts an item as it is.
    pub fn put(&mut self, item: Item) {
        self.apply(&Write::Put { item, condition: Condition::Always }, Timestamp::MIN);
    }
}
