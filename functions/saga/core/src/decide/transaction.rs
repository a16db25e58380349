//! A transaction that shall be made: what a decision answers with.

use tenfold_ports::table::Write;

/// A transaction: the writes on the saga's own rows first, then those of the service.
///
/// They are told apart because a condition that does not hold means another thing in each: the saga has moved
/// on, or the service refuses.
#[derive(Debug)]
pub(crate) struct Transaction {
    pub(crate) saga: Vec<Write>,
    pub(crate) service: Vec<Write>,
}

impl Transaction {
    /// Returns a transaction of the saga's own rows, in which no service writes.
    pub(crate) fn of_saga(saga: Vec<Write>) -> Self {
        Self { saga, service: Vec::new() }
    }
}
