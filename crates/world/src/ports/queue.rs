//! The port of a queue, and the queues of a run.

use std::time::Duration;

use jiff::SignedDuration;
use smol_str::SmolStr;
use tenfold_ports::CallError;
use tenfold_ports::queue::{BATCH, Delivery, Depth, Outgoing, Queue, Rejected};

use crate::aws::queue::batch::refused;
use crate::aws::queue::entry::BatchEntry;
use crate::aws::queue::receipt::Receipt;
use crate::aws::queue::receive::{MAX_WAIT, visibility};
use crate::aws::queue::{Messages, QueueSettings};
use crate::kernel::call::Takes;
use crate::kernel::ids::QueueId;
use crate::kernel::site::Site;
use crate::run::env::Env;
use crate::run::state::{RunState, detail};
use crate::run::world::World;

impl World {
    /// Adds a queue.
    pub fn add_queue(&self, name: &'static str, settings: QueueSettings) -> QueueId {
        let mut state = self.state.borrow_mut();
        let id = QueueId { index: state.queues.len(), name };
        state.queues.push(Messages::new(id, settings));
        id
    }

    /// Puts each message of a queue there once more, to be received after so long: as SQS may deliver it twice.
    pub fn repeat(&self, queue: QueueId, after: SignedDuration) {
        let mut state = self.state.borrow_mut();
        let now = state.now;
        state.queues[queue.index].repeat(now + after);
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

impl RunState {
    /// Takes an action's place in the rate of a FIFO queue; standard queues have none.
    fn spend_action(&mut self, queue: usize, action: &'static str) -> Result<(), CallError> {
        if self.timed.is_none() || !self.queues[queue].is_fifo() {
            return Ok(());
        }
        self.spend_rate("queue.fifo_calls", &format!("{action} {queue}"), 1)
    }

    fn receive(&mut self, queue: usize, max: usize, wait: Duration) -> Result<Vec<Delivery>, CallError> {
        if max == 0 || max > BATCH || wait > MAX_WAIT {
            return refused("InvalidParameterValue");
        }
        self.spend_action(queue, "receive")?;
        // Waits as long as it may for the first message; where time matters its driver has waited.
        match self.queues[queue].next_visible() {
            _ if self.goes_by_time() => {}
            Some(first) if first <= self.now => {}
            Some(first) if first <= self.now + wait => self.now = first,
            _ => self.now += wait,
        }
        Ok(self.take(queue, max, wait))
    }
}

impl QueueOf {
    fn site(&self, call: &'static str) -> Site {
        self.env.site(call, self.queue.name)
    }

    /// Applies a change to the message of each receipt, and answers for which it could not be.
    async fn each(
        &self,
        call: &'static str,
        receipts: Vec<SmolStr>,
        change: impl Fn(&mut RunState, Receipt) -> bool + 'static,
    ) -> Result<Rejected, CallError> {
        if receipts.is_empty() {
            return Ok(Rejected::new());
        }
        let queue = self.queue.index;
        let effect = move |state: &mut RunState| {
            if receipts.len() > BATCH {
                return (refused("TooManyEntriesInBatchRequest"), String::new());
            }
            if let Err(error) = state.spend_action(queue, call) {
                return (Err(error), String::new());
            }
            let mut rejected = Rejected::new();
            for (i, receipt) in receipts.iter().enumerate() {
                let receipt = Receipt::parse(receipt).filter(|r| r.queue == queue);
                if !receipt.is_some_and(|receipt| change(state, receipt)) {
                    rejected.push(i);
                }
            }
            let what = detail(state, || format!("{} except {rejected:?}", receipts.join(", ")));
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
        let entries: Vec<_> = messages.into_iter().map(BatchEntry::new).collect();
        let effect = move |state: &mut RunState| {
            let result = state.sends(&entries, |state, entries| {
                let now = state.now;
                state.spend_action(queue, "send")?;
                state.queues[queue].send_batch(entries, now)
            });
            let what = detail(state, || {
                let show = |e: &Result<BatchEntry, Outgoing>| match e {
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
        let effect = move |state: &mut RunState| {
            let result = state.receive(queue, max, wait);
            let what = detail(state, || {
                let show =
                    |d: &Delivery| format!("{} ({}.)", String::from_utf8_lossy(&d.body), d.receive_count);
                let bodies = result.iter().flatten().map(show);
                format!("-> [{}]", bodies.collect::<Vec<_>>().join(", "))
            });
            (result, what)
        };
        self.env.call_for(self.site("queue.receive"), Takes::Receive { queue, wait }, effect).await
    }

    async fn delete(&self, receipts: Vec<SmolStr>) -> Result<Rejected, CallError> {
        let delete = |state: &mut RunState, receipt: Receipt| {
            let now = state.now;
            state.queues[receipt.queue].delete(receipt, now)
        };
        self.each("queue.delete", receipts, delete).await
    }

    async fn hide(&self, receipts: Vec<SmolStr>, visibility: Duration) -> Result<Rejected, CallError> {
        let visibility = self::visibility(visibility);
        let hide = move |state: &mut RunState, receipt: Receipt| {
            let now = state.now;
            state.queues[receipt.queue].hide(receipt, now, now + visibility)
        };
        self.each("queue.hide", receipts, hide).await
    }

    async fn depth(&self) -> Result<Depth, CallError> {
        let queue = self.queue.index;
        let effect = move |state: &mut RunState| {
            let depth = state.queues[queue].depth(state.now);
            (Ok(depth), detail(state, || format!("{depth:?}")))
        };
        self.env.call(self.site("queue.depth"), effect).await
    }
}

#[cfg(test)]
mod tests;
