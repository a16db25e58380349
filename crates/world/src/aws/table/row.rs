//! A row of the table: an item as it is, and as it was.

use jiff::{SignedDuration, Timestamp};
use tenfold_ports::table::Item;

#[derive(Debug, Default, Hash)]
pub(crate) struct Row {
    pub now: Option<Item>,
    pub before: Option<Item>,
    pub written: Timestamp,
}

/// For how long an eventually consistent read may miss a write.
const STALE: SignedDuration = SignedDuration::from_secs(1);

impl Row {
    /// What an eventually consistent read may see instead; none where it must see the item as it is.
    pub(crate) fn stale(&self, now: Timestamp) -> Option<&Option<Item>> {
        (now.duration_since(self.written) < STALE && self.before != self.now).then_some(&self.before)
    }
}
