//! What DynamoDB takes at most: in an item, a page, a batch and a transaction. A few sequences, as they write
//! megabytes.

use proptest::prelude::*;
use proptest::sample::select;
use smol_str::format_smolstr;
use tenfold_ports::Table;
use tenfold_ports::table::{Condition, Item, Key, Query, Read, TransactError, Value, Write, WriteError};

use crate::both::{Both, ask, in_quiet_world};
use crate::suite::Compared;
use crate::tables::{compare, failed, item};

/// How large and how many.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The bytes of each item's text.
    bytes: usize,
    /// How many items.
    items: usize,
    /// Whether the text is in a document.
    document: bool,
    /// How many keys and writes in one call.
    many: usize,
}

pub fn limits() -> impl Strategy<Value = Limits> {
    let bytes = select(vec![100_000, 300_000, 399_000, 409_400, 409_800, 500_000]);
    (bytes, 1..14_usize, any::<bool>(), select(vec![99, 100, 101]))
        .prop_map(|(bytes, items, document, many)| Limits { bytes, items, document, many })
}

pub fn run(both: &Both, limits: &Limits) -> Compared {
    let prefix = Both::name();
    let local = both.table();
    in_quiet_world(|world| {
        let there = both.local(limits.clone().go(&local, prefix.clone()));
        let (limits, prefix) = (limits.clone(), prefix.clone());
        let here = ask(world, |env| limits.go_owned(env, prefix));
        for (i, (there, here)) in there.iter().zip(&here).enumerate() {
            compare(i, there, here)?;
        }
        Ok(here.len())
    })
}

impl Limits {
    async fn go_owned(self, table: impl Table, partition: String) -> Vec<String> {
        self.go(&table, partition).await
    }

    async fn go(self, table: &impl Table, partition: String) -> Vec<String> {
        let mut seen = Vec::new();
        let text = "x".repeat(self.bytes);
        for n in 0..self.items {
            let item = Item::new(Key::new(partition.as_str(), format_smolstr!("{n:02}")));
            let item = if self.document {
                item.with_doc(serde_json::json!({ "text": text }))
            } else {
                item.with("text", text.as_str())
            };
            seen.push(said(table.write(Write::Put { item, condition: Condition::Always }).await));
        }
        let mut query = Query::partition(partition.as_str().into());
        // Two ways to read it all: by counting and by reading, a page at a time.
        loop {
            let counted = table.count(query.clone()).await;
            seen.push(counted.as_ref().map_or_else(failed, |counted| format!("{counted:?}")));
            match counted {
                Ok((_, Some(next))) => query.after = Some(next),
                _ => break,
            }
        }
        query.after = None;
        loop {
            let page = table.query(query.clone()).await;
            let show = |i: &Item| item(&shortened(i));
            let shown = page.as_ref().map(|page| page.items.iter().map(show).collect::<Vec<_>>());
            seen.push(shown.map_or_else(failed, |shown| format!("{shown:?}")));
            match page {
                Ok(page) if page.next.is_some() => query.after = page.next,
                _ => break,
            }
        }
        self.together(table, &partition, &mut seen).await;
        seen
    }

    /// Many in one call.
    async fn together(&self, table: &impl Table, partition: &str, seen: &mut Vec<String>) {
        let key = |n: usize| Key::new(partition, format_smolstr!("many {n}"));
        let put = |n| Write::create(Item::new(key(n)).with("n", 1));
        let writes: Vec<Write> = (0..self.many).map(put).collect();
        let keys: Vec<Key> = (0..self.many).map(key).collect();
        let said = |result: Result<(), _>| format!("{:?}", result.map_err(|e| crude(&e)));
        seen.push(said(table.transact(writes.clone()).await));
        seen.push(said(table.transact(writes[..3].to_vec()).await));
        for keys in [keys.clone(), vec![key(1), key(2), key(1)]] {
            let found = table.get_many(&keys, Read::Consistent).await;
            let found = found.map(|all| all.iter().flatten().map(item).collect::<Vec<_>>());
            seen.push(found.map_or_else(|e| failed(&e), |found| format!("{found:?}")));
        }
    }
}

fn said(result: Result<(), WriteError>) -> String {
    match result {
        Ok(()) => "written".to_owned(),
        Err(WriteError::Call(error)) => failed(&error),
        Err(other) => format!("{other:?}"),
    }
}

fn crude(error: &TransactError) -> String {
    match error {
        TransactError::Call(error) => failed(error),
        cancelled @ TransactError::Cancelled(_) => format!("{cancelled:?}"),
    }
}

/// The item with the lengths of its texts in their place.
fn shortened(whole: &Item) -> Item {
    let mut short = Item::new(whole.key.clone());
    for (name, value) in whole.attributes() {
        let length = match value {
            Value::S(text) => text.len(),
            Value::Doc(doc) => doc.to_json().unwrap().to_string().len(),
            _ => 0,
        };
        short.set(name.into(), Value::N(length as i64));
    }
    short
}
