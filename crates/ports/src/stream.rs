//! What the stream of a table hands to a function: changes of items, with the semantics of DynamoDB Streams.
//!
//! Data only: nobody calls a stream. Lambda's event source mapping reads it and invokes a function with batches
//! of [`Record`]s, at least once and in order for each item. The function answers which records it could not
//! take; from the first of them on all come again.

use jiff::Timestamp;
use smol_str::SmolStr;

use crate::table::{Item, Key};

/// A change of one item.
#[derive(Debug, Clone, PartialEq, Hash)]
pub struct Record {
    /// Names the record within its stream: what a function answers for a record that it could not take. Digits;
    /// not to be compared as text.
    pub sequence: SmolStr,
    /// The item's key.
    pub key: Key,
    /// The item before; none where there was none.
    pub old: Option<Item>,
    /// The item after; none where it was removed.
    pub new: Option<Item>,
    /// About when the change was made.
    pub at: Timestamp,
    /// Whether DynamoDB removed the item by itself because its time to live was over.
    pub expired: bool,
}

/// What happened to the item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// It came to be.
    Insert,
    /// It changed.
    Modify,
    /// It is gone.
    Remove,
}

impl Kind {
    /// DynamoDB's name for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Insert => "INSERT",
            Self::Modify => "MODIFY",
            Self::Remove => "REMOVE",
        }
    }
}

impl Record {
    /// What happened to the item.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match (&self.old, &self.new) {
            (_, None) => Kind::Remove,
            (None, Some(_)) => Kind::Insert,
            (Some(_), Some(_)) => Kind::Modify,
        }
    }
}
