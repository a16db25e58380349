//! How large items are, as DynamoDB counts.

use tenfold_ports::table::{Item, Value};

/// The largest item.
pub(super) const MAX_ITEM: usize = 400 << 10;
/// How much a transaction writes at most.
pub(super) const MAX_TRANSACTION: usize = 4 << 20;
/// How much a page reads at most.
pub(super) const MAX_PAGE: usize = 1 << 20;

/// The size of an item. Documents are counted only where `documents` says so: to write one as JSON takes
/// longer than all else that the world does with an item.
pub(crate) fn size(item: &Item, documents: bool) -> usize {
    let key = "pk".len() + item.key.pk.len() + "sk".len() + item.key.sk.len();
    item.attributes().map(|(name, value)| name.len() + value_size(value, documents)).sum::<usize>() + key
}

pub(super) fn value_size(value: &Value, documents: bool) -> usize {
    match value {
        Value::Bool(_) => 1,
        Value::N(n) => digits(n.checked_ilog10().unwrap_or(0)),
        Value::S(text) => text.len(),
        Value::B(bytes) => bytes.len(),
        Value::Doc(_) if !documents => 0,
        Value::Doc(doc) => doc.size().unwrap_or(0),
    }
}

/// A byte for two digits, and one more.
const fn digits(log10: u32) -> usize {
    (log10 as usize + 1).div_ceil(2) + 1
}
