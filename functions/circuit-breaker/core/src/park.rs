//! Parking a request, and the messages that bring the retry processor.
//!
//! The row is the truth and is written first; a message only says when to look at a target. One that is lost is made up
//! for by the retry processor's sweep, and one that comes twice finds the rows changed. So a request is promised (`202`)
//! from the moment its row is written, whatever becomes of the send. A large body is written before its row.

mod body;
mod message;
mod wakes;

pub use body::{delete_body, keep_body, keep_what_is_left, put_body, read_body};
pub use message::{DeadLetters, DeadRequest, Look, Wake};
pub use wakes::{INDEX_LAG, Wakes, outgoing};

use smol_str::SmolStr;
use tenfold_pattern::ReadError;
use tenfold_pattern::commit::{self, Committed, Transacted};
use tenfold_ports::table::{Cancelled, Item, Read};
use tenfold_ports::{CallError, Runtime, Table};

use crate::names::TargetName;
use crate::rows::{OrderGroup, OrderGroupRow, RequestRow, order_group_key};

/// What became of the write of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Stored {
    /// The row was written.
    Yes,
    /// Somebody else has written the row; this is what there is.
    Other(Box<RequestRow>),
    /// There was a row, and it has been deleted since.
    Gone,
    /// The row's order group is full, and nothing was written.
    GroupFull,
}

/// The number of times that a write is made whose order group has moved on.
const TRIES: usize = 4;

/// Writes `row` in place of the version that it was read at. It knows its own write by its `writer`.
///
/// # Errors
/// The table did not answer; the write may have been applied. Or what is there cannot be read.
pub async fn store<T: Table>(table: &T, row: &RequestRow) -> Result<Stored, ReadError> {
    match commit::write(table, &row.replace(), |item| is_of(row, item)).await? {
        Committed::Yes => Ok(Stored::Yes),
        Committed::Conflict(current) | Committed::Unclear(current) => overtaken(current.as_ref()),
    }
}

/// Whether an item is what the write of `row` has made of it.
fn is_of(row: &RequestRow, item: &Item) -> bool {
    RequestRow::read(item)
        .is_ok_and(|current| current.data.writer == row.data.writer && current.version == row.version + 1)
}

fn overtaken(current: Option<&Item>) -> Result<Stored, ReadError> {
    let Some(current) = current else { return Ok(Stored::Gone) };
    Ok(Stored::Other(Box::new(RequestRow::read(current)?)))
}

/// Writes `row` together with a change of its order group; `change` answers none where the group does not
/// allow it. `group` is read here when it is not given, and anew whenever somebody overtook.
///
/// # Errors
/// The table did not answer; the write may have been applied. Or what is there cannot be read.
pub async fn store_in_group<T: Table, R: Runtime>(
    table: &T,
    runtime: &R,
    row: &RequestRow,
    mut group: Option<OrderGroupRow>,
    change: impl Fn(&OrderGroup) -> Option<OrderGroup>,
) -> Result<Stored, ReadError> {
    let ordering = row.data.ordering.clone().unwrap_or_default();
    let mine = |reasons: &[Cancelled]| matches!(reasons.first(), Some(Cancelled::Condition(Some(item))) if is_of(row, item));
    for _ in 0..TRIES {
        let read = match group.take() {
            Some(group) => group,
            None => read_group(table, &row.data.target, &ordering).await?,
        };
        let Some(next) = change(&read.group) else { return Ok(Stored::GroupFull) };
        let stamp = (runtime.next_u64() >> 1) as i64;
        let writes = [row.replace(), read.replace(next, stamp)];
        match commit::transact(table, &writes, mine).await? {
            Transacted::Yes => return Ok(Stored::Yes),
            Transacted::Cancelled(reasons) => {
                // Otherwise the group moved on: it is read anew.
                if let Some(Cancelled::Condition(current)) = reasons.first() {
                    return overtaken(current.as_ref());
                }
            }
        }
    }
    Err(ReadError::Silent(CallError::Throttled))
}

/// Reads an order group.
///
/// # Errors
/// The table did not answer, or the group cannot be read.
pub async fn read_group<T: Table>(
    table: &T,
    target: &TargetName,
    ordering: &SmolStr,
) -> Result<OrderGroupRow, ReadError> {
    let item = table.get(&order_group_key(target, ordering), Read::Consistent).await?;
    Ok(OrderGroupRow::read(target, ordering, item.as_ref())?)
}

/// Queues a row: at the end of its order group where it has an ordering key.
///
/// # Errors
/// The row could not be written.
pub async fn queue_row<T: Table, R: Runtime>(
    table: &T,
    runtime: &R,
    row: &RequestRow,
) -> Result<Stored, ReadError> {
    if row.data.ordering.is_none() {
        return store(table, row).await;
    }
    let id = row.id;
    store_in_group(table, runtime, row, None, |group| group.with(id)).await
}
