//! Messages to send.

use std::time::Duration;

use tenfold_ports::Bytes;
use tenfold_ports::queue::{Fifo, MAX_DELAY, Outgoing};

/// A message to send, looked through once however often the call is applied.
#[derive(Debug)]
pub(crate) struct BatchEntry {
    pub body: Bytes,
    pub delay: Duration,
    pub fifo: Option<Fifo>,
}

impl BatchEntry {
    /// What SQS would reject comes back.
    pub(crate) fn new(message: Outgoing) -> Result<Self, Outgoing> {
        if message.body.is_empty() || !message.body.chars().all(allowed) || message.delay > MAX_DELAY {
            return Err(message);
        }
        let delay = Duration::from_secs(message.delay.as_secs());
        Ok(Self { body: Bytes::from(message.body), delay, fifo: message.fifo })
    }
}

/// The characters that SQS takes: those of XML.
const fn allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)
}
