//! An event bus with the semantics of Amazon EventBridge.
//!
//! What is put reaches the targets of every rule whose pattern matches, at least once and in any order.

use smol_str::SmolStr;

use crate::CallError;
use crate::queue::Rejected;

/// The most events that one call puts.
pub const BATCH: usize = 10;

/// The most bytes of the events of a batch together.
pub const MAX_BYTES: usize = 256 << 10;

/// An event.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BusEvent {
    /// Who says it: `tenfold.saga`. Not empty, and not `aws.` and more, which is kept for AWS.
    pub source: SmolStr,
    /// What kind of thing has happened; not empty.
    pub detail_type: SmolStr,
    /// What has happened: the text of a JSON object.
    pub detail: String,
}

impl BusEvent {
    /// How much the event counts of [`MAX_BYTES`].
    #[must_use]
    pub fn size(&self) -> usize {
        self.source.len() + self.detail_type.len() + self.detail.len()
    }
}

/// An event bus.
pub trait Bus {
    /// Puts at most [`BATCH`] events of at most [`MAX_BYTES`] in one call and answers which of them were rejected.
    ///
    /// # Errors
    /// The call as a whole failed.
    async fn put(&self, events: Vec<BusEvent>) -> Result<Rejected, CallError>;
}
