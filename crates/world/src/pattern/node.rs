//! What an event looks like to a pattern.

use std::borrow::Cow;

use serde_json::Value as Json;

/// A single value of an event.
#[derive(Debug, Clone, PartialEq)]
pub enum Leaf<'a> {
    /// `null`.
    Null,
    /// A truth value.
    Bool(bool),
    /// A number.
    Number(f64),
    /// Text.
    Text(Cow<'a, str>),
}

/// A place in an event.
pub trait EventNode: Copy {
    /// The field `name`; none where there is none, or no map.
    fn field(self, name: &str) -> Option<Self>;

    /// The value; none for a map.
    fn leaf(&self) -> Option<Leaf<'_>>;

    /// Whether `holds` does of one of the elements of an array, or of anything else itself.
    fn any(self, holds: &dyn Fn(Self) -> bool) -> bool {
        holds(self)
    }
}

impl EventNode for &Json {
    fn field(self, name: &str) -> Option<Self> {
        self.get(name)
    }

    fn leaf(&self) -> Option<Leaf<'_>> {
        Some(match self {
            Json::Null => Leaf::Null,
            Json::Bool(truth) => Leaf::Bool(*truth),
            Json::Number(number) => Leaf::Number(number.as_f64()?),
            Json::String(text) => Leaf::Text(Cow::Borrowed(text)),
            Json::Array(_) | Json::Object(_) => return None,
        })
    }

    fn any(self, holds: &dyn Fn(Self) -> bool) -> bool {
        match self {
            Json::Array(all) => all.iter().any(|element| element.any(holds)),
            one => holds(one),
        }
    }
}
