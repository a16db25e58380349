//! Receipts, by which a message is deleted or hidden.

/// Names one receiving of one message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Receipt {
    pub queue: usize,
    pub(super) place: u64,
    pub(super) received: u32,
}

impl Receipt {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let receipt = Self {
            queue: parts.next()?.parse().ok()?,
            place: parts.next()?.parse().ok()?,
            received: parts.next()?.parse().ok()?,
        };
        parts.next().is_none().then_some(receipt)
    }
}
