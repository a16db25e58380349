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

use jiff::SignedDuration;
use smol_str::SmolStr;
use tenfold_ports::CallError;
use tenfold_ports::queue::{BATCH, Delivery, Depth, Outgoing, Queue, Rejected};

pub use accept::Posted;
pub use messages::Messages;
use messages::{Entry, Receipt, seconds};

use crate::env::Env;
use crate::executor::{State, World};
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
    pub redrive: Option<(usize, u32)>,
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
    pub const fn redrive(mut self, dead_letters: usize, receives: u32) -> Self {
        self.redrive = Some((dead_letters, receives));
        self
    }
}

impl World {
    /// Adds a queue.
    pub fn add_queue(&self, name: &'static str, settings: QueueSettings) -> usize {
        let queues = &mut self.state.borrow_mut().queues;
        queues.push(Messages::new(name, queues.len(), settings));
        queues.len() - 1
    }

    /// Looks at a queue.
    pub fn queue<R>(&self, queue: usize, look: impl FnOnce(&Messages) -> R) -> R {
        look(&self.state.borrow().queues[queue])
    }
}

/// A queue as a handler holds it: an environment and which queue.
#[derive(Debug, Clone)]
pub struct QueueOf {
    env: Env,
    queue: usize,
}

impl Env {
    /// The port of a queue.
    #[must_use]
    pub fn queue(&self, queue: usize) -> QueueOf {
        QueueOf { env: self.clone(), queue }
    }
}

fn refused<T>(why: &str) -> Result<T, CallError> {
    Err(CallError::Refused(format!("AWS.SimpleQueueService.{why}")))
}

impl State {
    fn send(&mut self, queue: usize, entries: &[Result<Entry, Outgoing>]) -> Result<Rejected, CallError> {
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
                Ok(entry) if messages.settings.fifo || entry.fifo.is_none() => messages.send(entry, self.now),
                _ => rejected.push(i),
            }
        }
        Ok(rejected)
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
        let max = self.perhaps_short(queue, max, wait);
        let (deliveries, dead) = self.queues[queue].receive(self.now, max, &mut self.choices);
        if let Some((letters, _)) = self.queues[queue].settings.redrive {
            let letters = &mut self.queues[letters];
            for message in dead {
                letters.take_dead(message, self.now);
            }
        }
        Ok(deliveries)
    }
}

impl QueueOf {
    fn site(&self, call: &'static str) -> crate::Site {
        let name = self.env.state.borrow().queues[self.queue].name;
        self.env.site(call, name)
    }

    /// Applies a change to the message of each receipt, and answers for which it could not be.
    async fn each(
        &self,
        call: &'static str,
        receipts: Vec<SmolStr>,
        change: impl Fn(&mut State, usize, Receipt) -> bool,
    ) -> Result<Rejected, CallError> {
        if receipts.is_empty() {
            return Ok(Rejected::new());
        }
        let effect = |state: &mut State| {
            if receipts.len() > BATCH {
                return (refused("TooManyEntriesInBatchRequest"), String::new());
            }
            let mut rejected = Rejected::new();
            for (i, receipt) in receipts.iter().enumerate() {
                let receipt = Receipt::parse(receipt).filter(|r| r.queue == self.queue);
                if !receipt.is_some_and(|receipt| change(state, self.queue, receipt)) {
                    rejected.push(i);
                }
            }
            let what = told(state, || format!("{} except {rejected:?}", receipts.join(", ")));
            (Ok(rejected), what)
        };
        self.env.call(self.site(call), SignedDuration::ZERO, effect).await
    }
}

impl Queue for QueueOf {
    async fn send(&self, messages: Vec<Outgoing>) -> Result<Rejected, CallError> {
        if messages.is_empty() {
            return Ok(Rejected::new());
        }
        let entries: Vec<_> = messages.into_iter().map(Entry::new).collect();
        let effect = |state: &mut State| {
            let result = state.send(self.queue, &entries);
            let what = told(state, || {
                let show = |e: &Result<Entry, Outgoing>| match e {
                    Ok(e) => format!("{} after {:?}", String::from_utf8_lossy(&e.body), e.delay),
                    Err(bad) => format!("{bad:?}"),
                };
                entries.iter().map(show).collect::<Vec<_>>().join(", ")
            });
            (result, what)
        };
        self.env.call(self.site("queue.send"), SignedDuration::ZERO, effect).await
    }

    async fn receive(&self, max: usize, wait: Duration) -> Result<Vec<Delivery>, CallError> {
        let effect = |state: &mut State| {
            let result = state.receive(self.queue, max, wait);
            let what = told(state, || {
                let show =
                    |d: &Delivery| format!("{} ({}.)", String::from_utf8_lossy(&d.body), d.receive_count);
                let bodies = result.iter().flatten().map(show);
                format!("-> [{}]", bodies.collect::<Vec<_>>().join(", "))
            });
            (result, what)
        };
        self.env.call(self.site("queue.receive"), SignedDuration::ZERO, effect).await
    }

    async fn delete(&self, receipts: Vec<SmolStr>) -> Result<Rejected, CallError> {
        let delete =
            |state: &mut State, queue: usize, receipt| state.queues[queue].delete(receipt, state.now);
        self.each("queue.delete", receipts, delete).await
    }

    async fn hide(&self, receipts: Vec<SmolStr>, visibility: Duration) -> Result<Rejected, CallError> {
        let visibility = seconds(visibility.min(MAX_VISIBILITY));
        let hide = |state: &mut State, queue: usize, receipt| {
            state.queues[queue].hide(receipt, state.now, state.now + visibility)
        };
        self.each("queue.hide", receipts, hide).await
    }

    async fn depth(&self) -> Result<Depth, CallError> {
        let effect = |state: &mut State| {
            let depth = state.queues[self.queue].depth(state.now);
            (Ok(depth), told(state, || format!("{depth:?}")))
        };
        self.env.call(self.site("queue.depth"), SignedDuration::ZERO, effect).await
    }
}

#[cfg(test)]
mod tests;
