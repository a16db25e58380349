//! Parking a request, and the message that brings it back.
//!
//! The row is the truth and is written first; the message only says when to look at it. A message that is
//! lost is sent again by the retry processor's sweep, and one that comes twice finds its row changed. So a
//! request is promised (`202`) from the moment its row is written, whatever becomes of the send.
//!
//! A message carries the `wake` time of the row as its *generation*. The sweep gives the row a new one, which
//! makes the old message, should it still come, a stranger. That keeps the messages of a request from
//! multiplying.

mod message;

pub use message::RetryMessage;

use smol_str::SmolStr;
use tenfold_ports::queue::Outgoing;
use tenfold_ports::table::{Cancelled, Read, TransactError, Write, WriteError};
use tenfold_ports::{CallError, Queue, Runtime, Table};

use crate::error::StoreError;
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

/// The number of times that a write is made whose answer was lost or that somebody overtook.
const TRIES: usize = 4;

/// Writes `row` in place of the version that it was read at. It knows its own write by its `writer`.
///
/// # Errors
/// The table did not answer; the write may have been applied.
pub async fn store<T: Table>(table: &T, row: &RequestRow) -> Result<Stored, StoreError> {
    let mut failure = CallError::Unknown;
    for _ in 0..TRIES {
        match table.write(row.replace()).await {
            Ok(()) => return Ok(Stored::Yes),
            Err(WriteError::Conflict { current: Some(current) }) => {
                return Ok(whose(row, RequestRow::read(&current)?));
            }
            Err(WriteError::Conflict { current: None }) => return Ok(Stored::Gone),
            Err(WriteError::Call(e)) if e.may_have_applied() => failure = e,
            Err(WriteError::Call(e)) => return Err(e.into()),
        }
    }
    Err(failure.into())
}

fn whose(mine: &RequestRow, current: RequestRow) -> Stored {
    if current.data.writer == mine.data.writer && current.version == mine.version + 1 {
        return Stored::Yes;
    }
    Stored::Other(Box::new(current))
}

/// Writes `row` together with a change of its order group; `change` answers none where the group does not
/// allow it. `group` is read here when it is not given, and anew whenever somebody overtook.
///
/// # Errors
/// The table did not answer; the write may have been applied.
pub async fn store_in_group<T: Table, R: Runtime>(
    table: &T,
    runtime: &R,
    row: &RequestRow,
    mut group: Option<OrderGroupRow>,
    change: impl Fn(&OrderGroup) -> Option<OrderGroup>,
) -> Result<Stored, StoreError> {
    let ordering = row.data.ordering.clone().unwrap_or_default();
    let mut failure = CallError::Throttled;
    for _ in 0..TRIES {
        let read = match group.take() {
            Some(group) => group,
            None => read_group(table, &row.data.target, &ordering).await?,
        };
        let Some(next) = change(&read.group) else { return Ok(Stored::GroupFull) };
        let stamp = (runtime.next_u64() >> 1) as i64;
        let writes: Vec<Write> = vec![row.replace(), read.replace(next, stamp)];
        match table.transact(writes).await {
            Ok(()) => return Ok(Stored::Yes),
            Err(TransactError::Cancelled(reasons)) => {
                match reasons.first() {
                    Some(Cancelled::Condition(Some(current))) => {
                        return Ok(whose(row, RequestRow::read(current)?));
                    }
                    Some(Cancelled::Condition(None)) => return Ok(Stored::Gone),
                    // The group moved on: read it anew.
                    _ => {}
                }
            }
            Err(TransactError::Call(e)) if e.may_have_applied() => failure = e,
            Err(TransactError::Call(e)) => return Err(e.into()),
        }
    }
    Err(failure.into())
}

/// Reads an order group.
///
/// # Errors
/// The table did not answer.
pub async fn read_group<T: Table>(
    table: &T,
    target: &TargetName,
    ordering: &SmolStr,
) -> Result<OrderGroupRow, StoreError> {
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
) -> Result<Stored, StoreError> {
    if row.data.ordering.is_none() {
        return store(table, row).await;
    }
    let id = row.id;
    store_in_group(table, runtime, row, None, |group| group.with(id)).await
}

/// Sends messages in batches of ten. What is rejected or fails is only logged: the sweep finds the rows.
pub async fn send<Q: Queue>(queue: &Q, mut messages: Vec<Outgoing>) {
    while !messages.is_empty() {
        let rest = messages.split_off(messages.len().min(tenfold_ports::queue::BATCH));
        match queue.send(std::mem::replace(&mut messages, rest)).await {
            Ok(rejected) if rejected.is_empty() => {}
            Ok(rejected) => {
                tracing::warn!(rejected = rejected.len(), "messages rejected; the sweep sends them again");
            }
            Err(e) => tracing::warn!(error = %e, "messages not sent; the sweep sends them again"),
        }
    }
}
