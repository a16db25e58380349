//! The messages of one queue, and what SQS does with them.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::str;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use smol_str::{SmolStr, format_smolstr};
use tenfold_ports::Bytes;
use tenfold_ports::queue::{Delivery, Depth, Fifo};

use super::entry::BatchEntry;
use super::receipt::Receipt;
use super::settings::QueueSettings;
use crate::kernel::choice::Choices;
use crate::kernel::ids::QueueId;

/// For how long a deduplication id is remembered.
const DEDUPLICATION: SignedDuration = SignedDuration::from_mins(5);

#[derive(Debug, Clone)]
pub(crate) struct QueuedMessage {
    id: u64,
    body: Bytes,
    fifo: Option<Fifo>,
    visible: Timestamp,
    sent: Timestamp,
    /// How often this queue delivered it.
    received: u32,
    /// How often the queue that it came from, as a dead letter, did.
    before: u32,
}

impl QueuedMessage {
    fn in_flight(&self, now: Timestamp) -> bool {
        self.received > 0 && self.visible > now
    }

    fn group(&self) -> Option<&SmolStr> {
        self.fifo.as_ref().map(|fifo| &fifo.group)
    }
}

/// The messages of a queue.
#[derive(Debug, Clone)]
pub struct Messages {
    pub(super) settings: QueueSettings,
    queue: usize,
    /// In the order in which they were sent.
    all: Vec<QueuedMessage>,
    next: u64,
    deduplication: BTreeMap<SmolStr, Timestamp>,
}

/// What a queue holds, whatever its messages are called. Two states that differ only in their messages' ids
/// count as one: a receipt is given anew with each receiving, and in quiescence nobody holds one any more.
impl Hash for Messages {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for message in &self.all {
            (&message.body, message.visible, message.sent, message.received, message.before).hash(state);
            message.fifo.hash(state);
        }
        (&self.deduplication, self.settings.duplicates).hash(state);
    }
}

impl Messages {
    pub(crate) const fn new(id: QueueId, settings: QueueSettings) -> Self {
        let queue = id.index;
        // A message keeps its id when it becomes a dead letter, so no two queues give the same one.
        let next = (queue as u64) << 32;
        Self { settings, queue, all: Vec::new(), next, deduplication: BTreeMap::new() }
    }

    /// Whether it is a FIFO queue.
    #[must_use]
    pub const fn is_fifo(&self) -> bool {
        self.settings.fifo
    }

    /// The bodies of all messages, received or not.
    pub fn bodies(&self) -> impl Iterator<Item = &str> {
        self.all.iter().map(|m| str::from_utf8(&m.body).unwrap_or_default())
    }

    /// When the next message can be received.
    #[must_use]
    pub fn next_visible(&self) -> Option<Timestamp> {
        if !self.settings.fifo {
            return self.all.iter().map(|m| m.visible).min();
        }
        // The head of each group, once nothing of the group is in flight.
        let heads = self.all.iter().enumerate().filter(|(i, m)| self.is_head(*i, m));
        heads.map(|(_, head)| self.unlocked(head)).min()
    }

    fn is_head(&self, at: usize, message: &QueuedMessage) -> bool {
        self.all[..at].iter().all(|before| before.group() != message.group())
    }

    /// When the head of a group can be received.
    fn unlocked(&self, head: &QueuedMessage) -> Timestamp {
        let received = self.all.iter().filter(|m| m.received > 0 && m.group() == head.group());
        received.map(|m| m.visible).fold(head.visible, Timestamp::max)
    }

    pub(crate) fn send(&mut self, entry: &BatchEntry, now: Timestamp) {
        let delay = if self.settings.fifo { self.settings.delay } else { entry.delay };
        if let Some(fifo) = &entry.fifo {
            self.deduplication.retain(|_, sent| now.duration_since(*sent) < DEDUPLICATION);
            if self.deduplication.contains_key(&fifo.deduplication) {
                return;
            }
            self.deduplication.insert(fifo.deduplication.clone(), now);
        }
        let (body, fifo) = (entry.body.clone(), entry.fifo.clone());
        let message = QueuedMessage {
            id: self.next,
            body,
            fifo,
            visible: now + delay,
            sent: now,
            received: 0,
            before: 0,
        };
        self.next += 1;
        self.all.push(message);
    }

    /// Takes a message that another queue delivered too often. Its count goes on: SQS counts "across all
    /// queues".
    pub(crate) fn take_dead(&mut self, message: QueuedMessage, now: Timestamp) {
        let before = message.before + message.received;
        // A FIFO queue's time starts anew.
        let sent = if self.settings.fifo { now } else { message.sent };
        self.all.push(QueuedMessage { visible: now, sent, received: 0, before, ..message });
    }

