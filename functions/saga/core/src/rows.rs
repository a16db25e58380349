//! The rows of the table and how they are written.
//!
//! | pk | sk | holds |
//! |---|---|---|
//! | `saga#<id>` | `saga` | a saga: its state, round and deadline |
//! | `saga#<id>` | `step#<name>` | a step: done, undone, refused or stuck. No row: not done yet |
//! | `saga#<id>` | `log#<round>#<event>` | an entry of its log, written once and never changed |
//!
//! The index `open` (partition `open`, number `wake`) holds the sagas that are not at their end, by state and
//! shard (`running#3`) and by when somebody has to look at them: the deadline of a running, compensating or
//! committing one, the beginning of a stuck one.
//!
//! A log entry is written in the transaction that it tells of. Its key is made of what it tells, so the same
//! transaction made twice cannot append twice. The table's stream brings it to the publisher: it is the
//! outbox.

mod change;
mod keys;
mod log;
mod partition;
mod saga;
mod step;

pub use change::{SagaChange, pivot_change};
pub use keys::{LOG, OPEN, OPEN_INDEX, WAKE, log_key, saga_key, saga_of, step_key};
pub use log::{LogEntry, ROUND_MOST};
pub use partition::Partition;
pub use saga::{SagaData, SagaRow, check};
pub use step::{StepData, StepRow};

#[cfg(test)]
mod tests;
