//! A key-value table with the semantics of Amazon DynamoDB.
//!
//! Items are attributes by name. Conditions and updates are data, not expression strings, so that the
//! deterministic world and DynamoDB can be held against each other. What a pattern keeps for itself and never
//! conditions on goes into one typed [`Doc`] attribute.

mod condition;
mod item;
mod send;
mod size;
mod value;

pub use condition::{Condition, Update};
pub use item::{Item, Key};
pub use send::SendTable;
pub use value::{BadItem, Doc, Document, Value};

use smol_str::SmolStr;

use crate::CallError;

/// The most items that [`Table::get_many`] reads and [`Table::transact`] writes.
pub const BATCH: usize = 100;

/// How fresh a read is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Read {
    /// May miss writes of about the last second; costs half.
    Eventual,
    /// Sees every write that was answered before it.
    Consistent,
}

/// One write.
#[derive(Debug, Clone, PartialEq)]
pub enum Write {
    /// Replaces the whole item.
    Put {
        /// The item as it shall be.
        item: Item,
        /// What must hold of the item as it is.
        condition: Condition,
    },
    /// Changes attributes of an item, creating it where it is absent.
    Update {
        /// The item.
        key: Key,
        /// The changes, each of another attribute.
        updates: Vec<(SmolStr, Update)>,
        /// What must hold of the item as it is.
        condition: Condition,
    },
    /// Deletes an item; an absent one is no error.
    Delete {
        /// The item.
        key: Key,
        /// What must hold of the item as it is.
        condition: Condition,
    },
    /// Writes nothing, and fails the transaction that it is part of unless the condition holds.
    Check {
        /// The item.
        key: Key,
        /// What must hold of it.
        condition: Condition,
    },
}

impl Write {
    /// Puts `item` where there is none with its key.
    #[must_use]
    pub const fn create(item: Item) -> Self {
        Self::Put { item, condition: Condition::Absent }
    }

    /// The key of the item that is written.
    #[must_use]
    pub const fn key(&self) -> &Key {
        match self {
            Self::Put { item, .. } => &item.key,
            Self::Update { key, .. } | Self::Delete { key, .. } | Self::Check { key, .. } => key,
        }
    }

    /// The condition of the write.
    #[must_use]
    pub const fn condition(&self) -> &Condition {
        match self {
            Self::Put { condition, .. }
            | Self::Update { condition, .. }
            | Self::Delete { condition, .. }
            | Self::Check { condition, .. } => condition,
        }
    }
}

/// Why a single write was not made.
#[derive(Debug, Clone, PartialEq, Hash, thiserror::Error)]
pub enum WriteError {
    /// The condition did not hold. Nothing was written by this call; but an earlier attempt of the same call
    /// whose answer was lost may be the very reason, so look at `current` before you call it a conflict.
    #[error("the condition did not hold")]
    Conflict {
        /// The item as it is, none where it is absent.
        current: Option<Item>,
    },
    /// The call failed.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// Why one write of a cancelled transaction was not made.
#[derive(Debug, Clone, PartialEq, Hash)]
pub enum Cancelled {
    /// This one would have been made.
    No,
    /// Its condition did not hold; the item as it is.
    Condition(Option<Item>),
    /// Another transaction held the item.
    Busy,
}

/// Why a transaction wrote nothing.
#[derive(Debug, Clone, PartialEq, Hash, thiserror::Error)]
pub enum TransactError {
    /// Cancelled whole; a reason for each write, in their order.
    #[error("the transaction was cancelled")]
    Cancelled(Vec<Cancelled>),
    /// The call failed.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// A query of the table or of one of its indexes: the items of one partition, in the order of the sort key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Query {
    /// The index; none for the table. Indexes are eventually consistent.
    pub index: Option<&'static str>,
    /// The partition key's value.
    pub partition: SmolStr,
    /// The sort keys wanted.
    pub range: Range,
    /// The most items of a page; at least 1.
    pub limit: u32,
    /// Descending instead of ascending.
    pub backward: bool,
    /// Where the page before ended: [`Page::next`] of that page.
    pub after: Option<Cursor>,
}

impl Query {
    /// All items of a partition of the table, in pages of 100.
    #[must_use]
    pub const fn partition(partition: SmolStr) -> Self {
        Self { index: None, partition, range: Range::All, limit: 100, backward: false, after: None }
    }
}

/// Which sort keys a query wants.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Range {
    /// All.
    All,
    /// Text that begins so.
    Prefix(SmolStr),
    /// Text from the first to the second, both included, by its bytes.
    Between(SmolStr, SmolStr),
    /// Numbers of at most so much.
    AtMost(i64),
}

/// A walk through all items of a table, in no order but that of the sort keys within a partition. Several segments of it
/// can be walked at the same time.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Scan {
    /// The segment: 0 to `segments`, exclusive.
    pub segment: u32,
    /// How many segments there are: 1 to 1,000,000. A partition is in one of them, and stays there while the number is
    /// the same.
    pub segments: u32,
    /// The most items of a page; at least 1.
    pub limit: u32,
    /// Where the page before ended: [`Page::next`] of that page.
    pub after: Option<Cursor>,
}

/// The place in a query or a scan where a page ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Cursor {
    /// The key of the last item.
    pub key: Key,
    /// The sort value of the last item in the index that was queried, with the index's partition.
    pub index: Option<(SmolStr, i64)>,
}

/// A page of items.
#[derive(Debug, Clone, Default, PartialEq, Hash)]
pub struct Page {
    /// The items; an index answers only what it projects.
    pub items: Vec<Item>,
    /// Where the next page begins; none when this is the last.
    pub next: Option<Cursor>,
}

/// A table. One whose futures may go to other threads implements [`SendTable`] instead, and has this trait by that.
pub trait Table {
    /// Reads one item.
    ///
    /// # Errors
    /// The call failed.
    async fn get(&self, key: &Key, read: Read) -> Result<Option<Item>, CallError>;

    /// Reads at most [`BATCH`] items of different keys in one call; the answers are in the order of the keys.
    ///
    /// # Errors
    /// The call failed, or kept answering only in part.
    async fn get_many(&self, keys: &[Key], read: Read) -> Result<Vec<Option<Item>>, CallError>;

    /// Makes one write.
    ///
    /// # Errors
    /// The condition did not hold, or the call failed.
    async fn write(&self, write: Write) -> Result<(), WriteError>;

    /// Makes at most [`BATCH`] writes of different keys, all or none.
    ///
    /// # Errors
    /// The transaction was cancelled, or the call failed.
    async fn transact(&self, writes: Vec<Write>) -> Result<(), TransactError>;

    /// Reads one page.
    ///
    /// # Errors
    /// The call failed.
    async fn query(&self, query: Query) -> Result<Page, CallError>;

    /// Counts the items of one page without answering them: how many, and where the next page begins. Like a page that
    /// is read it ends by [`Query::limit`] or by the table's own limit (1 MiB read), so a count costs what reading costs.
    ///
    /// # Errors
    /// The call failed.
    async fn count(&self, query: Query) -> Result<(u64, Option<Cursor>), CallError>;
}

/// A table that can be read from end to end, which few functions need and are allowed.
pub trait TableScan {
    /// Reads one page of a segment of the whole table. It sees every write that was answered before it; what is written
    /// while the pages are read may be missed.
    ///
    /// # Errors
    /// The call failed.
    async fn scan(&self, scan: Scan) -> Result<Page, CallError>;
}
