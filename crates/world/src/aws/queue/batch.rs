//! Batches of messages, as SQS and the event source mappings of Lambda take them.

use std::time::Duration;

use jiff::Timestamp;
use smol_str::SmolStr;
use tenfold_ports::CallError;
use tenfold_ports::queue::{BATCH, Delivery, Outgoing, Rejected};

use super::entry::BatchEntry;
use super::messages::Messages;
use super::posted::Posted;
use super::receipt::Receipt;

/// The most bytes of all bodies of a batch together.
const MAX_BYTES: usize = 1 << 20;

/// What SQS answers to a call that it does not take.
pub(crate) fn refused<T>(why: &str) -> Result<T, CallError> {
    Err(CallError::Refused(format!("AWS.SimpleQueueService.{why}")))
}

impl Messages {
    /// Sends a batch, and says which of its entries are rejected.
    pub(crate) fn send_batch(
        &mut self,
        entries: &[Result<BatchEntry, Outgoing>],
        now: Timestamp,
    ) -> Result<Rejected, CallError> {
        if entries.len() > BATCH {
            return refused("TooManyEntriesInBatchRequest");
        }
        if entries.iter().map(|e| e.as_ref().map_or(0, |e| e.body.len())).sum::<usize>() > MAX_BYTES {
            return refused("BatchRequestTooLong");
        }
        let group = |entry: &Result<BatchEntry, Outgoing>| match entry {
            Ok(entry) => entry.fifo.is_some(),
            Err(message) => message.fifo.is_some(),
        };
        if self.settings.fifo && !entries.iter().all(group) {
            return refused("MissingParameter: MessageGroupId");
        }
        let mut rejected = Rejected::new();
        for (i, entry) in entries.iter().enumerate() {
            match entry {
                Ok(entry) if self.settings.fifo || entry.fifo.is_none() => self.send(entry, now),
                _ => rejected.push(i),
            }
        }
        Ok(rejected)
    }

    /// Takes a message of another service. A standard queue has no use for its group.
    pub(crate) fn accept(&mut self, posted: Posted, now: Timestamp) {
        let fifo = posted.fifo.filter(|_| self.settings.fifo);
        self.send(&BatchEntry { body: posted.body, delay: Duration::ZERO, fifo }, now);
    }

    /// Deletes what a mapping's function has taken; the rest is seen again when its visibility ends. By
    /// Lambda's developer guide ("Handling errors for an SQS event source") a message id that is not of the
    /// batch makes it "a complete failure".
    pub(crate) fn settle(&mut self, deliveries: &[Delivery], failed: &[SmolStr], now: Timestamp) {
        if failed.iter().any(|id| deliveries.iter().all(|delivery| delivery.id != *id)) {
            return;
        }
        for delivery in deliveries.iter().filter(|delivery| !failed.contains(&delivery.id)) {
            if let Some(receipt) = Receipt::parse(&delivery.receipt) {
                self.delete(receipt, now);
            }
        }
    }
}
