//! Queues in memory, with the semantics of SQS: delays, visibility, receive counts, receipts that age, redrive,
//! and FIFO queues with their groups and their deduplication.
//!
//! Where AWS leaves the order open, on a standard queue and between the groups of a FIFO queue, the world
//! chooses; and in runs with stale reads also whether a receive delivers all that it could. Where LocalStack differs from AWS's documentation, the documentation is followed:
//! `tests/conformance/DIFFERENCES.md`.

mod accept;
mod messages;
mod short;

use std::time::Duration;

use smol_str::SmolStr;
use tenfold_ports::CallError;
use tenfold_ports::queue::{BATCH, Delivery, Depth, Outgoing, Queue, Rejected};

pub use accept::Posted;
pub use messages::Messages;
use messages::{Entry, Receipt, seconds};

use crate::env::Env;
use crate::executor::{State, World};
use crate::ids::QueueId;
use crate::trace::told;

/// The most bytes of all bodies of a batch together.
const MAX_BYTES: usize = 1 << 20;
/// The longest wait of a receive.
const MAX_WAIT: Duration = Duration::from_secs(20);
/// The longest visibility.
const MAX_VISIBILITY: Duration = Duration::from_hours(12);

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
}

impl Default for QueueSettings {
    fn default() -> Self {
        let visibility = Duration::from_secs(30);
        Self { visibility, delay: Duration::ZERO, redrive: None, fifo: false, duplicates: 0 }
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

impl World {
    /// Adds a queue.
    pub fn add_queue(&self, name: &'static str, settings: QueueSettings) -> QueueId {
        let mut state = self.state.borrow_mut();
        let id = QueueId { index: state.queues.len(), name };
        state.queues.push(Messages::new(id, settings));
        id
    }

    /// Looks at a queue.
    pub fn queue<R>(&self, queue: QueueId, look: impl FnOnce(&Messages) -> R) -> R {
        look(&self.state.borrow().queues[queue.index])
    }
}

/// A queue as a handler holds it: an environment and which queue.
#[derive(Debug, Clone)]
pub struct QueueOf {
    env: Env,
    queue: QueueId,
}

impl Env {
    /// The port of a queue.
    #[must_use]
    pub fn queue(&self, queue: QueueId) -> QueueOf {
        QueueOf { env: self.clone(), queue }
    }
}

fn refused<T>(why: &str) -> Result<T, CallError> {
    Err(CallError::Refused(format!("AWS.SimpleQueueService.{why}")))
}

impl State {
    fn send(&mut self, queue: usize, entries: &[Result<Entry, Outgoing>]) -> Result<Rejected, CallError> {
        let now = self.now;
        let messages = &mut self.queues[queue];
        if entries.len() > BATCH {
            return refused("TooManyEntriesInBatchRequest");
        }
        if entries.iter().map(|e| e.as_ref().map_or(0, |e| e.body.len())).sum::<usize>() > MAX_BYTES {
            return refused("BatchRequestTooLong");
        }
        let group = |entry: &Result<Entry, Outgoing>| match entry {
            Ok(entry) => entry.fifo.is_some(),
            Err(message) => message.fifo.is_some(),
        };
        if messages.settings.fifo && !entries.iter().all(group) {
            return refused("MissingParameter: MessageGroupId");
        }
        let mut rejected = Rejected::new();
        for (i, entry) in entries.iter().enumerate() {
            match entry {
                Ok(entry) if messages.settings.fifo || entry.fifo.is_none() => messages.send(entry, now),
                _ => rejected.push(i),
            }
        }
        Ok(rejected)
    }

    /// What an event source mapping receives now.
    pub(crate) fn deliveries(&mut self, queue: usize, max: usize) -> Vec<Delivery> {
        self.take(queue, max, MAX_WAIT)
    }

    /// Deletes what a mapping's function has taken; the rest is seen again when its visibility ends. By Lambda's
    /// developer guide ("Handling errors for an SQS event source") a message id that is not of the batch makes
    /// it "a complete failure".
    pub(crate) fn settle_deliveries(&mut self, queue: usize, deliveries: &[Delivery], failed: &[SmolStr]) {
        if failed.iter().any(|id| deliveries.iter().all(|delivery| delivery.id != *id)) {
            return;
        }
        for delivery in deliveries.iter().filter(|delivery| !failed.contains(&delivery.id)) {
            if let Some(receipt) = Receipt::parse(&delivery.receipt) {
                self.queues[queue].delete(receipt, self.now);
            }
        }
    }

    fn receive(&mut self, queue: usize, max: usize, wait: Duration) -> Result<Vec<Delivery>, CallError> {
        if max == 0 || max > BATCH || wait > MAX_WAIT {
            return refused("InvalidParameterValue");
        }
        // Waits as long as it may for the first message.
        match self.queues[queue].next_visible() {
            Some(first) if first <= self.now => {}
            Some(first) if first <= self.now + wait => self.now = first,
            _ => self.now += wait,
        }
        Ok(self.take(queue, max, wait))
    }

    /// Receives what can be received now.
    fn take(&mut self, queue: usize, max: usize, wait: Duration) -> Vec<Delivery> {
        let max = self.perhaps_short(queue, max, wait);
        let messages = &mut self.queues[queue];
        let (deliveries, dead) = messages.receive(self.now, max, &mut self.choices);
        if let Some((letters, _)) = messages.settings.redrive {
            for message in dead {
                self.queues[letters.index].take_dead(message, self.now);
            }
        }
        deliveries
    }
}

impl QueueOf {
    fn site(&self, call: &'static str) -> crate::Site {
        self.env.site(call, self.queue.name)
    }

    /// Applies a change to the message of each receipt, and answers for which it could not be.
    async fn each(
        &self,
        call: &'static str,
        receipts: Vec<SmolStr>,
        change: impl Fn(&mut State, Receipt) -> bool + 'static,
    ) -> Result<Rejected, CallError> {
        if receipts.is_empty() {
            return Ok(Rejected::new());
        }
        let queue = self.queue.index;
        let effect = move |state: &mut State| {
            if receipts.len() > BATCH {
                return (refused("TooManyEntriesInBatchRequest"), String::new());
            }
            let mut rejected = Rejected::new();
            for (i, receipt) in receipts.iter().enumerate() {
                let receipt = Receipt::parse(receipt).filter(|r| r.queue == queue);
                if !receipt.is_some_and(|receipt| change(state, receipt)) {
                    rejected.push(i);
                }
            }
            let what = told(state, || format!("{} except {rejected:?}", receipts.join(", ")));
            (Ok(rejected), what)
        };
        self.env.call(self.site(call), effect).await
    }
}

impl Queue for QueueOf {
    async fn send(&self, messages: Vec<Outgoing>) -> Result<Rejected, CallError> {
        if messages.is_empty() {
            return Ok(Rejected::new());
        }
        let queue = self.queue.index;
        let entries: Vec<_> = messages.into_iter().map(Entry::new).collect();
        let effect = move |state: &mut State| {
            let result = state.sends(&entries, |state, entries| state.send(queue, entries));
            let what = told(state, || {
                let show = |e: &Result<Entry, Outgoing>| match e {
                    Ok(e) => format!("{} after {:?}", String::from_utf8_lossy(&e.body), e.delay),
                    Err(bad) => format!("{bad:?}"),
                };
                entries.iter().map(show).collect::<Vec<_>>().join(", ")
            });
            (result, what)
        };
        self.env.call(self.site("queue.send"), effect).await
    }

    async fn receive(&self, max: usize, wait: Duration) -> Result<Vec<Delivery>, CallError> {
        let queue = self.queue.index;
        let effect = move |state: &mut State| {
            let result = state.receive(queue, max, wait);
            let what = told(state, || {
                let show =
                    |d: &Delivery| format!("{} ({}.)", String::from_utf8_lossy(&d.body), d.receive_count);
                let bodies = result.iter().flatten().map(show);
                format!("-> [{}]", bodies.collect::<Vec<_>>().join(", "))
            });
            (result, what)
        };
        self.env.call(self.site("queue.receive"), effect).await
    }

    async fn delete(&self, receipts: Vec<SmolStr>) -> Result<Rejected, CallError> {
        let delete = |state: &mut State, receipt: Receipt| {
            let now = state.now;
            state.queues[receipt.queue].delete(receipt, now)
        };
        self.each("queue.delete", receipts, delete).await
    }

    async fn hide(&self, receipts: Vec<SmolStr>, visibility: Duration) -> Result<Rejected, CallError> {
        let visibility = seconds(visibility.min(MAX_VISIBILITY));
        let hide = move |state: &mut State, receipt: Receipt| {
            let now = state.now;
            state.queues[receipt.queue].hide(receipt, now, now + visibility)
        };
        self.each("queue.hide", receipts, hide).await
    }

    async fn depth(&self) -> Result<Depth, CallError> {
        let queue = self.queue.index;
        let effect = move |state: &mut State| {
            let depth = state.queues[queue].depth(state.now);
            (Ok(depth), told(state, || format!("{depth:?}")))
        };
        self.env.call(self.site("queue.depth"), effect).await
    }
}

#[cfg(test)]
mod tests;
