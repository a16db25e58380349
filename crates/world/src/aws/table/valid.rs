//! What DynamoDB refuses before it looks at any item, and what cannot be added.

use smol_str::SmolStr;
use tenfold_ports::CallError;
use tenfold_ports::table::{BATCH, Condition, Item, Key, Update, Value, Write};

use super::refusal::invalid;
use super::size::MAX_TRANSACTION;

/// A write by itself.
pub(super) fn valid(write: &Write) -> Result<(), CallError> {
    valid_key(write.key())?;
    match write {
        Write::Put { .. } | Write::Delete { .. } => Ok(()),
        Write::Update { updates, .. } => valid_updates(updates),
        Write::Check { condition, .. } => valid_check(condition),
    }
}

/// The writes of a transaction, which puts items of so many bytes.
pub(super) fn valid_together(writes: &[Write], puts: usize) -> Result<(), CallError> {
    if writes.is_empty() || writes.len() > BATCH {
        return Err(invalid("a transaction has 1 to 100 writes"));
    }
    for (i, write) in writes.iter().enumerate() {
        if writes[..i].iter().any(|before| before.key() == write.key()) {
            return Err(invalid("two writes of one item in a transaction"));
        }
        if matches!(write, Write::Update { updates, .. } if updates.is_empty()) {
            return Err(invalid("an update in a transaction changes something"));
        }
    }
    if puts > MAX_TRANSACTION {
        return Err(invalid("a transaction of more than 4 MB"));
    }
    Ok(())
}

pub(crate) fn valid_key(key: &Key) -> Result<(), CallError> {
    if key.pk.is_empty() || key.sk.is_empty() {
        return Err(invalid("an empty key attribute"));
    }
    if key.pk.len() > 2048 || key.sk.len() > 1024 {
        return Err(invalid("a key attribute is too long"));
    }
    Ok(())
}

fn valid_updates(updates: &[(SmolStr, Update)]) -> Result<(), CallError> {
    for (i, (name, _)) in updates.iter().enumerate() {
        if updates[..i].iter().any(|(before, _)| before == name) {
            return Err(invalid("two changes of one attribute"));
        }
        if name == "pk" || name == "sk" {
            return Err(invalid("a change of a key attribute"));
        }
    }
    Ok(())
}

fn valid_check(condition: &Condition) -> Result<(), CallError> {
    if always_holds(condition) {
        return Err(invalid("a check checks something"));
    }
    Ok(())
}

/// Whether a condition asks for nothing, so that no expression could say it.
fn always_holds(condition: &Condition) -> bool {
    match condition {
        Condition::Always => true,
        Condition::All(all) => all.iter().all(always_holds),
        Condition::Any(any) => any.iter().any(always_holds),
        _ => false,
    }
}

/// Numbers are added to numbers and to nothing.
pub(super) fn addable(item: &Item, name: &str, update: &Update) -> Result<(), CallError> {
    match (update, item.get(name)) {
        (Update::Add(n), Some(Value::N(old))) if old.checked_add(*n).is_none() => {
            // DynamoDB goes on to 38 digits; the port does not.
            Err(invalid("a number beyond 64 bits"))
        }
        (Update::Add(_), Some(Value::N(_)) | None) | (Update::Set(_) | Update::Remove, _) => Ok(()),
        (Update::Add(_), Some(_)) => Err(invalid("a number is added to what is none")),
    }
}
