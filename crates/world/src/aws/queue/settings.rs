//! How a queue is set up.

use std::time::Duration;

use crate::kernel::ids::QueueId;

/// How a queue is set up. The defaults are those of SQS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueSettings {
    /// How long a received message stays hidden.
    pub visibility: Duration,
    /// For how long each message of a FIFO queue is hidden at first. A message on a standard queue brings its
    /// own delay.
    pub delay: Duration,
    /// The queue for messages that were received too often, and how often that is.
    pub redrive: Option<(QueueId, u32)>,
    /// Whether it is a FIFO queue, with deduplication over the whole queue.
    pub fifo: bool,
    /// How many messages of a run a standard queue may deliver while somebody else holds them.
    pub duplicates: u32,
    /// How many messages may be received and not yet deleted: SQS's quota is 120,000, and 20,000 for FIFO. No
    /// limit in runs that try every order.
    pub most_in_flight: usize,
}

impl Default for QueueSettings {
    fn default() -> Self {
        let visibility = Duration::from_secs(30);
        Self {
            visibility,
            delay: Duration::ZERO,
            redrive: None,
            fifo: false,
            duplicates: 0,
            most_in_flight: usize::MAX,
        }
    }
}

impl QueueSettings {
    /// Settings with this visibility.
    #[must_use]
    pub fn visible_after(visibility: Duration) -> Self {
        Self { visibility, ..Self::default() }
    }

    /// The same, with messages going to the queue `dead_letters` after `receives`.
    #[must_use]
    pub const fn redrive(mut self, dead_letters: QueueId, receives: u32) -> Self {
        self.redrive = Some((dead_letters, receives));
        self
    }
}
