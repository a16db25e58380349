//! What becomes of a request that waits.

use jiff::Timestamp;

use crate::names::RequestId;
use crate::rows::RequestRow;

/// What became of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Disposition {
    /// The target has answered.
    Delivered,
    /// The target failed once more.
    Failed,
    /// The request is put off, since its tenant's breaker lets nothing through.
    Deferred,
    /// The request was given up.
    Dead,
    /// The request waits no longer.
    Dropped,
    /// It is not its turn: it stays as it is.
    Left,
}

/// What became of one request, and what comes of it.
#[derive(Debug)]
pub(super) enum Processed {
    /// It is dealt with.
    Done {
        /// What became of it.
        disposition: Disposition,
        /// The time at which it is due again, where it was put off.
        due: Option<Timestamp>,
        /// The next of its order group, whose turn it is now.
        next: Option<RequestId>,
    },
    /// Getting so far took too long for a call to begin: it is to be tried anew. The request is as it was.
    Again(Box<RequestRow>),
    /// The target's breaker lets nothing through before a time (none: before a person says otherwise). The request is as
    /// it was.
    Blocked(Box<RequestRow>, Option<Timestamp>),
}

impl Processed {
    pub(super) const fn only(disposition: Disposition) -> Self {
        Self::Done { disposition, due: None, next: None }
    }

    pub(super) const fn again(disposition: Disposition, due: Timestamp) -> Self {
        Self::Done { disposition, due: Some(due), next: None }
    }

    pub(super) const fn before(disposition: Disposition, next: Option<RequestId>) -> Self {
        Self::Done { disposition, due: None, next }
    }
}
