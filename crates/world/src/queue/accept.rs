//! What other services put into a queue: topics, buses, and those that give up.

use std::time::Duration;

use jiff::Timestamp;
use tenfold_ports::Bytes;
use tenfold_ports::queue::Fifo;

use super::Messages;
use super::messages::Entry;
use crate::executor::State;
use crate::ids::QueueId;

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

impl Messages {
    /// Whether it is a FIFO queue.
    #[must_use]
    pub const fn is_fifo(&self) -> bool {
        self.settings.fifo
    }

    /// Takes a message of another service. A standard queue has no use for its group.
    pub(crate) fn accept(&mut self, posted: Posted, now: Timestamp) {
        let fifo = posted.fifo.filter(|_| self.settings.fifo);
        self.send(&Entry { body: posted.body, delay: Duration::ZERO, fifo }, now);
    }
}

impl State {
    /// Puts a message of another service into its queue.
    pub(crate) fn post(&mut self, posted: Posted) {
        let now = self.now;
        self.queues[posted.queue.index].accept(posted, now);
    }
}
