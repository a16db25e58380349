//! Conditions on an item, and changes of its attributes, as data.

use smol_str::SmolStr;

use super::item::Item;
use super::value::Value;

/// What must hold of an item for a write to be made. An attribute that is absent fails every comparison.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// Nothing.
    Always,
    /// There is no item with this key.
    Absent,
    /// There is an item with this key.
    Present,
    /// The attribute is absent.
    Without(&'static str),
    /// The attribute has this value.
    Is(&'static str, Value),
    /// The attribute is a number of at least so much.
    AtLeast(&'static str, i64),
    /// The attribute is a number below this.
    Below(&'static str, i64),
    /// All of these.
    All(Vec<Condition>),
    /// At least one of these.
    Any(Vec<Condition>),
}

impl Condition {
    /// Whether the condition holds of an item, none standing for an absent one.
    #[must_use]
    pub fn holds(&self, item: Option<&Item>) -> bool {
        let attribute = |name: &str| item.and_then(|i| i.get(name));
        match self {
            Self::Always => true,
            Self::Absent => item.is_none(),
            Self::Present => item.is_some(),
            Self::Without(name) => attribute(name).is_none(),
            Self::Is(name, value) => attribute(name) == Some(value),
            Self::AtLeast(name, bound) => matches!(attribute(name), Some(Value::N(n)) if n >= bound),
            Self::Below(name, bound) => matches!(attribute(name), Some(Value::N(n)) if n < bound),
            Self::All(all) => all.iter().all(|c| c.holds(item)),
            Self::Any(any) => any.iter().any(|c| c.holds(item)),
        }
    }
}

/// A change of one attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum Update {
    /// Give it this value.
    Set(Value),
    /// Add to the number; an absent one counts as 0.
    Add(i64),
    /// Take it away.
    Remove,
}

impl Update {
    /// Carries the change out on `item`.
    pub fn apply(&self, name: &SmolStr, item: &mut Item) {
        match self {
            Self::Set(value) => item.set(name.clone(), value.clone()),
            Self::Add(n) => {
                let old = if let Some(Value::N(old)) = item.get(name) { *old } else { 0 };
                item.set(name.clone(), Value::N(old + n));
            }
            Self::Remove => item.unset(name),
        }
    }
}
