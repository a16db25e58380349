//! A query page after page, so that memory stays bounded whatever a partition holds.

use std::ops::ControlFlow;

use tenfold_ports::table::{Item, Query};
use tenfold_ports::{CallError, Table};

/// Reads one page after another and gives each to `visit`, until it breaks off or there are no more. A page may be
/// empty although others follow.
///
/// # Errors
/// `visit` has failed, or the table did not answer; the pages before were visited.
pub async fn each<T, E>(
    table: &T,
    mut query: Query,
    mut visit: impl AsyncFnMut(Vec<Item>) -> Result<ControlFlow<()>, E>,
) -> Result<(), E>
where
    T: Table,
    E: From<CallError>,
{
    loop {
        let page = table.query(query.clone()).await?;
        if visit(page.items).await?.is_break() {
            return Ok(());
        }
        match page.next {
            Some(_) => query.after = page.next,
            None => return Ok(()),
        }
    }
}

/// Counts what a query finds, on all pages.
///
/// # Errors
/// The table did not answer.
pub async fn count<T: Table>(table: &T, mut query: Query) -> Result<u64, CallError> {
    // As many a page as the table counts in one call.
    query.limit = u32::MAX;
    let mut sum = 0;
    loop {
        let (n, next) = table.count(query.clone()).await?;
        sum += n;
        match next {
            Some(_) => query.after = next,
            None => return Ok(sum),
        }
    }
}
