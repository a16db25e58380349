//! A message queue with the semantics of Amazon SQS.
//!
//! At least once: a message is delivered again unless it is deleted before its visibility ends, and now and
//! then even so. A standard queue keeps no order.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use smol_str::SmolStr;

use crate::CallError;

/// The most messages that one call sends, receives or deletes.
pub const BATCH: usize = 10;

/// The most bytes of all bodies of a batch together. AWS has taken four times as much since August 2025; what is cut
/// by this is taken everywhere.
pub const MAX_BYTES: usize = 256 << 10;

/// The longest delay of a message on a standard queue.
pub const MAX_DELAY: Duration = Duration::from_mins(15);

/// A message to send.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Outgoing {
    /// The body, as UTF-8 text: SQS takes nothing else.
    pub body: String,
    /// How long the message stays hidden at first; at most [`MAX_DELAY`], whole seconds. Ignored by FIFO
    /// queues, which only know a delay for the whole queue.
    pub delay: Duration,
    /// Order and deduplication; required on a FIFO queue and absent on a standard one.
    pub fifo: Option<Fifo>,
}

impl Outgoing {
    /// A message for a standard queue, without a delay.
    #[must_use]
    pub const fn new(body: String) -> Self {
        Self { body, delay: Duration::ZERO, fifo: None }
    }

    /// The same message, hidden for `delay` first (rounded up to seconds, at most [`MAX_DELAY`]).
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        let seconds = delay.as_secs() + u64::from(delay.subsec_nanos() > 0);
        self.delay = Duration::from_secs(seconds).min(MAX_DELAY);
        self
    }
}

/// What a FIFO queue wants to know of a message.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Fifo {
    /// Messages of one group are delivered in order, one at a time.
    pub group: SmolStr,
    /// A second message with this id within five minutes is dropped.
    pub deduplication: SmolStr,
}

/// A message received.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Delivery {
    /// The queue's own id of the message.
    pub id: SmolStr,
    /// The body.
    pub body: Bytes,
    /// What deletes this receipt of the message.
    pub receipt: SmolStr,
    /// How often the message was received, this time included.
    pub receive_count: u32,
    /// When it was sent.
    pub sent_at: Timestamp,
}

/// About how many messages a queue holds. SQS counts approximately.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Depth {
    /// Ready to be received.
    pub visible: u64,
    /// Received and not yet deleted.
    pub in_flight: u64,
    /// Sent with a delay that has not passed.
    pub delayed: u64,
}

/// The indices, in the order of the call, of the entries that a batch call did not carry out.
pub type Rejected = Vec<usize>;

/// A queue.
pub trait Queue {
    /// Sends at most [`BATCH`] messages in one call and answers which of them were rejected.
    ///
    /// # Errors
    /// The call as a whole failed.
    async fn send(&self, messages: Vec<Outgoing>) -> Result<Rejected, CallError>;

    /// Receives at most `max` (1 to [`BATCH`]) messages, waiting at most `wait` (0 to 20 s) for the first.
    ///
    /// # Errors
    /// The call failed. With [`CallError::Unknown`] messages may have been received by nobody; they come back
    /// when their visibility ends.
    async fn receive(&self, max: usize, wait: Duration) -> Result<Vec<Delivery>, CallError>;

    /// Deletes at most [`BATCH`] messages by their receipts and answers which were not.
    ///
    /// # Errors
    /// The call as a whole failed; the messages may come again.
    async fn delete(&self, receipts: Vec<SmolStr>) -> Result<Rejected, CallError>;

    /// Hides at most [`BATCH`] received messages for `visibility` from now on; zero gives them back at once.
    ///
    /// # Errors
    /// The call as a whole failed; the messages keep the visibility that they had.
    async fn hide(&self, receipts: Vec<SmolStr>, visibility: Duration) -> Result<Rejected, CallError>;

    /// About how many messages there are.
    ///
    /// # Errors
    /// The call failed.
    async fn depth(&self) -> Result<Depth, CallError>;
}
