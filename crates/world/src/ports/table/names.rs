//! Names of kinds of rows, which tell call sites apart. There are only a few dozen, so they live for ever.

use std::cell::RefCell;

use tenfold_ports::table::{Key, Value, Write};

thread_local! {
    static NAMES: RefCell<Vec<(&'static str, Box<str>, &'static str)>> = const { RefCell::new(Vec::new()) };
}

/// `before` and `after` in one, made once.
fn joined(before: &'static str, after: &str, join: impl FnOnce() -> String) -> &'static str {
    NAMES.with_borrow_mut(|names| {
        if let Some((_, _, known)) = names.iter().find(|(b, a, _)| *b == before && **a == *after) {
            return *known;
        }
        let name: &'static str = Box::leak(join().into_boxed_str());
        names.push((before, after.into(), name));
        name
    })
}

/// The kind of row in a partition: what comes before the first `#`.
pub(super) fn kind(partition: &str) -> &'static str {
    let name = partition.split('#').next().unwrap_or_default();
    joined("", name, || name.to_owned())
}

/// The kind of row a key belongs to.
pub(super) fn kind_of_key(key: &Key) -> &'static str {
    kind(&key.pk)
}

/// The kind of row, with its status where it has one, and with the kind of write where it is not put.
pub(super) fn kind_of(write: &Write) -> &'static str {
    let key = kind_of_key(write.key());
    match write {
        Write::Put { item, .. } => match item.get("status") {
            Some(Value::S(status)) => joined(key, status, || format!("{key} {status}")),
            _ => key,
        },
        Write::Update { .. } => joined(key, "(update)", || format!("{key} (update)")),
        Write::Delete { .. } => joined(key, "(delete)", || format!("{key} (delete)")),
        Write::Check { .. } => joined(key, "(check)", || format!("{key} (check)")),
    }
}

/// The kinds of all rows of a transaction.
pub(super) fn kind_of_all(writes: &[Write]) -> &'static str {
    let kinds = writes.iter().map(kind_of);
    kinds.reduce(|all, kind| joined(all, kind, || format!("{all} + {kind}"))).unwrap_or("")
}
