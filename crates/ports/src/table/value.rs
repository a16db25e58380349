//! The values of attributes.

use std::any::Any;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use smol_str::SmolStr;

use super::size;

/// An attribute's value.
#[derive(Debug, Clone, PartialEq, Hash)]
pub enum Value {
    /// A truth value.
    Bool(bool),
    /// A whole number.
    N(i64),
    /// Text.
    S(SmolStr),
    /// Bytes.
    B(Bytes),
    /// What only the pattern itself looks into.
    Doc(Doc),
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::S(value.into())
    }
}

impl From<SmolStr> for Value {
    fn from(value: SmolStr) -> Self {
        Self::S(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::N(value)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<Bytes> for Value {
    fn from(value: Bytes) -> Self {
        Self::B(value)
    }
}

/// An item is not what the code that reads it writes: a missing attribute, another type, an older shape.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("item {key}: attribute `{attribute}` {why}")]
pub struct BadItem {
    /// The item's key.
    pub key: String,
    /// The attribute.
    pub attribute: String,
    /// What is wrong with it.
    pub why: String,
}

/// A type that can be stored as a [`Doc`]. Implemented for all that qualify.
pub trait Document: Any + Send + Sync + fmt::Debug {
    /// The value as JSON.
    ///
    /// # Errors
    /// The type cannot be written as JSON (a map with keys that are not text).
    fn to_json(&self) -> Result<serde_json::Value, serde_json::Error>;
    /// How large the value is in a table, in bytes as DynamoDB counts.
    ///
    /// # Errors
    /// The type cannot be written as JSON.
    fn size(&self) -> Result<usize, serde_json::Error>;
    /// The value itself, to be taken back by its type.
    fn as_any(&self) -> &dyn Any;
    /// Whether `other` is of the same type and equal.
    fn same(&self, other: &dyn Document) -> bool;
    /// Feeds the value to a hasher; equal values feed the same.
    fn feed(&self, hasher: &mut dyn Hasher);
}

impl<T: Serialize + PartialEq + Hash + fmt::Debug + Any + Send + Sync> Document for T {
    fn to_json(&self) -> Result<serde_json::Value, serde_json::Error> {
        serde_json::to_value(self)
    }
    fn size(&self) -> Result<usize, serde_json::Error> {
        size::size(self)
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn same(&self, other: &dyn Document) -> bool {
        other.as_any().downcast_ref::<T>() == Some(self)
    }
    fn feed(&self, mut hasher: &mut dyn Hasher) {
        self.hash(&mut hasher);
    }
}

/// A typed value inside an item: a map in DynamoDB, the value itself in the deterministic world.
#[derive(Debug, Clone)]
pub enum Doc {
    /// As a core made it.
    Typed(Arc<dyn Document>),
    /// As it came from a real table.
    Json(serde_json::Value),
}

impl Doc {
    /// Wraps a value.
    pub fn new<T: Document>(value: T) -> Self {
        Self::Typed(Arc::new(value))
    }

    /// Takes the value back.
    ///
    /// # Errors
    /// The document is of another shape.
    pub fn read<T: Document + DeserializeOwned + Clone>(&self) -> Result<T, serde_json::Error> {
        match self {
            Self::Typed(value) => match value.as_any().downcast_ref::<T>() {
                Some(value) => Ok(value.clone()),
                None => serde_json::from_value(value.to_json()?),
            },
            Self::Json(value) => T::deserialize(value),
        }
    }

    /// How large the document is in a table, in bytes as DynamoDB counts.
    ///
    /// # Errors
    /// The type cannot be written as JSON.
    pub fn size(&self) -> Result<usize, serde_json::Error> {
        match self {
            Self::Typed(value) => value.size(),
            Self::Json(value) => size::size(value),
        }
    }

    /// The document as JSON.
    ///
    /// # Errors
    /// The type cannot be written as JSON.
    pub fn to_json(&self) -> Result<serde_json::Value, serde_json::Error> {
        match self {
            Self::Typed(value) => value.to_json(),
            Self::Json(value) => Ok(value.clone()),
        }
    }
}

impl Hash for Doc {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Typed(value) => value.feed(state),
            Self::Json(value) => value.hash(state),
        }
    }
}

impl PartialEq for Doc {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Typed(a), Self::Typed(b)) => a.same(b.as_ref()),
            (Self::Json(a), Self::Json(b)) => a == b,
            _ => matches!((self.to_json(), other.to_json()), (Ok(a), Ok(b)) if a == b),
        }
    }
}
