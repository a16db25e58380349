//! Queues in memory, with the semantics of SQS: delays, visibility, receive counts, receipts that age,
//! redrive, and FIFO queues with their groups and their deduplication.
//!
//! Where AWS leaves the order open, on a standard queue and between the groups of a FIFO queue, the world
//! chooses; and in runs with stale reads also whether a receive delivers all that it could. Where LocalStack
//! differs from AWS's documentation, the documentation is followed: `tests/conformance/DIFFERENCES.md`.

pub(crate) mod batch;
pub(crate) mod entry;
mod messages;
mod posted;
pub(crate) mod receipt;
pub(crate) mod receive;
mod settings;

pub use messages::Messages;
pub use posted::Posted;
pub use settings::QueueSettings;
