//! The table for whoever moves futures between threads.

use super::{Cursor, Item, Key, Page, Query, Read, Table, TransactError, Write, WriteError};
use crate::CallError;

/// A [`Table`] whose futures may be sent to other threads. Whoever implements it has a [`Table`] too.
///
/// A function on Lambda needs no such thing, and the deterministic world is of one thread. But where the type of a future
/// is not known (in a box, as in a `tower::Service` for axum) it has to be said that it can be sent, and stable Rust cannot
/// say that of an `async fn` in somebody else's trait. So a table that is for more than one thread implements this trait,
/// with the same `async fn`s: `tenfold_aws::table::DynamoTable` and `tenfold_memory::MemoryTable` do.
///
/// ```
/// use tenfold_ports::table::{Read, Key, SendTable};
/// use tenfold_ports::{CallError, Table};
///
/// /// Knows the table as a core does: by `Table`.
/// async fn is_there<T: Table>(table: &T, key: &Key) -> Result<bool, CallError> {
///     Ok(table.get(key, Read::Consistent).await?.is_some())
/// }
///
/// /// Gives the same future to be run anywhere, as one of a type that nobody knows.
/// fn boxed<T: SendTable + Sync>(table: &T, key: Key) -> Box<dyn Future<Output = bool> + Send + '_> {
///     Box::new(async move { is_there(table, &key).await.unwrap_or(false) })
/// }
/// ```
pub trait SendTable {
    /// Reads one item.
    ///
    /// # Errors
    /// As [`Table::get`].
    fn get(&self, key: &Key, read: Read) -> impl Future<Output = Result<Option<Item>, CallError>> + Send;

    /// Reads at most [`BATCH`](super::BATCH) items of different keys in one call; the answers are in the order of the
    /// keys.
    ///
    /// # Errors
    /// As [`Table::get_many`].
    fn get_many(
        &self,
        keys: &[Key],
        read: Read,
    ) -> impl Future<Output = Result<Vec<Option<Item>>, CallError>> + Send;

    /// Makes one write.
    ///
    /// # Errors
    /// As [`Table::write`].
    fn write(&self, write: Write) -> impl Future<Output = Result<(), WriteError>> + Send;

    /// Makes at most [`BATCH`](super::BATCH) writes of different keys, all or none.
    ///
    /// # Errors
    /// As [`Table::transact`].
    fn transact(&self, writes: Vec<Write>) -> impl Future<Output = Result<(), TransactError>> + Send;

    /// Reads one page.
    ///
    /// # Errors
    /// As [`Table::query`].
    fn query(&self, query: Query) -> impl Future<Output = Result<Page, CallError>> + Send;

    /// Counts the items of one page without reading them, as [`Table::count`] does.
    ///
    /// # Errors
    /// As [`Table::count`].
    fn count(&self, query: Query) -> impl Future<Output = Result<(u64, Option<Cursor>), CallError>> + Send;
}

impl<T: SendTable> Table for T {
    async fn get(&self, key: &Key, read: Read) -> Result<Option<Item>, CallError> {
        SendTable::get(self, key, read).await
    }

    async fn get_many(&self, keys: &[Key], read: Read) -> Result<Vec<Option<Item>>, CallError> {
        SendTable::get_many(self, keys, read).await
    }

    async fn write(&self, write: Write) -> Result<(), WriteError> {
        SendTable::write(self, write).await
    }

    async fn transact(&self, writes: Vec<Write>) -> Result<(), TransactError> {
        SendTable::transact(self, writes).await
    }

    async fn query(&self, query: Query) -> Result<Page, CallError> {
        SendTable::query(self, query).await
    }

    async fn count(&self, query: Query) -> Result<(u64, Option<Cursor>), CallError> {
        SendTable::count(self, query).await
    }
}
