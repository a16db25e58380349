//! Conditions and updates as DynamoDB's expressions. Pure: data in, text and placeholders out.
//!
//! Every name and value goes through a placeholder, so that no attribute name can be a reserved word or
//! change what an expression means.

use std::collections::HashMap;
use std::fmt::Write as _;

use aws_sdk_dynamodb::types::AttributeValue;
use smol_str::SmolStr;
use tenfold_ports::CallError;
use tenfold_ports::table::{Condition, Update};

use super::value::{PK, number, to_attribute};

/// The placeholders of all expressions of one call: `#n0`, `#n1`, … for names and `:v0`, … for values.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Placeholders {
    names: Vec<String>,
    values: Vec<AttributeValue>,
}

impl Placeholders {
    /// The placeholder of a name; the same name has one.
    pub(super) fn name(&mut self, name: &str) -> String {
        let index = self.names.iter().position(|n| n == name).unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        });
        format!("#n{index}")
    }

    /// The placeholder of a value.
    pub(super) fn value(&mut self, value: AttributeValue) -> String {
        self.values.push(value);
        format!(":v{}", self.values.len() - 1)
    }

    /// The names by their placeholders; none when there are none, as DynamoDB wants it.
    pub(super) fn names(&self) -> Option<HashMap<String, String>> {
        let all = self.names.iter().enumerate().map(|(i, n)| (format!("#n{i}"), n.clone()));
        (!self.names.is_empty()).then(|| all.collect())
    }

    /// The values by their placeholders; none when there are none.
    pub(super) fn values(self) -> Option<HashMap<String, AttributeValue>> {
        let some = !self.values.is_empty();
        let all = self.values.into_iter().enumerate().map(|(i, v)| (format!(":v{i}"), v));
        some.then(|| all.collect())
    }
}

/// The expression of a condition; none for one that always holds.
pub(super) fn condition(c: &Condition, p: &mut Placeholders) -> Result<Option<String>, CallError> {
    match constant(c) {
        Some(true) => Ok(None),
        // DynamoDB has no word for "never".
        Some(false) => {
            let pk = p.name(PK);
            Ok(Some(format!("attribute_exists({pk}) AND attribute_not_exists({pk})")))
        }
        None => written(c, p).map(Some),
    }
}

/// What a condition comes to whatever the item is; none where it depends on the item. Found out before anything
/// is written, since DynamoDB refuses placeholders that are not used.
fn constant(condition: &Condition) -> Option<bool> {
    let parts = |parts: &[Condition], decides: bool| {
        let parts: Vec<_> = parts.iter().map(constant).collect();
        if parts.contains(&Some(decides)) {
            return Some(decides);
        }
        parts.iter().all(Option::is_some).then_some(!decides)
    };
    match condition {
        Condition::Always => Some(true),
        Condition::All(all) => parts(all, false),
        Condition::Any(any) => parts(any, true),
        _ => None,
    }
}

/// A condition that depends on the item.
fn written(condition: &Condition, p: &mut Placeholders) -> Result<String, CallError> {
    Ok(match condition {
        Condition::Always => String::new(),
        // Every item has a partition key, so to ask for it is to ask for the item.
        Condition::Absent => format!("attribute_not_exists({})", p.name(PK)),
        Condition::Present => format!("attribute_exists({})", p.name(PK)),
        Condition::Without(name) => format!("attribute_not_exists({})", p.name(name)),
        Condition::Is(name, value) => format!("{} = {}", p.name(name), p.value(to_attribute(value)?)),
        Condition::AtLeast(name, bound) => format!("{} >= {}", p.name(name), p.value(number(*bound))),
        Condition::Below(name, bound) => format!("{} < {}", p.name(name), p.value(number(*bound))),
        Condition::All(all) => joined(all, " AND ", p)?,
        Condition::Any(any) => joined(any, " OR ", p)?,
    })
}

/// The parts that depend on the item: those that do not are neutral here, or the whole would be constant.
fn joined(parts: &[Condition], by: &str, p: &mut Placeholders) -> Result<String, CallError> {
    let parts = parts.iter().filter(|part| constant(part).is_none());
    let mut parts: Vec<String> = parts.map(|part| written(part, p)).collect::<Result<_, _>>()?;
    match parts.len() {
        1 => Ok(parts.remove(0)),
        _ => Ok(format!("({})", parts.join(by))),
    }
}

/// The expression of changes; none when there are none.
pub(super) fn update(
    updates: &[(SmolStr, Update)],
    p: &mut Placeholders,
) -> Result<Option<String>, CallError> {
    let (mut set, mut add, mut remove) = (Vec::new(), Vec::new(), Vec::new());
    for (name, change) in updates {
        let name = p.name(name);
        match change {
            Update::Set(value) => set.push(format!("{name} = {}", p.value(to_attribute(value)?))),
            Update::Add(n) => add.push(format!("{name} {}", p.value(number(*n)))),
            Update::Remove => remove.push(name),
        }
    }
    let mut expression = String::new();
    for (word, changes) in [("SET", set), ("ADD", add), ("REMOVE", remove)] {
        if !changes.is_empty() {
            let gap = if expression.is_empty() { "" } else { " " };
            let _ = write!(expression, "{gap}{word} {}", changes.join(", "));
        }
    }
    Ok((!expression.is_empty()).then_some(expression))
}

#[cfg(test)]
mod tests;
