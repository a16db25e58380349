//! What other services put into a queue: topics, buses, and those that give up.

use tenfold_ports::Bytes;
use tenfold_ports::queue::Fifo;

use crate::kernel::ids::QueueId;

/// A message on its way from another service to a queue.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Posted {
    /// Which queue.
    pub queue: QueueId,
    /// The body, UTF-8 text.
    pub body: Bytes,
    /// Order and deduplication, where it goes to a FIFO queue.
    pub fifo: Option<Fifo>,
}
