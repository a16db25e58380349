//! The item of a request's body, where that is large: written before the row that needs it, and deleted after the row that
//! needs it no more. So no row ever points at nothing, and what a crash in between leaves behind ends by its time.

use tenfold_pattern::ReadError;
use tenfold_pattern::commit::{self, Committed};
use tenfold_ports::table::{Item, Read, Write};
use tenfold_ports::{Bytes, Table};

use crate::rows::{RequestRow, StoredBody};

/// Writes the body of a request that is going to be parked, where it has an item of its own.
///
/// # Errors
/// The table did not answer or refused it: the row must not be written.
pub async fn put_body<T: Table>(table: &T, row: &RequestRow, body: &Bytes) -> Result<(), ReadError> {
    write(table, row, row.body.put(row.body_key(), body)).await
}

/// Has the body of a request kept for as long as its row needs it, as that is going to be written. A body in the row, and one
/// that is kept so long anyway, costs no call.
///
/// # Errors
/// The table did not answer or refused it, or the body is missing: the request cannot be sent again.
pub async fn keep_body<T: Table>(table: &T, row: &mut RequestRow) -> Result<(), ReadError> {
    let (key, needed) = (row.body_key(), row.body_needed());
    let keep = row.body.keep(key, needed);
    write(table, row, keep).await
}

/// The same for a request that is dead with its body or without.
///
/// # Errors
/// The table did not answer or refused it.
pub async fn keep_what_is_left<T: Table>(table: &T, row: &mut RequestRow) -> Result<(), ReadError> {
    match keep_body(table, row).await {
        Err(ReadError::Row(error)) => {
            tracing::warn!(%error, request = %row.id, "given up without its body");
            Ok(())
        }
        kept => kept,
    }
}

/// Reads the body of a request.
///
/// # Errors
/// The table did not answer, or the body is missing.
pub async fn read_body<T: Table>(table: &T, row: &RequestRow) -> Result<Bytes, ReadError> {
    match &row.body {
        StoredBody::Inline(body) => Ok(body.clone()),
        StoredBody::Apart(_) => {
            let key = row.body_key();
            let item = table.get(&key, Read::Consistent).await?;
            Ok(StoredBody::read(&key, item.as_ref())?)
        }
    }
}

/// Deletes the body of a request that was delivered. Nobody waits for that: where it is refused, the body ends by its time.
pub async fn delete_body<T: Table>(table: &T, row: &RequestRow) {
    let Some(delete) = row.body.delete(row.body_key()) else { return };
    if let Err(error) = table.write(delete).await {
        tracing::warn!(%error, request = %row.id, "a delivered body stays until its time is over");
    }
}

async fn write<T: Table>(table: &T, row: &RequestRow, write: Option<Write>) -> Result<(), ReadError> {
    let Some(write) = write else { return Ok(()) };
    match commit::write(table, &write, |_| false).await? {
        // What is there is the same, and is kept longer.
        Committed::Yes | Committed::Conflict(Some(_)) | Committed::Unclear(Some(_)) => Ok(()),
        Committed::Conflict(None) | Committed::Unclear(None) => {
            Ok(StoredBody::read(&row.body_key(), None::<&Item>).map(|_| ())?)
        }
    }
}
