//! Fields in whose place a secret may stand by mistake: a fault of theirs does not repeat what is there.

use std::fmt::Display;

use super::{Fields, Node, pointer};

impl Fields {
    /// Text that must be there, read by `parse`, whose error says what was expected and nothing of what was found.
    pub fn hidden_parsed<T, E: Display>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        match self.required(name)? {
            Node::Text(text) => parse(&text).map_or_else(|error| self.fault(name, error.to_string()), Some),
            _ => self.fault(name, "text was expected"),
        }
    }

    /// The same, where it is there.
    pub fn optional_hidden_parsed<T, E: Display>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        match self.optional(name)? {
            Node::Text(text) => parse(&text).map_or_else(|error| self.fault(name, error.to_string()), Some),
            _ => self.fault(name, "text was expected"),
        }
    }

    /// The fields of an object within this one, to be given back to [`Fields::close`]; none where it is absent.
    pub fn optional_hidden_object(&mut self, name: &str) -> Option<Self> {
        match self.optional(name)? {
            Node::Object(fields) => Some(Self::of(pointer(&self.at, name), fields)),
            _ => self.fault(name, "an object was expected"),
        }
    }
}
