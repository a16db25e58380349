//! A topic with the semantics of Amazon SNS.
//!
//! What is published reaches every subscription whose filter lets it through, at least once. A standard topic
//! keeps no order.

use smol_str::SmolStr;

use crate::CallError;
use crate::queue::{Fifo, Rejected};

/// The most notices that one call publishes.
pub const BATCH: usize = 10;

/// The most bytes of all bodies and attributes of a batch together.
pub const MAX_BYTES: usize = 256 << 10;

/// What is published.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Notice {
    /// The body, as UTF-8 text; not empty.
    pub body: String,
    /// What subscriptions filter by: different names of letters, digits, `-`, `_` and `.`, and no empty text. A
    /// subscription with raw delivery loses a notice that has more than 10.
    pub attributes: Vec<(SmolStr, Attribute)>,
    /// Order and deduplication; required on a FIFO topic and absent on a standard one.
    pub fifo: Option<Fifo>,
}

impl Notice {
    /// A notice for a standard topic, without attributes.
    #[must_use]
    pub const fn new(body: String) -> Self {
        Self { body, attributes: Vec::new(), fifo: None }
    }

    /// The notice with one attribute more.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Attribute>) -> Self {
        self.attributes.push((SmolStr::new_static(name), value.into()));
        self
    }

    /// How much the notice counts of [`MAX_BYTES`]: its body, and of each attribute the name, type and value.
    #[must_use]
    pub fn size(&self) -> usize {
        let attribute = |(name, value): &(SmolStr, Attribute)| {
            name.len() + value.data_type().len() + value.to_text().len()
        };
        self.body.len() + self.attributes.iter().map(attribute).sum::<usize>()
    }
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Attribute {
    /// Text.
    Text(SmolStr),
    /// A whole number, which `numeric` filters see. They tell numbers of up to a billion apart.
    Number(i64),
}

impl Attribute {
    /// SNS's name of the type.
    #[must_use]
    pub const fn data_type(&self) -> &'static str {
        match self {
            Self::Text(_) => "String",
            Self::Number(_) => "Number",
        }
    }

    /// The value as SNS takes it.
    #[must_use]
    pub fn to_text(&self) -> SmolStr {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(n) => smol_str::format_smolstr!("{n}"),
        }
    }
}

impl From<&str> for Attribute {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<SmolStr> for Attribute {
    fn from(text: SmolStr) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Attribute {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

/// A topic.
pub trait Topic {
    /// Publishes at most [`BATCH`] notices of at most [`MAX_BYTES`] in one call and answers which of them were
    /// rejected.
    ///
    /// # Errors
    /// The call as a whole failed.
    async fn publish(&self, notices: Vec<Notice>) -> Result<Rejected, CallError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_count_for_the_size_with_their_names_and_types() {
        let notice = Notice::new("body".to_owned()).with("n", -10).with("kind", "paid");
        assert_eq!(notice.size(), 4 + (1 + 6 + 3) + (4 + 6 + 4));
    }
}