    /// The messages that can be received, in the order in which they are tried.
    fn ready(&self, now: Timestamp, choices: &mut Choices) -> Vec<usize> {
        if self.settings.fifo {
            return self.ready_groups(now, choices);
        }
        let visible = self.all.iter().enumerate().filter(|(_, m)| m.visible <= now);
        let mut ready: Vec<usize> = visible.map(|(i, _)| i).collect();
        // A standard queue keeps no order: the oldest or the youngest first tells enough.
        if ready.len() > 1 && choices.pick(2) == 1 {
            ready.reverse();
        }
        ready
    }

    /// As many of one group as can be, then those of the next.
    fn ready_groups(&self, now: Timestamp, choices: &mut Choices) -> Vec<usize> {
        let free = |(i, m): &(usize, &QueuedMessage)| self.is_head(*i, m) && self.unlocked(m) <= now;
        let mut heads: Vec<&QueuedMessage> =
            self.all.iter().enumerate().filter(free).map(|(_, head)| head).collect();
        let first = choices.pick(heads.len());
        heads.rotate_left(first);
        let group = |head: &QueuedMessage| {
            let group = head.group().cloned();
            let all = self.all.iter().enumerate().filter(move |(_, m)| m.group() == group.as_ref());
            all.take_while(move |(_, m)| m.visible <= now).map(|(i, _)| i)
        };
        heads.into_iter().flat_map(group).collect()
    }

    /// Delivers at most `max` messages, and gives away those that were delivered too often.
    pub(crate) fn receive(
        &mut self,
        now: Timestamp,
        max: usize,
        choices: &mut Choices,
    ) -> (Vec<Delivery>, Vec<QueuedMessage>) {
        let most = self.settings.redrive.map_or(u32::MAX, |(_, receives)| receives);
        let (mut deliveries, mut dead) = (Vec::new(), Vec::new());
        for i in self.ready(now, choices) {
            if deliveries.len() == max {
                break;
            }
            if self.all[i].received >= most {
                dead.push(self.all[i].id);
            } else {
                let twice =
                    !self.settings.fifo && self.settings.duplicates > 0 && choices.pick_rarely(2, 8) == 1;
                self.settings.duplicates -= u32::from(twice);
                let visibility = if twice { Duration::ZERO } else { self.settings.visibility };
                deliveries.push(self.deliver(i, now, visibility));
            }
        }
        let gone = if dead.is_empty() {
            Vec::new()
        } else {
            self.all.extract_if(.., |m| dead.contains(&m.id)).collect()
        };
        (deliveries, gone)
    }

    fn deliver(&mut self, at: usize, now: Timestamp, visibility: Duration) -> Delivery {
        let queue = self.queue;
        let message = &mut self.all[at];
        message.received += 1;
        message.visible = now + visibility;
        Delivery {
            id: format_smolstr!("{}", message.id),
            body: message.body.clone(),
            receipt: format_smolstr!("{queue}.{}.{}", message.id, message.received),
            receive_count: message.before + message.received,
            sent_at: message.sent,
        }
    }

    /// Deletes, and answers whether SQS would call it done.
    pub(crate) fn delete(&mut self, receipt: Receipt, now: Timestamp) -> bool {
        // What is gone may be deleted again.
        let Some(at) = self.position(receipt) else { return true };
        let newest = self.all[at].received == receipt.received;
        // A standard queue takes the newest receipt for as long as the message lives, and says yes to an
        // older one without deleting. A FIFO queue's receipts expire.
        let deletes = newest && (!self.settings.fifo || self.all[at].in_flight(now));
        if deletes {
            self.all.remove(at);
        }
        deletes || !self.settings.fifo
    }

    /// Hides, and answers whether SQS would call it done: not for what is not in flight by this receipt.
    pub(crate) fn hide(&mut self, receipt: Receipt, now: Timestamp, until: Timestamp) -> bool {
        let Some(at) = self.position(receipt) else { return false };
        let message = &mut self.all[at];
        let holds = message.received == receipt.received && message.in_flight(now);
        if holds {
            message.visible = until;
        }
        holds
    }

    fn position(&self, receipt: Receipt) -> Option<usize> {
        self.all.iter().position(|m| m.id == receipt.message)
    }

    pub(crate) fn depth(&self, now: Timestamp) -> Depth {
        let mut depth = Depth::default();
        for message in &self.all {
            match (message.visible > now, message.received) {
                (false, _) => depth.visible += 1,
                (true, 0) => depth.delayed += 1,
                (true, _) => depth.in_flight += 1,
            }
        }
        depth
    }
}
