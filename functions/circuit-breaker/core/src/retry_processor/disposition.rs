//! What becomes of a message.

use tenfold_ports::queue::Outgoing;

/// What became of one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Disposition {
    /// The target has answered.
    Delivered,
    /// The target failed once more.
    Failed,
    /// The request was not tried, and its message comes again.
    Deferred,
    /// The request was given up.
    Dead,
    /// The message was of no use.
    Dropped,
}

/// What is to be done about a message that was processed: it is deleted, and others are sent.
#[derive(Debug)]
pub(super) struct Processed {
    /// What became of it.
    pub(super) disposition: Disposition,
    /// The messages to be sent.
    pub(super) send: Vec<Outgoing>,
}

impl Processed {
    pub(super) const fn only(disposition: Disposition) -> Self {
        Self { disposition, send: Vec::new() }
    }

    pub(super) fn with(disposition: Disposition, message: Outgoing) -> Self {
        Self { disposition, send: vec![message] }
    }
}
