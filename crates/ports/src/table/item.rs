//! Items and their keys.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use smol_str::SmolStr;

use super::value::{BadItem, Doc, Document, Value};

/// The primary key of an item: every Tenfold table has the text attributes `pk` and `sk`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The partition.
    pub pk: SmolStr,
    /// The place within the partition.
    pub sk: SmolStr,
}

impl Key {
    /// A key of its two parts.
    pub fn new(pk: impl Into<SmolStr>, sk: impl Into<SmolStr>) -> Self {
        Self { pk: pk.into(), sk: sk.into() }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} / {}", self.pk, self.sk)
    }
}

/// The attribute that holds an item's document.
const DOC: &str = "data";

/// An item: a key and attributes by name. Cheap to clone; a clone becomes one of its own when it is changed.
#[derive(Debug, Clone, PartialEq, Hash)]
pub struct Item {
    /// The primary key.
    pub key: Key,
    attributes: Arc<Vec<(SmolStr, Value)>>,
}

impl Item {
    /// An item without attributes.
    #[must_use]
    pub fn new(key: Key) -> Self {
        Self { key, attributes: Arc::default() }
    }

    /// The item with the attribute `name` set.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.set(SmolStr::new_static(name), value.into());
        self
    }

    /// The item with `value` as its document.
    #[must_use]
    pub fn with_doc<T: Document>(mut self, value: T) -> Self {
        self.set(SmolStr::new_static(DOC), Value::Doc(Doc::new(value)));
        self
    }

    /// Sets an attribute.
    pub fn set(&mut self, name: SmolStr, value: Value) {
        let attributes = Arc::make_mut(&mut self.attributes);
        if let Some((_, v)) = attributes.iter_mut().find(|(n, _)| *n == name) {
            *v = value;
            return;
        }
        // Most items have one or two attributes, and a vector begins with room for four.
        if attributes.len() == attributes.capacity() {
            attributes.reserve_exact(attributes.len().max(1));
        }
        attributes.push((name, value));
    }

    /// Takes an attribute away.
    pub fn unset(&mut self, name: &str) {
        Arc::make_mut(&mut self.attributes).retain(|(n, _)| n != name);
    }

    /// An attribute, where there is one.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.attributes.iter().find(|(n, _)| n == name).map(|(_, v)| v)
    }

    /// All attributes but the key.
    pub fn attributes(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.attributes.iter().map(|(n, v)| (n.as_str(), v))
    }

    /// The number `name`.
    ///
    /// # Errors
    /// It is missing or no number.
    pub fn number(&self, name: &str) -> Result<i64, BadItem> {
        match self.get(name) {
            Some(Value::N(n)) => Ok(*n),
            other => Err(self.bad(name, "a number", other)),
        }
    }

    /// The text `name`.
    ///
    /// # Errors
    /// It is missing or no text.
    pub fn text(&self, name: &str) -> Result<&SmolStr, BadItem> {
        match self.get(name) {
            Some(Value::S(s)) => Ok(s),
            other => Err(self.bad(name, "text", other)),
        }
    }

    /// The bytes `name`, where there are any.
    ///
    /// # Errors
    /// The attribute is there but holds no bytes.
    pub fn bytes(&self, name: &str) -> Result<Option<Bytes>, BadItem> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::B(b)) => Ok(Some(b.clone())),
            other => Err(self.bad(name, "bytes", other)),
        }
    }

    /// The document.
    ///
    /// # Errors
    /// It is missing or of another shape.
    pub fn doc<T: Document + DeserializeOwned + Clone>(&self) -> Result<T, BadItem> {
        match self.get(DOC) {
            Some(Value::Doc(doc)) => doc.read().map_err(|e| BadItem {
                key: self.key.to_string(),
                attribute: DOC.to_owned(),
                why: format!("is of another shape: {e}"),
            }),
            other => Err(self.bad(DOC, "a document", other)),
        }
    }

    fn bad(&self, name: &str, wanted: &str, found: Option<&Value>) -> BadItem {
        let why = match found {
            None => format!("is missing; {wanted} was expected"),
            Some(found) => format!("should be {wanted} and is {found:?}"),
        };
        BadItem { key: self.key.to_string(), attribute: name.to_owned(), why }
    }
}
