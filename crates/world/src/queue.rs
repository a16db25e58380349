//! Queues in memory, with the semantics of standard SQS queues: delays, visibility, receive counts, redrive,
//! and, as a fault, a message delivered to two at once.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use smol_str::{SmolStr, format_smolstr};
use tenfold_ports::queue::{BATCH, Delivery, Depth, MAX_DELAY, Outgoing, Queue, Rejected};
use tenfold_ports::{Bytes, CallError};

use crate::env::Env;
use crate::executor::State;

/// How long a received message stays hidden.
const VISIBILITY: SignedDuration = SignedDuration::from_secs(540);

/// The messages of a queue.
#[derive(Debug)]
pub struct Messages {
    name: &'static str,
    redrive: Option<(usize, u32)>,
    all: Vec<Message>,
    next: u64,
}

#[derive(Debug, Clone)]
struct Message {
    id: u64,
    body: String,
    visible: Timestamp,
    sent: Timestamp,
    received: u32,
    receipt: Option<SmolStr>,
}

impl Messages {
    pub(crate) const fn new(name: &'static str, redrive: Option<(usize, u32)>) -> Self {
        Self { name, redrive, all: Vec::new(), next: 0 }
    }

    /// The bodies of all messages, received or not.
    pub fn bodies(&self) -> impl Iterator<Item = &str> {
        self.all.iter().map(|m| m.body.as_str())
    }

    /// When the next message can be received.
    #[must_use]
    pub fn next_visible(&self) -> Option<Timestamp> {
        self.all.iter().map(|m| m.visible).min()
    }

    fn send(&mut self, body: String, visible: Timestamp, now: Timestamp) {
        let message = Message { id: self.next, body, visible, sent: now, received: 0, receipt: None };
        self.next += 1;
        self.all.push(message);
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

impl State {
    fn receive(&mut self, queue: usize, max: usize) -> Vec<Delivery> {
        let now = self.now;
        let mut dead = Vec::new();
        let messages = &mut self.queues[queue];
        if let Some((letters, most)) = messages.redrive {
            let (gone, kept) =
                messages.all.drain(..).partition::<Vec<_>, _>(|m| m.visible <= now && m.received >= most);
            messages.all = kept;
            dead.extend(gone.into_iter().map(|m| (letters, m.body)));
        }
        for (letters, body) in dead {
            self.queues[letters].send(body, now, now);
        }
        let mut ready: Vec<usize> =
            (0..self.queues[queue].all.len()).filter(|i| self.queues[queue].all[*i].visible <= now).collect();
        // A standard queue keeps no order: the oldest or the youngest first tells enough.
        if ready.len() > 1 && self.choices.pick(2) == 1 {
            ready.reverse();
        }
        ready.truncate(max);
        let mut deliveries = Vec::new();
        for i in ready {
            let message = &mut self.queues[queue].all[i];
            message.received += 1;
            message.visible = now + VISIBILITY;
            let receipt = format_smolstr!("{}-{}", message.id, message.received);
            message.receipt = Some(receipt.clone());
            deliveries.push(Delivery {
                id: format_smolstr!("{}", message.id),
                body: Bytes::from(message.body.clone()),
                receipt,
                receive_count: message.received,
                sent_at: message.sent,
            });
        }
        deliveries
    }
}

fn refused(why: &str) -> CallError {
    CallError::Refused(format!("AWS.SimpleQueueService.{why}"))
}

impl QueueOf {
    fn site(&self, call: &'static str) -> crate::Site {
        let name = self.env.state.borrow().queues[self.queue].name;
        self.env.site(call, name)
    }

    async fn each(
        &self,
        call: &'static str,
        receipts: Vec<SmolStr>,
        change: impl Fn(&mut Vec<Message>, usize),
    ) -> Result<Rejected, CallError> {
        let effect = |state: &mut State| {
            if receipts.is_empty() || receipts.len() > BATCH {
                return (Err(refused("TooManyEntriesInBatchRequest")), String::new());
            }
            let messages = &mut state.queues[self.queue].all;
            for receipt in &receipts {
                // SQS answers well for a message that is gone, or in other hands by now.
                let at = messages.iter().position(|m| m.receipt.as_ref() == Some(receipt));
                if let Some(at) = at {
                    change(messages, at);
                }
            }
            (Ok(Rejected::new()), format!("{receipts:?}"))
        };
        self.env.call(self.site(call), SignedDuration::ZERO, effect).await
    }
}

impl Queue for QueueOf {
    async fn send(&self, messages: Vec<Outgoing>) -> Result<Rejected, CallError> {
        let effect = |state: &mut State| {
            if messages.is_empty() || messages.len() > BATCH || messages.iter().any(|m| m.delay > MAX_DELAY) {
                return (Err(refused("InvalidParameterValue")), String::new());
            }
            let now = state.now;
            for message in &messages {
                state.queues[self.queue].send(message.body.clone(), now + message.delay, now);
            }
            let bodies =
                || messages.iter().map(|m| format!("{} after {:?}", m.body, m.delay)).collect::<Vec<_>>();
            let what = if state.trace.is_some() { bodies().join(", ") } else { String::new() };
            (Ok(Rejected::new()), what)
        };
        self.env.call(self.site("queue.send"), SignedDuration::ZERO, effect).await
    }

    async fn receive(&self, max: usize, wait: Duration) -> Result<Vec<Delivery>, CallError> {
        let effect = |state: &mut State| {
            if max == 0 || max > BATCH || wait > Duration::from_secs(20) {
                return (Err(refused("InvalidParameterValue")), String::new());
            }
            // Waits as long as it may for the first message.
            let first = state.queues[self.queue].next_visible();
            if let Some(first) = first.filter(|first| *first > state.now && *first <= state.now + wait) {
                state.now = first;
            } else if first.is_none_or(|first| first > state.now) {
                state.now += wait;
            }
            let deliveries = state.receive(self.queue, max);
            let what = format!("{} messages", deliveries.len());
            (Ok(deliveries), what)
        };
        self.env.call(self.site("queue.receive"), SignedDuration::ZERO, effect).await
    }

    async fn delete(&self, receipts: Vec<SmolStr>) -> Result<Rejected, CallError> {
        self.each("queue.delete", receipts, |messages, at| {
            messages.remove(at);
        })
        .await
    }

    async fn hide(&self, receipts: Vec<SmolStr>, visibility: Duration) -> Result<Rejected, CallError> {
        let until = self.env.state.borrow().now + visibility;
        self.each("queue.hide", receipts, move |messages, at| messages[at].visible = until).await
    }

    async fn depth(&self) -> Result<Depth, CallError> {
        let effect = |state: &mut State| {
            let now = state.now;
            let messages = &state.queues[self.queue].all;
            let hidden = |m: &&Message| m.visible > now;
            let depth = Depth {
                visible: messages.iter().filter(|m| m.visible <= now).count() as u64,
                in_flight: messages.iter().filter(hidden).filter(|m| m.received > 0).count() as u64,
                delayed: messages.iter().filter(hidden).filter(|m| m.received == 0).count() as u64,
            };
            (Ok(depth), format!("{depth:?}"))
        };
        self.env.call(self.site("queue.depth"), SignedDuration::ZERO, effect).await
    }
}
