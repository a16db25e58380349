//! Why something could not be done: closed sets, one name a condition.
//!
//! What a caller of the API is told is a `Problem`, which the gateway makes of these.

use tenfold_ports::CallError;
use tenfold_ports::table::BadItem;

/// Why a breaker cannot be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// The table did not answer, and nothing is known from before.
    #[error("the breaker table did not answer: {0}")]
    Table(#[from] CallError),
    /// A row is not what this version writes.
    #[error(transparent)]
    Row(#[from] BadItem),
}

/// Why a row could not be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The table did not answer, or kept refusing for others' writes.
    #[error("the table did not answer: {0}")]
    Table(#[from] CallError),
    /// A row is not what this version writes.
    #[error(transparent)]
    Row(#[from] BadItem),
}
