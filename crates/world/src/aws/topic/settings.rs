//! How a topic is set up, and who subscribes to it.

use super::filter::Filter;
use crate::kernel::ids::QueueId;

/// How a topic is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TopicSettings {
    /// Whether it is a FIFO topic, with deduplication over the whole topic.
    pub fifo: bool,
    /// How many deliveries of a run a standard topic may make twice.
    pub duplicates: u32,
}

/// A queue that wants notices. Cheap to clone.
#[derive(Debug, Clone, PartialEq)]
pub struct QueueSubscription {
    /// Which queue.
    pub queue: QueueId,
    /// Whether the message's body is that of the notice, and not an envelope around it.
    pub raw: bool,
    /// Which notices; none for all.
    pub filter: Option<Filter>,
}

impl QueueSubscription {
    /// A queue that wants all notices, in envelopes.
    #[must_use]
    pub const fn of(queue: QueueId) -> Self {
        Self { queue, raw: false, filter: None }
    }

    /// The same with raw delivery.
    #[must_use]
    pub fn raw(self) -> Self {
        Self { raw: true, ..self }
    }

    /// The same for those notices only that pass.
    #[must_use]
    pub fn filtered(self, filter: Filter) -> Self {
        Self { filter: Some(filter), ..self }
    }
}
